"""A chain: the fault points of one suite, layout and mode, in turn, until a point is reached by no schedule.

Point k of a scenario is its k-th allocation in an execution's own order: under another schedule that may be another
thread's. So a chain has as many points as the schedule that reaches most, and its end shows itself: nothing failed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.faults.request import PAIRS, PERSISTENT
from harness.model.fault import NO_COUNTS, FaultCounts
from harness.model.layout import Layout

COUNT = "count"  # the mode that makes nothing fail
NEVER = 1 << 40  # more allocations than any execution makes
Point = tuple[int, ...]


def faults_of(mode: str, point: Point) -> tuple[str, ...]:
    """Return the plan that makes a point fail.

    >>> faults_of("persistent", (4,)), faults_of("pairs", (0, 4))
    (('alloc skip=4 budget=0',), ('alloc', 'alloc skip=4'))
    """
    if mode == COUNT:
        return (f"alloc skip={NEVER}",)
    budget = " budget=0" if mode == PERSISTENT else ""
    return tuple(f"alloc{f' skip={skip}' if skip else ''}{budget}" for skip in point)


@dataclass(slots=True)
class Chain:
    """`following` is the next point to hand out, None when there is none; `open`: points handed out, not yet done.

    `done` says of each point in how many executions as many allocations failed as its plan has faults.
    """

    suite: str
    layout: Layout
    mode: str
    points: int = 0  # as counted, by the schedule with most: how long it is likely to be
    following: Point | None = None
    open: dict[Point, int] = field(default_factory=dict)
    done: dict[Point, int] = field(default_factory=dict)
    counts: FaultCounts = NO_COUNTS
    executions: int = 0

    def __post_init__(self) -> None:
        self.following = (0, 1) if self.mode == PAIRS else (0,)

    @property
    def name(self) -> str:
        """What tells it from the others of a sweep."""
        return f"{self.suite}, {self.layout}, {self.mode}"

    @property
    def likely(self) -> int:
        """How many points there are to take, as far as is known."""
        return self.points

    @property
    def swept(self) -> int:
        """How many points have failed."""
        return sum(hits > 0 for hits in self.done.values())

    def plan(self, point: Point) -> tuple[str, ...]:
        """Return the plan that makes a point fail."""
        return faults_of(self.mode, point)

    @property
    def complete(self) -> bool:
        """Whether every point was made to fail."""
        return self.following is None and not self.open

    def take(self) -> Point | None:
        """Return the next point that is not done, and count it as begun; None when it is not known yet, too."""
        while (point := self.following) is not None:
            self.following = self._next(point)
            if point not in self.done:
                self.open[point] = 0
                return point
            self._finished(point)
        return None

    def _next(self, point: Point) -> Point | None:
        return None if self.mode == COUNT else (*point[:-1], point[-1] + 1)

    def add(self, point: Point, counts: FaultCounts) -> None:
        """Add what executions of a point met."""
        self.counts += counts
        if self.counting(point):  # after a failure there may be more, which tries again
            self.points = max(self.points, counts.points)
        if point in self.open:
            self.open[point] += counts.failed - counts.hit if self.mode == PAIRS else counts.hit

    def counting(self, point: Point) -> bool:
        """Whether nothing is made to fail at a point: what is met there says how many there are."""
        return self.mode == COUNT

    def finish(self, point: Point) -> None:
        """All schedules of a point have run. A count that brought nothing, since processes died in it, stays open."""
        died = self.counting(point) and self.open.get(point, 0) > 0
        if point in self.open and (self.points or not died):
            self.done[point] = self.open.pop(point)
            self._finished(point)

    def _finished(self, point: Point) -> None:
        """At a point that no execution reached the chain, or the row of its pairs, is at its end."""
        following = self.following
        if self.done[point] or following is None or following[:-1] != point[:-1]:
            return
        # A row of pairs that ends at once is no end: an execution whose creation failed has no second fault.
        more = self.mode == PAIRS and point[0] + 2 < self.points
        self.following = (point[0] + 1, point[0] + 2) if more else None


def chains_of(suites: tuple[str, ...], layouts: tuple[Layout, ...], modes: tuple[str, ...]) -> list[Chain]:
    """Return a sweep's chains: first those that only count."""
    return [Chain(suite, layout, mode) for mode in (COUNT, *modes) for suite in suites for layout in layouts]
