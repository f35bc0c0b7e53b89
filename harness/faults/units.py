"""Hands out a sweep's units: one fault point with its schedules each, the chains one after another."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass

from harness.explore.units import Unit, drawn, schedule_seed
from harness.faults.chain import COUNT, Chain, Point
from harness.faults.request import PAIRS, SweepRequest
from harness.faults.spread import Spread, who_is_dead
from harness.model.batch import Batch, Observation
from harness.model.repro import Origin
from harness.model.suite import Suite


@dataclass(frozen=True, slots=True)
class FaultUnit(Unit):
    """A fault point's schedules, or what is left of them."""

    chain: str = ""
    point: Point = ()


class FaultUnits:
    """What harness.explore.units.Units is for an exploration; `took` tells it what came of its units."""

    def __init__(self, request: SweepRequest, suites: tuple[Suite, ...], chains: list[Chain]) -> None:
        self._request = request
        self._suites = {suite.name: suite for suite in suites}
        self.chains = {chain.name: chain for chain in chains}
        self._returned: deque[Unit] = deque()
        self._ran: dict[tuple[str, Point, int], int] = {}  # executions of a unit, by chain, point and first seed
        self._parts: Counter[tuple[str, Point]] = Counter()  # units of a point that still have to come to their end
        self._dropped: set[str] = set()

    def next(self) -> Unit | None:
        """Return the next unit, None when there is nothing to hand out (now)."""
        while self._returned:
            unit = self._returned.popleft()
            if unit.suite not in self._dropped:
                return unit
        for chain in self.chains.values():
            if chain.suite in self._dropped or not self._known(chain):
                continue
            if (point := chain.take()) is not None:
                return self._unit(chain, point)
        return None

    def give_back(self, unit: Unit | None, executions: int = 0) -> None:
        """Hand a rest out again."""
        if unit is not None and not executions:
            assert isinstance(unit, FaultUnit)
            self._parts[unit.chain, unit.point] += 1
            self._returned.append(unit)

    def drop(self, suite: str) -> None:
        """Hand out nothing more of a suite."""
        self._dropped.add(suite)

    def took(self, unit: Unit, batch: Batch) -> None:
        """Add what a unit, or a part of it, has brought."""
        assert isinstance(unit, FaultUnit)
        chain = self.chains[unit.chain]
        chain.executions += batch.executions
        chain.add(unit.point, batch.faults)
        if chain.mode == COUNT:
            for other in self.chains.values():
                if (other.suite, other.layout) == (chain.suite, chain.layout):
                    other.points = max(other.points, chain.points)
        key = (unit.chain, unit.point, unit.first_seed)
        self._ran[key] = self._ran.get(key, 0) + batch.executions
        if self._ran[key] >= unit.executions:
            del self._ran[key]
            self._ended(unit)

    def waited(self, unit: Unit, seen: Iterable[Observation]) -> None:
        """Count executions in which all waited for a thread that was stopped for ever, by who it was."""
        assert isinstance(unit, FaultUnit)
        chain = self.chains[unit.chain]
        assert isinstance(chain, Spread)
        for one in seen:
            chain.waits[who_is_dead(one.message)] += one.count

    def lost(self, unit: Unit) -> None:
        """A unit's process died in an execution. What of the unit has to be executed was given back before."""
        assert isinstance(unit, FaultUnit)
        chain = self.chains[unit.chain]
        chain.executions += 1
        if unit.point in chain.open:
            chain.open[unit.point] += 1  # whatever killed it, the point is not the chain's end
        self._ran.pop((unit.chain, unit.point, unit.first_seed), None)
        self._ended(unit)

    def _ended(self, unit: FaultUnit) -> None:
        self._parts[unit.chain, unit.point] -= 1
        if not self._parts[unit.chain, unit.point]:
            del self._parts[unit.chain, unit.point]
            self.chains[unit.chain].finish(unit.point)

    def _known(self, chain: Chain) -> bool:
        """Whether a chain can be walked: rows of pairs end by the count of points, so that has to be complete."""
        return chain.mode != PAIRS or all(
            other.complete
            for other in self.chains.values()
            if (other.suite, other.layout, other.mode) == (chain.suite, chain.layout, COUNT)
        )

    def _unit(self, chain: Chain, point: Point) -> FaultUnit:
        request = self._request
        origin = Origin(chain.suite, request.seed, request.shape(chain.layout, chain.plan(point)))
        scenario = drawn(self._suites[chain.suite], origin)
        first = schedule_seed(request.seed, chain.suite, 0)
        self._parts[chain.name, point] += 1
        return FaultUnit(chain.suite, origin, scenario, first, request.schedules, chain=chain.name, point=point)
