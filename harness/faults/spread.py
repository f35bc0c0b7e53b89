"""Chains of points that are counted first: where a thread holds something, where a clock is read.

There are too many of them to take each, and the k-th is another one in another schedule; so at most `most` of those
counted are taken, as far apart as they can be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from harness.faults.chain import NEVER, Chain, Point
from harness.faults.request import ONCE, PERSISTENT, SweepRequest
from harness.model.fault import CLOCK, STALL, Fault, FaultCounts

HOUR = 3600 * 10**9  # nanoseconds that a clock jumps: beyond any time-out
STOPPED = ", stopped for ever by the plan,"  # as the runtime says it
COUNTED: Point = ()  # the point at which nothing is made to happen, so that all are counted


@dataclass(slots=True)
class Spread(Chain):
    """`fault`: what happens at each point, but for its `skip`. `waits`: executions in which all others waited for a
    thread that it had stopped for ever, by that thread and what it held.
    """

    fault: Fault = field(kw_only=True)
    most: int = field(kw_only=True)
    waits: Counter[str] = field(default_factory=Counter, kw_only=True)

    def __post_init__(self) -> None:
        self.following = COUNTED

    @property
    def name(self) -> str:
        """What tells it from the others of a sweep."""
        return f"{self.suite}, {self.layout}, {self.mode}, {self.fault}"

    @property
    def likely(self) -> int:
        """How many points there are to take, as far as is known; the count of them is one more."""
        return min(self.points, self.most) + 1

    @property
    def swept(self) -> int:
        """At how many points it has happened."""
        return sum(hits > 0 for point, hits in self.done.items() if point != COUNTED)

    def plan(self, point: Point) -> tuple[str, ...]:
        """Return the plan of a point."""
        skip = NEVER if point == COUNTED else point[0]
        words = str(self.fault).split()
        at = next((i for i, word in enumerate(words) if word.startswith(("steps=", "budget="))), len(words))
        return (" ".join((*words[:at], f"skip={skip}", *words[at:])),)

    def counting(self, point: Point) -> bool:
        """Whether nothing is made to happen at a point."""
        return point == COUNTED

    def _next(self, point: Point) -> Point | None:
        return None if point == COUNTED else self._after(point)

    def add(self, point: Point, counts: FaultCounts) -> None:
        """Add what executions of a point met."""
        self.counts += counts
        if self.counting(point):
            self.points = max(self.points, *counts.met, 0)
        elif point in self.open:
            self.open[point] += counts.hit

    def _finished(self, point: Point) -> None:
        if point == COUNTED:
            self.following = self._after(None)

    def _after(self, point: Point | None) -> Point | None:
        taken = min(self.points, self.most)
        places = [place * self.points // taken for place in range(taken)]
        left = [place for place in places if point is None or place > point[0]]
        return (left[0],) if left else None


def spread_chains(request: SweepRequest, holds: Iterable[str]) -> list[Spread]:
    """Return the chains of a sweep of stalls or of the clock."""
    return [
        Spread(suite, layout, mode, fault=fault, most=request.points)
        for mode in request.modes
        for suite in request.suites
        for layout in request.layouts
        for fault in _faults(request, mode, tuple(holds))
    ]


def _faults(request: SweepRequest, mode: str, holds: tuple[str, ...]) -> list[Fault]:
    """Return what happens in a mode: once a thread goes on or a clock jumps, else it is dead or stands."""
    assert mode in (ONCE, PERSISTENT)
    if request.fault == CLOCK:
        return [Fault(CLOCK, jump=HOUR) if mode == ONCE else Fault(CLOCK, budget=0)]
    steps = request.steps if mode == ONCE else 0
    return [
        Fault(STALL, thread=thread, holding=hold, steps=steps) for hold in holds for thread in range(request.threads)
    ]


def waits_of(chain: Chain) -> dict[str, int]:
    """Return for whom executions of a chain have waited in vain, and how many."""
    return dict(chain.waits) if isinstance(chain, Spread) else {}


def who_is_dead(message: str) -> str:
    """Return the part of a finding's message that says who was stopped and what it held.

    >>> who_is_dead("blocked: nobody can run; thread 1, stopped for ever by the plan, holds bucket; thread 0 waits")
    'thread 1 holds bucket'
    """
    parts = [part for part in message.split("; ") if STOPPED in part]
    return " and ".join(parts).replace(STOPPED, "") or message
