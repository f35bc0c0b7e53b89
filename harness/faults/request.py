"""What a user asks of a sweep, and what of it can't be done."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from harness.explore.request import OPTIONS, ExploreRequest
from harness.explore.request import check as check_exploration
from harness.model.fault import ALLOC, KINDS, OF_PROCESSES
from harness.model.layout import AFTER, BEFORE, Layout
from harness.model.problem import Problem
from harness.model.schedule import Options
from harness.model.suite import Shape

ONCE, PERSISTENT, PAIRS = "once", "persistent", "pairs"
MODES = {  # how a fault point fails; of a stall: the thread goes on later, or never; a clock jumps, or stands still
    ONCE: "this allocation alone fails",
    PERSISTENT: "this allocation fails, and every one after it",
    PAIRS: "this allocation fails, and one later one",
}
FAULTS = KINDS
MAX_POINTS, MAX_STEPS = 1 << 20, 1 << 40
MAX_SCHEDULES = 1 << 20
BASE_SEED = 5  # of the base scenarios, which reach every place that allocates but one: see accept_faults.py
CLOCK_SEED = 19  # of those in which a sync wash looks at its time-out, which the jump of a clock alone makes it reach


@dataclass(frozen=True, slots=True)
class SweepRequest:
    """One sweep. Of each suite the scenario of `seed` is taken, in each layout; each fault point fails in each mode.

    `schedules`: of each fault point. `seconds` None: until everything is swept; else what is left can be gone on with
    (`resume`) by the same request. `fault`: a kind of fault; of other kinds than allocations at most `points` of the
    points counted are taken, and a thread that is stopped once goes on after `steps` points of the others. Otherwise as
    an ExploreRequest.
    """

    suites: tuple[str, ...]
    schedules: int = 200
    modes: tuple[str, ...] = (ONCE, PERSISTENT)
    layouts: tuple[Layout, ...] = (AFTER, BEFORE)
    threads: int = 3
    ops: int = 6
    seed: int = BASE_SEED
    jobs: int = 1
    options: Options = OPTIONS
    seconds: float | None = None
    resume: bool = False
    store: Path = Path(".racewash")
    hang_after: float = 30.0
    patches: tuple[Path, ...] = ()
    fault: str = ALLOC
    points: int = 16
    steps: int = 500

    @property
    def exploration(self) -> ExploreRequest:
        """The same for those that know explorations only: jobs, time, options, store."""
        return ExploreRequest(
            suites=self.suites, executions=None if self.seconds else self.schedules, seconds=self.seconds,
            options=self.options, jobs=self.jobs, threads=self.threads, ops=self.ops, seed=self.seed, store=self.store,
            hang_after=self.hang_after, patches=self.patches,
        )  # fmt: skip

    def shape(self, layout: Layout, faults: tuple[str, ...]) -> Shape:
        """What is asked of a scenario with these faults."""
        return replace(self.exploration.shape, layout=layout, faults=faults)


def check(request: SweepRequest) -> None:
    """Raise Problem with one sentence when a figure is out of its range."""
    if not 1 <= request.schedules <= MAX_SCHEDULES:
        raise Problem(f"schedules is {request.schedules}, must be from 1 to {MAX_SCHEDULES}")
    check_exploration(request.exploration)
    unknown = [mode for mode in request.modes if mode not in MODES]
    if unknown or not request.modes:
        raise Problem(f"there is no mode {', '.join(unknown) or 'given'}; the modes are {', '.join(MODES)}")
    if request.fault not in FAULTS:
        raise Problem(f"there is no fault {request.fault!r} to sweep; there is {', '.join(FAULTS)}")
    if request.fault in OF_PROCESSES:
        raise Problem(f"the fault '{request.fault}' needs real processes, which a sweep has not; use `racewash run`")
    if request.fault != ALLOC and PAIRS in request.modes:
        raise Problem("pairs are of allocations: a thread that stops, or a clock, is swept once and for ever")
    if not 1 <= request.points <= MAX_POINTS or not 1 <= request.steps <= MAX_STEPS:
        raise Problem(
            f"points is {request.points}, steps {request.steps}; they are from 1 to {MAX_POINTS} and {MAX_STEPS}"
        )
    if not request.layouts:
        raise Problem("no layout is given: a sweep needs one at least")
    if request.options.fail_alloc:
        raise Problem("a sweep decides itself which allocation fails: leave fail-alloc to explore")
    if request.options.strategy == "dfs":
        raise Problem("the strategy dfs has no seeds to give each fault point its schedules: take another")
