"""A process of its own for whatever loads the database's code: it may crash, and it leaves nothing behind."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.builds import interpreter

ADDRESS_SPACE = 64 << 30  # the code alone is 0.7 GB; chunks are reserved long before they are touched
TICK = 1.0
SHOWN = 2_000  # characters of what a dead process printed
UNDER_WAY = "under_way.json"  # what the process was doing, if it said so


class Died(Exception):
    """The process ended without an answer; `doing` is what it had said it was about to do."""

    def __init__(self, how: str, printed: str, doing: Any) -> None:
        super().__init__(how)
        self.how, self.printed, self.doing = how, printed, doing


def apart(
    job: str, request: dict[str, Any], seconds: float, tell: Callable[[Any], None] = lambda _: None
) -> dict[str, Any]:
    """Let `harness.live.process` do a job in a folder of its own, and return its answer. Raises Died.

    `tell` gets, about once a second, what the process says that it is doing.
    """
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    with tempfile.TemporaryDirectory(prefix="racewash-", ignore_cleanup_errors=True) as folder:
        printed = Path(folder, "printed.txt")
        command = [interpreter(), "-P", "-m", "harness.live.process", job]
        with printed.open("wb") as out:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env={**os.environ, "PYTHONPATH": path, "PYTHONFAULTHANDLER": ""},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=out,
                start_new_session=True,
            )
            try:
                answer = _answer(process, json.dumps(request).encode(), seconds, lambda: tell(_doing(folder)))
            except subprocess.TimeoutExpired:
                raise Died(f"it did not end within {seconds:.0f} s", _tail(printed), _doing(folder)) from None
            finally:
                _end(process)
        if process.returncode != 0:
            raise Died(_how(process.returncode), _tail(printed), _doing(folder))
    result: dict[str, Any] = json.loads(answer)
    return result


def _answer(process: subprocess.Popen[bytes], request: bytes, seconds: float, tick: Callable[[], None]) -> bytes:
    deadline = time.monotonic() + seconds
    data: bytes | None = request
    while True:
        try:
            answer, _ = process.communicate(data, timeout=TICK)
            return answer
        except subprocess.TimeoutExpired:
            if time.monotonic() >= deadline:
                raise
            data = None  # it has been taken: communicate goes on where it was
            tick()


def cap_memory() -> None:
    """Limit what this process may map."""
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _how(code: int) -> str:
    return f"it died of {signal.Signals(-code).name}" if code < 0 else f"it ended with {code}"


def _tail(printed: Path) -> str:
    return printed.read_text(encoding="utf-8", errors="replace")[-SHOWN:]


def _doing(folder: str) -> Any:
    try:
        return json.loads(Path(folder, UNDER_WAY).read_bytes())
    except (OSError, ValueError):
        return None
