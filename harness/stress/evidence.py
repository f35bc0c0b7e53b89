"""What is kept of an execution beside its finding: the last operations of its threads, and native stacks."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence

import msgspec

from harness.builds import Progress

FORMAT = 1
STACK_SECONDS = 8.0
_DEPTH = 30


def operations_json(progress: Progress) -> bytes:
    """Return operations.json: each thread's last operations, oldest first, and the one that had not ended."""
    threads = []
    for number in range(progress.threads):
        track = progress.track(number)
        last = [[op.name, *op.args] for op in track.last]
        running = last[-1] if track.running and last else None
        threads.append({"thread": number, "finished": track.finished, "running": running, "last": last})
    data = {"format": FORMAT, "seed": progress.seed, "phase": progress.phase, "threads": threads}
    return msgspec.json.encode(data) + b"\n"


def running_operations(progress: Progress) -> tuple[str, ...]:
    """Return the names of the operations that had begun and not ended."""
    tracks = [progress.track(number) for number in range(progress.threads)]
    return tuple(track.last[-1].name for track in tracks if track.running and track.last)


def native_stacks(pids: Sequence[int], interrupted: Callable[[], bool]) -> str:
    """Return the stacks of all threads of some processes, as gdb sees them; empty where there is no gdb.

    Bounded in time, and ended at once by an interruption: gdb may itself wait for what hangs.
    """
    gdb = shutil.which("gdb")
    if gdb is None:
        return ""
    deadline = time.monotonic() + STACK_SECONDS
    return "".join(_stack(gdb, pid, deadline, interrupted) for pid in pids)


def _stack(gdb: str, pid: int, deadline: float, interrupted: Callable[[], bool]) -> str:
    command = [
        gdb,
        "-nx",
        "-batch",
        "-iex",
        "set debuginfod enabled off",
        "-iex",
        "set auto-load off",
        "-ex",
        "set pagination off",
    ]
    command += ["-ex", f"thread apply all backtrace {_DEPTH}", "-p", str(pid)]
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                text = process.communicate(timeout=0.1)[0].decode(errors="replace")
                return f"process {pid}:\n{text}\n"
            if interrupted() or time.monotonic() >= deadline:
                process.kill()
                return f"process {pid}: gdb did not answer in time\n"
