"""A hand-written order: this thread to that step, then the other. For regression tests of one known interleaving."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from harness.builds import Build, Symbols, get_build
from harness.explore.bundle import files_of
from harness.explore.child import Explorer, WorkerEnded, exploring
from harness.explore.messages import Force
from harness.explore.trace import trace_lines
from harness.model.batch import BAD_REQUEST, NO_MEMORY
from harness.model.finding import NOTHING, Finding
from harness.model.problem import Problem
from harness.model.repro import Repro
from harness.model.scenario import Scenario
from harness.model.schedule import Choice, Options, Schedule
from harness.oracle import observed
from harness.stress.failure import RunFailed

STRATEGY = "force"
_TRACED = 100_000


class Leg(NamedTuple):
    """One part of an order: see `to`."""

    thread: int
    kind: str
    points: int


def to(thread: int, kind: str = "", count: int = 1) -> Leg:
    """Let a thread run until it stands before its next point of a kind, or the one `count` further on.

    `kind` is the name of a kind of point ("load", "store", "cas", ...), "" counts points of all kinds. `count` 0: until
    the thread blocks or ends.
    """
    if count < 0:
        raise ValueError(f"count is {count}, must be at least 0")
    return Leg(thread, kind, count)


@dataclass(frozen=True, slots=True)
class Forced:
    """What came of it: the findings, and the choices by which the same execution is made again."""

    scenario: Scenario
    build: Build
    findings: tuple[Finding, ...]
    choices: tuple[Choice, ...]
    trace: tuple[str, ...]
    trace_hash: int
    options: Options

    def bundle(self) -> dict[str, bytes]:
        """Return the files of a bundle that `racewash replay` takes."""
        fingerprint = self.findings[0].fingerprint if self.findings else NOTHING
        schedule = Schedule(STRATEGY, 0, choices=self.choices)
        repro = Repro(None, self.scenario.digest, self.options, schedule, self.build.identity, fingerprint)
        return files_of(repro, self.scenario, self.build, self.trace_hash)[0]


def force(
    order: Sequence[Leg],
    scenario: Scenario,
    *,
    options: Options = Options(),  # noqa: B008 (it is frozen)
    patches: Sequence[Path] = (),
    seconds: float = 60.0,
) -> Forced:
    """Run a scenario once, in an order spelt out by hand.

    Think of the threads as standing still until a leg of the order moves one of them. A leg that can't be kept (the
    thread blocks or ends before) ends early. After the last leg every thread runs to its end, one after the other.

    Two threads increment a counter; the first stands before its addition while the second one goes all the way, and
    nothing is lost, because the addition is atomic:

    >>> from harness.model.scenario import Op, Scenario
    >>> adding = ((Op("add", (1,)),), (Op("add", (1,)),))
    >>> scenario = Scenario("test", 0, "increments", {"expected": 2}, programs=adding)
    >>> force([to(0, "rmw"), to(1, count=0)], scenario).findings
    ()

    With a load and a store instead, the same order loses one:

    >>> torn = ((Op("add_torn", (1,)),), (Op("add_torn", (1,)),))
    >>> scenario = Scenario("test", 0, "increments", {"expected": 2}, programs=torn)
    >>> [found.invariant for found in force([to(0, "store"), to(1, count=0)], scenario).findings]
    ['A1']
    """
    build = get_build("sched", tuple(patches))
    child = Explorer(exploring(build))
    try:
        batch = child.obey(
            Force(scenario, options, tuple((leg.thread, leg.kind, leg.points) for leg in order), _TRACED), seconds
        )
    except WorkerEnded as ended:
        raise RunFailed(f"the worker {ended} while it ran the order: {ended.text.strip()[-300:]}") from ended
    finally:
        child.end()
        child.close()
    if batch.status in (BAD_REQUEST, NO_MEMORY):
        raise Problem(batch.message or batch.status)
    symbols = Symbols(build)
    findings = tuple(observed(seen, scenario.suite, symbols.frames) for seen in batch.observations if seen.kind)
    trace = trace_lines(batch.events, batch.event_count, symbols)
    return Forced(scenario, build, findings, batch.choices, trace, batch.trace_hash, options)
