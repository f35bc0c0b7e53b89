"""A suite: one race to look for, as a value that the command line, pytest and the reports share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from harness.model.fault import parse_plan
from harness.model.layout import AFTER, Layout
from harness.model.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Shape:
    """What the user asks of every scenario; the suite draws the rest from the seed.

    `layout` None: the suite draws one. `memory` is the core's memory limit in bytes, None: the suite's own small
    configuration. `shared`: processes on one core, 0 for threads. `ops` scales the length of each thread's program.
    `backing` is 1 where each object must be a malloc of its own (so that a sanitizer sees it), else 0. `faults`: what
    fails (harness.model.fault); a suite need not look at it, since `drawn` adds it to what the suite drew.
    """

    threads: int = 4
    shared: int = 0
    layout: Layout | None = AFTER
    memory: int | None = None
    ops: int = 200
    backing: int = 0
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Suite:
    """One race: `purpose` in one sentence, the invariants it is meant to break, and seed -> scenario.

    `modes` says how it can be run: "threads", "shared" (forked processes on one core). `defect` names the planted
    defect (a patch in native/defects) that this suite must find, `invariants` the ids that judge it.
    """

    name: str
    purpose: str
    oracles: tuple[str, ...]
    invariants: tuple[str, ...]
    generate: Callable[[int, Shape], Scenario]
    modes: tuple[str, ...] = ("threads",)
    defect: str = ""

    def drawn(self, seed: int, shape: Shape) -> Scenario:
        """Return the scenario of a seed with everything that the shape asks for."""
        scenario = self.generate(seed, shape)
        return replace(scenario, faults=tuple(map(str, parse_plan(shape.faults)))) if shape.faults else scenario
