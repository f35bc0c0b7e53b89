"""Searches one patched build under the scheduled runtime until the first finding that the defect may show."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from harness.builds import Symbols
from harness.explore.bundle import files_of, repro_of
from harness.explore.child import Explorer, WorkerEnded
from harness.explore.messages import Explore, Replay
from harness.explore.units import Unit, Units
from harness.model.batch import BAD_REQUEST, NO_MEMORY, Batch, Observation
from harness.model.finding import Finding
from harness.model.problem import Problem
from harness.model.schedule import SEEDED, Options
from harness.model.suite import Shape, Suite
from harness.oracle import Death, crash_finding, exit_finding, hang_finding, observed
from harness.stress.process import Launch

EACH = 40  # schedules of a scenario: whether a defect can show is decided by the scenario more often than by the order
HANG_SECONDS = 30.0  # for a batch, which takes a fraction of a second on a quiet machine
_TAIL = 16 << 10


@dataclass(frozen=True, slots=True)
class Hunt:
    """What is searched, and for what: `kinds` are those that count, `budget` is in CPU seconds."""

    suites: tuple[Suite, ...]
    shape: Shape
    options: Options
    kinds: frozenset[str]
    budget: float


@dataclass(frozen=True, slots=True)
class Hit:
    """The first detection: the finding, the order that makes it again, and the files of its bundle."""

    finding: Finding
    order: Explore | Replay
    files: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Searched:
    """A search at its end: how much was executed until the hit, or in vain. `others`: findings that do not count."""

    executions: int
    cpu_seconds: float
    hit: Hit | None
    others: tuple[Finding, ...] = ()


def search(launch: Launch, hunt: Hunt, seed: int, interrupted: Callable[[], bool] = lambda: False) -> Searched:
    """Search the scenarios that the seed gives, suites in turn, until a hit or the budget is spent.

    The order of what is executed is the seed's alone; only the budget's end depends on the machine's speed.
    """
    return _Search(launch, hunt, seed).run(interrupted)


def repeated(launch: Launch, hit: Hit, times: int) -> int:
    """Return how often the hit is seen again, each time in a fresh process."""
    symbols = Symbols(launch.build)
    seen = 0
    for _ in range(times):
        child = Explorer(launch)
        try:
            batch = child.obey(hit.order, HANG_SECONDS)
            found = [observed(one, hit.finding.suite, symbols.frames) for one in batch.observations if one.kind]
        except WorkerEnded as ended:
            found = [_buried(hit.finding.suite, hit.finding.seed or 0, ended)]
        finally:
            child.end()
            child.close()
        seen += any(finding.fingerprint == hit.finding.fingerprint for finding in found)
    return seen


class _Search:
    """One search in its course: a worker, and a new one when it dies."""

    def __init__(self, launch: Launch, hunt: Hunt, seed: int) -> None:
        self._launch, self._hunt = launch, hunt
        self._units = Units(hunt.suites, seed, hunt.shape, None)
        self._symbols = Symbols(launch.build)
        self._executions, self._cpu = 0, 0.0
        self._others: dict[str, Finding] = {}

    def run(self, interrupted: Callable[[], bool]) -> Searched:
        child: Explorer | None = None
        try:
            while self._cpu < self._hunt.budget and not interrupted():
                unit = self._units.next()
                if unit is None:
                    break
                child = child or Explorer(self._launch)
                child.wait_until_ready()
                hit = self._unit(child, replace(unit, executions=EACH, milliseconds=0))
                if hit is not None:
                    return self._ended(hit)
                if child.process.poll() is not None:
                    child.close()
                    child = None
        finally:
            if child is not None:
                child.end()
                child.close()
        return self._ended(None)

    def _ended(self, hit: Hit | None) -> Searched:
        return Searched(self._executions, self._cpu, hit, tuple(self._others.values()))

    def _unit(self, child: Explorer, unit: Unit) -> Hit | None:
        """Explore a unit: a finding that does not count ends a batch, the next one goes on behind it."""
        rest: Unit | None = unit
        while rest is not None:
            order = Explore(
                rest.scenario, rest.options(self._hunt.options), rest.first_seed, rest.executions, first_only=True
            )
            child.progress.clear()
            before, began = child.measure()[0], time.monotonic()
            try:
                batch = child.obey(order, HANG_SECONDS)
            except WorkerEnded as ended:
                return self._died(child, rest, order, ended, time.monotonic() - began, before)
            self._executions += batch.executions
            self._cpu += batch.cpu_seconds
            if batch.status in (BAD_REQUEST, NO_MEMORY):
                raise Problem(f"the suite {rest.suite} can't be explored: {batch.message or batch.status}")
            hit = self._judge(rest, batch)
            if hit is not None:
                return hit
            rest = rest.rest(batch.executions) if batch.observations and batch.executions else None
            if self._cpu >= self._hunt.budget:
                break
        return None

    def _judge(self, unit: Unit, batch: Batch) -> Hit | None:
        for seen in batch.findings:
            finding = observed(seen, unit.suite, self._symbols.frames)
            if finding.kind in self._hunt.kinds:
                return self._hit(unit, seen, finding)
            self._others.setdefault(finding.fingerprint, finding)
        if batch.obstacle:
            raise Problem(f"the suite {unit.suite} can't be explored {batch.obstacle}")
        return None

    def _hit(self, unit: Unit, seen: Observation, finding: Finding) -> Hit:
        options = unit.options(self._hunt.options)
        repro = repro_of(seen, unit.origin, unit.scenario, options, self._launch.build, finding.fingerprint)
        files, _ = files_of(repro, unit.scenario, self._launch.build, seen.trace_hash)
        if seen.strategy in SEEDED:
            return Hit(finding, Explore(unit.scenario, options, seen.seed, 1, calibration=seen.calibration), files)
        return Hit(finding, Replay(unit.scenario, options, seen.choices, seen.seed), files)

    def _died(
        self, child: Explorer, unit: Unit, order: Explore, ended: WorkerEnded, passed: float, before: float
    ) -> Hit | None:
        """A worker that died or hangs: a finding of the seed under way, made again by the seeds up to it."""
        seed = child.progress.seed or unit.first_seed
        self._executions += child.progress.executions + 1
        taken = child.measure()[0] - before  # nothing is known of a process that has ended but the time that passed
        self._cpu += taken if taken > 0 else passed
        child.end()
        finding = _buried(unit.suite, seed, ended)
        if finding.kind not in self._hunt.kinds:
            self._others.setdefault(finding.fingerprint, finding)
            return None
        return Hit(finding, msgspec.structs.replace(order, executions=seed + 1 - unit.first_seed), {})


def _buried(suite: str, seed: int, ended: WorkerEnded) -> Finding:
    death = Death(suite, seed, "exploring", ended.text[-_TAIL:])
    if ended.code is None:
        return hang_finding(death, round(HANG_SECONDS), (), "")
    return crash_finding(death, -ended.code) if ended.code < 0 else exit_finding(death, ended.code)


def suites_named(names: Sequence[str], known: Mapping[str, Suite]) -> tuple[Suite, ...]:
    """Return suites by name, in that order. Raises Problem on one that there isn't."""
    for name in names:
        if name not in known:
            raise Problem(f"there is no suite {name!r}; the suites are {', '.join(known)}")
    return tuple(known[name] for name in names)
