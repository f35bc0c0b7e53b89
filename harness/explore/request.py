"""What a user asks of an exploration, and what of it can't be done."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.explore.exhaustive import EXHAUSTIVE
from harness.model.fault import no_processes
from harness.model.layout import AFTER, Layout
from harness.model.problem import Problem
from harness.model.schedule import Options
from harness.model.suite import Shape, Suite
from harness.stress.request import MAX_PROCESSES, MAX_SEED, MAX_THREADS

SECONDS = 30.0  # when neither executions nor seconds are asked for
OPTIONS = Options(check_every=256)
MAX_OPS = 1 << 20
EVERYTHING = 1 << 30  # executions: more than any named scenario has schedules up to a small bound
WHOLE = ("dfs",)  # strategies that walk a scenario's schedules in order: one unit takes all


@dataclass(frozen=True, slots=True)
class ExploreRequest:
    """One exploration. `suites` empty: all that are installed.

    `executions` in all, divided over the suites, or `seconds` of the whole; neither: 30 seconds, or until the end of
    named scenarios that are walked through up to a preemption bound. `jobs` processes explore disjoint seeds. Scenarios
    are short: `threads` programs of about `ops` operations, so that many schedules of each fit in a second. `layout`
    None: every scenario draws its own. `seed` None: drawn. `hang_after`: seconds that one execution may take. `patches`
    are applied to the C sources before they are built. `faults`: what fails in every execution (harness.model.fault).
    """

    suites: tuple[str, ...] = ()
    executions: int | None = None
    seconds: float | None = None
    options: Options = OPTIONS
    jobs: int = 1
    threads: int = 3
    ops: int = 6
    layout: Layout | None = AFTER
    seed: int | None = None
    store: Path = Path(".racewash")
    hang_after: float = 30.0
    patches: tuple[Path, ...] = ()
    faults: tuple[str, ...] = ()

    @property
    def shape(self) -> Shape:
        """What is asked of every scenario."""
        return Shape(threads=self.threads, layout=self.layout, ops=self.ops, faults=self.faults)

    @property
    def time(self) -> float | None:
        """Seconds that the exploration may take, None when executions are counted instead."""
        return SECONDS if self.seconds is None and self.count is None else self.seconds

    @property
    def count(self) -> int | None:
        """Executions that the exploration may make, None when time is counted instead."""
        if self.executions is None and self.seconds is None and self._has_an_end:
            return EVERYTHING
        return self.executions

    @property
    def _has_an_end(self) -> bool:
        walks = self.options.strategy in WHOLE and self.options.preemption_bound >= 0
        return walks and bool(self.suites) and EXHAUSTIVE.keys() >= set(self.suites)


def check(request: ExploreRequest) -> None:
    """Raise Problem with one sentence when a figure is out of its range."""
    for name, seconds in (("seconds", request.seconds), ("hang-after", request.hang_after)):
        if seconds is not None and not (math.isfinite(seconds) and seconds > 0):
            raise Problem(f"{name} is {seconds}, must be a number of seconds above 0")
    if request.executions is not None and request.seconds is not None:
        raise Problem("executions and seconds are two measures of the same: give one of them")
    no_processes(request.faults, "an exploration")
    _range("executions", 1 if request.executions is None else request.executions, 1, MAX_SEED)
    _range("jobs", request.jobs, 1, MAX_PROCESSES)
    _range("threads", request.threads, 1, MAX_THREADS)
    _range("ops", request.ops, 1, MAX_OPS)
    _range("seed", request.seed or 0, 0, MAX_SEED)


def chosen(names: tuple[str, ...], standard: Mapping[str, Suite], others: Mapping[str, Suite]) -> tuple[Suite, ...]:
    """Return the suites of these names, without names all standard ones. Raises Problem on an unknown name."""
    known = {**standard, **others}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise Problem(f"there is no suite {unknown[0]!r}; the suites are {', '.join(known)}")
    suites = tuple(known[name] for name in dict.fromkeys(names)) or tuple(standard.values())
    if not suites:
        raise Problem("no suite is installed; install racewash again")
    return suites


def _range(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise Problem(f"{name} is {value}, must be from {low} to {high}")
