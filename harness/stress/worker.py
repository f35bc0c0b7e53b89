"""The worker process, started as `python -m harness.stress.worker FD`: loads a build, commits the canary, executes.

Its commands come on stdin; its messages go out on the descriptor FD. stdout and stderr are one memory file that the
supervisor reads, so that printing never blocks and needs no disk.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import pickle
import re
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from harness.builds import Build, Progress, Target, load
from harness.model.outcome import Outcome
from harness.model.problem import Problem
from harness.model.scenario import Scenario
from harness.model.suite import Suite
from harness.stress.draw import draw, objects_apart
from harness.stress.evidence import operations_json
from harness.stress.messages import (
    MOST_PRINTED,
    Begin,
    Done,
    Ended,
    Failed,
    Job,
    Ready,
    Repeat,
    Start,
    receive,
    send,
    to_worker,
)
from harness.stress.request import OWN

STDERR = 2
LEAST_SECONDS = 1.0  # that an execution's threads get, when the suite's time is shorter or almost over
_PR_SET_PDEATHSIG = 1
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_RESET_PEAK = b"5"


class Executor(Protocol):
    """What is needed of a loaded build."""

    target: Target
    kind: str

    def execute(
        self, scenario: Scenario, progress: Any = None, *, deadline_ms: int = 0, check_leaks: bool = True
    ) -> Outcome:
        """Run one execution."""
        ...

    def canary(self) -> None:
        """Commit the planted defect."""
        ...


def serve(fd: int, loader: Callable[[Build, str], Executor]) -> None:
    """Work until the supervisor closes stdin. Raises nothing: an error is told and ends the process."""
    try:
        job = receive(sys.stdin.buffer, to_worker)
        if not isinstance(job, Job):
            return
        die_with(job.parent)
        library = loader(job.build, job.target)
        library.canary()
        send(fd, Ready(library.target, _printed()))
        area = mmap.mmap(job.progress, Progress.size())
        while order := receive(sys.stdin.buffer, to_worker):
            match order:
                case Start():
                    send(fd, Ended(worn=_run_suite(fd, library, area, order)))
                case Repeat():
                    send(fd, Ended(worn=_repeated(fd, library, area, order)))
                case Job():
                    raise RuntimeError("a worker got a second job")
    except Problem as problem:
        send(fd, Failed(str(problem), problem=True))
    except Exception:
        send(fd, Failed(traceback.format_exc(), problem=False))


def die_with(parent: int) -> None:
    """Let the kernel kill this process when its supervisor ends, whatever ends it."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the line above
        os._exit(1)


def _run_suite(fd: int, library: Executor, area: mmap.mmap, start: Start) -> bool:
    """Return True when this process had better not go on: it has printed much, or keeps a torn core mapped."""
    suite: Suite = pickle.loads(start.suite)
    _reset_peak()
    index = start.first
    while True:
        began = time.monotonic()
        scenario = draw(suite, start.seed, index, start.shape, library.kind)
        drawn = time.monotonic()
        # A small scenario is executed again until that has taken as long as drawing it did.
        while True:
            send(fd, Begin(index))
            left = max(start.deadline - time.monotonic(), LEAST_SECONDS)
            outcome = library.execute(scenario, progress=area, deadline_ms=round(left * 1000),
                                      check_leaks=objects_apart(scenario))  # fmt: skip
            send(fd, _done(index, outcome, area, library.target))
            now = time.monotonic()
            if outcome.status == "child-died" or _printed() >= MOST_PRINTED:
                return True
            if outcome.status == "stopped" or now >= start.deadline:
                return False
            if now - drawn >= drawn - began:
                break
        index += start.stride


def _repeated(fd: int, library: Executor, area: mmap.mmap, order: Repeat) -> bool:
    """Execute one scenario once; return as `_run_suite` does."""
    _reset_peak()
    send(fd, Begin(0))
    scenario = order.scenario
    outcome = library.execute(scenario, progress=area, deadline_ms=order.milliseconds,
                              check_leaks=objects_apart(scenario))  # fmt: skip
    send(fd, _done(0, outcome, area, library.target))
    return outcome.status == "child-died" or _printed() >= MOST_PRINTED


def _done(index: int, outcome: Outcome, area: mmap.mmap, target: Target) -> Done:
    """Only where something was violated the snapshot and the last operations are worth their way."""
    if not outcome.violations:
        return Done(index, replace(outcome, snapshot={}), _printed(), _peak())
    progress = Progress(area, target)
    try:
        return Done(index, outcome, _printed(), _peak(), operations_json(progress))
    finally:
        progress.close()


def _printed() -> int:
    """Bytes on stderr so far, by all processes of this worker."""
    return os.fstat(STDERR).st_size


def _peak() -> int:
    """Peak resident bytes since the last reset; 0 where the kernel doesn't say. (ru_maxrss includes the parent's.)"""
    match = re.search(rb"^VmHWM:\s*(\d+) kB", _STATUS.read_bytes(), re.MULTILINE)
    return int(match[1]) * 1024 if match else 0


def _reset_peak() -> None:
    try:
        _CLEAR.write_bytes(_RESET_PEAK)
    except OSError:
        return  # then the peak is that of all suites so far


def _load(build: Build, target: str) -> Executor:
    if target == OWN:
        return load(build)
    from harness.live import load_database  # an optional package: only where it is asked for

    return load_database(build)


if __name__ == "__main__":
    serve(int(sys.argv[1]), _load)
    os._exit(0)  # the interpreter's own end is of no interest, and a sanitizer would judge it
