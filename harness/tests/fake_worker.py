"""A worker whose library is no library: it crashes, hangs, prints, forks, grows as its scenario's first operation says.

Started as `python fake_worker.py FD`; everything but the library is the real worker's code.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.builds import Build, Operation, Progress, Target
from harness.model.fault import FaultCounts
from harness.model.outcome import Outcome, Violation
from harness.model.problem import Problem
from harness.model.scenario import Scenario
from harness.stress.worker import serve

DATA = Path(__file__).parent / "data"
FOR_EVER = 3600.0


def text(name: str) -> bytes:
    return (DATA / f"{name}.txt").read_bytes()


def spin() -> None:
    while True:
        pass


def grow() -> None:
    kept = []
    while True:
        kept.append(bytearray(b"x" * (8 << 20)))
        time.sleep(0.01)


def flood() -> None:
    while True:
        os.write(2, b"x" * 65536)


def fork_and_leave(then: Callable[[], None]) -> None:
    """Leave a grandchild behind that has a session and parent of its own, and closed nothing."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(FOR_EVER)
        os._exit(0)
    os.wait()
    then()


def hang_with_child() -> None:
    if os.fork() == 0:
        time.sleep(FOR_EVER)
    time.sleep(FOR_EVER)


def stop_child() -> None:
    """Wait for a process that somebody has stopped."""
    pid = os.fork()
    if pid == 0:
        die(signal.SIGSTOP)
        os._exit(0)
    os.waitpid(pid, 0)


def broken() -> None:
    raise ValueError("a mistake of racewash")


def refuse() -> None:
    raise Problem("the scenario does not fit")


def die(number: int) -> None:
    os.kill(os.getpid(), number)


def fill_disk() -> None:
    with (Path(os.environ["FAKE_DISK"]) / "filler").open("ab", buffering=0) as filler, contextlib.suppress(OSError):
        while filler.write(b"x" * 4096):
            pass


def say_and_die(report: bytes) -> None:
    os.write(2, report)
    die(signal.SIGABRT)


ACTIONS: dict[str, Callable[[], object]] = {
    "fine": lambda: None,
    "slow": lambda: time.sleep(0.4),
    "segv": lambda: die(signal.SIGSEGV),
    "killed": lambda: die(signal.SIGKILL),
    "stopped": lambda: die(signal.SIGSTOP),
    "stopped-child": stop_child,
    "exit": lambda: os._exit(0),
    "sleep": lambda: time.sleep(FOR_EVER),
    "spin": spin,
    "grow": grow,
    "flood": flood,
    "chatter": lambda: os.write(2, b"y" * (6 << 20)),
    "orphan": lambda: fork_and_leave(lambda: None),
    "orphan-segv": lambda: fork_and_leave(lambda: die(signal.SIGSEGV)),
    "family": hang_with_child,
    "race": lambda: os.write(2, b"noise before\n" + text("tsan-race") + b"noise after\n"),
    "abort": lambda: say_and_die(text("asan-abort")),
    "cut": lambda: say_and_die(text("asan-uaf")[:700]),
    "leak": lambda: os.write(2, text("asan-leak")),
    "garble": lambda: os.write(int(sys.argv[1]), b"\x05\0\0\0 no m"),
    "garble-long": lambda: os.write(int(sys.argv[1]), b"\xff\xff\xff\x7f"),
    "broken": broken,
    "refuse": refuse,
    "violate": lambda: None,
    "fill": fill_disk,
    "torn": lambda: None,
    "uncreated": lambda: None,
}
STATUS = {"torn": "child-died", "uncreated": "create-failed"}
TARGET = Target("fake", {name: Operation(i, "", 1, ("n",)) for i, name in enumerate(ACTIONS)}, {}, {}, ("OK",))


class FakeLibrary:
    """Behaves as the scenario says, and shows its progress as the driver does."""

    def __init__(self, build: Build) -> None:
        self.kind = build.kind
        self.target = TARGET
        if build.identity == "unloadable":
            raise Problem("the library can't be loaded")
        if build.identity == "dead":
            die(signal.SIGSEGV)

    def canary(self) -> None:
        if self.kind != "native" and self._report():
            os.write(2, self._report())

    def execute(
        self, scenario: Scenario, progress: Any = None, *, deadline_ms: int = 0, check_leaks: bool = True
    ) -> Outcome:
        op = scenario.programs[0][0]
        self._show(progress, scenario, phase=3, started=1, finished=0)
        ACTIONS[op.name]()
        self._show(progress, scenario, phase=0, started=2, finished=2)
        stopped = Progress(progress)._struct.stop
        status = "stopped" if stopped else STATUS.get(op.name, "done")
        violation = Violation("Q5", f"label USER: used {op.args[0]}", "native/target/x.c", 7, -1, 2)
        return Outcome(
            status=status,
            message="process 1 of 2 was ended by signal 11" if status == "child-died" else "no room",
            ops=0 if "alloc budget=0" in scenario.faults else 2 * len(scenario.programs),
            seconds=0.001,
            checks={"I1": 3},
            violations=(violation,) if op.name in ("violate", "fill") else (),
            codes={"OK": 2, f"seed {scenario.seed}": 1},
            latency=(0, 1),
            snapshot={"labels": {"USER": {"used": 1}}},
            faults=FaultCounts(met=tuple(int("NOPE" not in fault) for fault in scenario.faults)),
        )

    def _show(self, area: Any, scenario: Scenario, phase: int, started: int, finished: int) -> None:
        progress = Progress(area)
        struct = progress._struct
        struct.seed, struct.phase, struct.thread_cnt = scenario.seed, phase, len(scenario.programs)
        for thread, program in enumerate(scenario.programs):
            track = struct.tracks[thread]
            track.started, track.ops = started, finished
            for i, op in enumerate(program):
                track.ring[i].code = list(ACTIONS).index(op.name)
                track.ring[i].arg[0] = op.args[0] if op.args else 0
        if phase == 0:
            struct.executions += 1
        progress.close()

    def _report(self) -> bytes:
        """The canary's report, as if its file were the demonstration's."""
        if os.environ.get("FAKE_BLIND"):
            return b""
        name = "tsan-race" if self.kind == "tsan" else "asan-over"
        return text(name).replace(b"native/core/demo.c", b"native/stress/canary.c")


if __name__ == "__main__":
    serve(int(sys.argv[1]), lambda build, _target: FakeLibrary(build))
    os._exit(0)
