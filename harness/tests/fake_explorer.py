"""An exploring worker whose runtime is none: what happens at which seed stands in the scenario's first operation.

Started as `python fake_explorer.py FD`; everything but the runtime is the real worker's code. The first operation's
name says what goes wrong, its argument M at which schedule seeds: those that M divides.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from typing import Any

from harness.builds import BatchProgress, BlackBox, Build
from harness.explore.worker import serve
from harness.model.batch import BAD_REQUEST, DIVERGED, DONE, STOPPED, Batch, Event, Observation, Stack
from harness.model.fault import FaultCounts
from harness.model.finding import KINDS
from harness.model.scenario import Scenario
from harness.model.schedule import Choice, Options

CALIBRATION = (500, 3, 0, 1)
CHOICES = (Choice(3, 0, 1), Choice(9, 0, 2), Choice(12, 3, 1))
LONG = tuple(Choice(step, step % 6, step * 31 % 65521) for step in range(5000))
SLOW = 0.02


def observation(kind: str, seed: int, *, strategy: str = "pct", choices: tuple[Choice, ...] = CHOICES) -> Observation:
    return Observation(
        kind=kind, name=kind or "create", message=f"what {kind} says", invariant="Q1" if kind == "invariant" else "",
        file="native/target/x.c" if kind == "invariant" else "", line=7, seed=seed, step=12, address=0, count=1,
        confirmed=True, choices=choices, trace_hash=hash_of(seed), strategy=strategy, calibration=CALIBRATION,
        stacks=(Stack("write of 8 bytes", 1, (64,)), Stack("read of 8 bytes", 0, (128,))),
    )  # fmt: skip


def hash_of(seed: int) -> int:
    return seed * 0x9E3779B97F4A7C15 % (1 << 64)


def misbehave(what: str) -> None:
    """Do what ends or stops a process."""
    if what in ("segv", "race-then-segv", "chosen-segv", "segv-traced-hang"):
        os.kill(os.getpid(), signal.SIGSEGV)
    elif what == "exit":
        os._exit(0)
    elif what == "broken":
        raise ValueError("a mistake of racewash")
    elif what == "hang":
        time.sleep(3600)
    elif what in ("killed", "stopped"):
        os.kill(os.getpid(), signal.SIGKILL if what == "killed" else signal.SIGSTOP)


def seen(what: str, seed: int) -> list[Observation]:
    """Return what is found at a seed at which something goes wrong."""
    if what == "race-then-segv":
        return [observation("data-race", seed)]
    if what == "uncreated-race":
        return [observation("", seed), observation("data-race", seed)]
    if what in KINDS:
        return [observation(what, seed)]
    if what == "listed":
        return [observation("deadlock", seed, strategy="guided")]
    if what == "long":
        return [observation("deadlock", seed, strategy="guided", choices=LONG)]
    return [observation("", seed)] if what == "uncreated" else []


def leave(area: Any, choices: tuple[Choice, ...]) -> None:
    """Write down the choices of the execution under way, as the runtime does."""
    box = BlackBox(area)
    for place, choice in enumerate(choices):
        entry = box.choices[place]
        entry.step, entry.kind, entry.value = choice
    box._progress.choices = len(choices)
    box.close()


class FakeRuntime:
    """Behaves as the scenario says, and shows its progress as the runtime does."""

    def __init__(self, build: Build) -> None:
        self.build = build

    def canary(self) -> str:
        return "it is blind" if os.environ.get("FAKE_BLIND") else ""

    def strategies(self) -> dict[str, str]:
        return {"portfolio": "all"}

    def memory_models(self) -> list[str]:
        return ["sc"]

    def codes(self) -> dict[str, tuple[str, ...]]:
        return {}

    def event_kinds(self) -> dict[int, str]:
        return {}

    def explore(self, scenario: Scenario, options: Options, first_seed: int, executions: int, *, milliseconds: int = 0,
                calibration: object = None, progress: Any = None, hashes: bool = False,
                trace: int = 0, first_only: bool = False) -> Batch:  # fmt: skip
        what, every = scenario.programs[0][0].name, scenario.programs[0][0].args[0]
        if what == "refused":
            return Batch(BAD_REQUEST, "there is no such strategy")
        view, found, done, status = BatchProgress(progress), [], 0, DONE
        written, seed = bytearray(), first_seed
        until = time.monotonic() + milliseconds / 1000
        while done < executions or (executions == 0 and time.monotonic() < until):
            seed = first_seed + done
            view._struct.seed = seed
            bad = seed % every == 0
            if bad and what == "chosen-segv":
                bad = bool(done)  # its choices are not the seed's alone: they come from the executions before it
                leave(progress, CHOICES)
            if bad and not (what == "race-then-segv" and seed // every % 3):
                misbehave("hang" if trace and what == "segv-traced-hang" else what)
            if bad:
                found += seen(what, seed)
            unsteady = bad and what == "unsteady"
            written += (hash_of(seed) ^ (os.getpid() if unsteady else 0)).to_bytes(8, "little")
            if what == "slow" or executions == 0:
                time.sleep(SLOW)
            done += 1
            view._struct.executions, view._struct.findings = done, len(found)
            if found and first_only:
                break
            if view._struct.stop:
                status = STOPPED
                break
        view.close()
        events = (Event(1, 0, "load", 8, False, 64, 5, 100), Event(2, 1, "clock", 8, True, 0, os.getpid(), 100))
        return Batch(
            status, "", tuple(found), executions=done, distinct=done, points={"load": 2 * done, "clock": done},
            thread_max=3, seconds=0.001, checks={"Q1": done},
            operations=0 if "alloc budget=0" in scenario.faults else 4 * done,
            faults=FaultCounts(met=tuple(int("NOPE" not in fault) for fault in scenario.faults)),
            trace_hash=hash_of(seed),
            calibration=CALIBRATION, memory_model="sc", shared_words=3 if what == "shared" else 0,
            events=events if trace else (), event_count=2 if trace else 0, hashes=bytes(written) if hashes else b"",
        )  # fmt: skip

    def replay(self, scenario: Scenario, options: Options, choices: Sequence[Choice], seed: int, *,
               tolerant: bool = True, progress: Any = None, trace: int = 0,
               trace_all: bool = False) -> Batch:  # fmt: skip
        """Every third seed goes on to the finding after a divergence."""
        what = scenario.programs[0][0].name
        fits = tuple(choices) in (CHOICES, LONG) and self.build.identity != "f" * 16
        if fits and what == "chosen-segv":
            misbehave(what)
        found = seen(what, seed) if fits or seed % 3 == 0 else []
        return Batch(DONE if fits else DIVERGED, "" if fits else "step 9: expected thread 2, met only thread 1",
                     tuple(found), executions=1, trace_hash=found[0].trace_hash if found else 1,
                     diverged_at=-1 if fits else 9, memory_model="sc")  # fmt: skip


if __name__ == "__main__":
    serve(int(sys.argv[1]), FakeRuntime)  # type: ignore[arg-type]
    os._exit(0)
