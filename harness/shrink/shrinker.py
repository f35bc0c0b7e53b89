"""The state of one shrinking: the smallest case so far, and what has been tried in vain."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from harness.model.rng import Rng
from harness.model.scenario import Scenario
from harness.model.schedule import Options
from harness.shrink.case import Case, Place
from harness.shrink.legs import Leg, Stretch, legs, nearby, stretches
from harness.shrink.trials import Trials, searching

EVENTS = 200_000  # of a trace that an order is read from; a longer one is not told


NEAR = 32  # orders near to the known one that are tried
GRAVE = frozenset(("crash", "hang", "deadlock", "livelock", "use-after-free", "double-free", "out-of-bounds"))


@dataclass(slots=True)
class Shrinker:
    """Makes a case smaller, step by step. `effort`: schedules that are looked through for a candidate."""

    trials: Trials
    best: Case
    effort: int = 0
    _failed: dict[tuple[str, Options], int] = field(default_factory=dict)  # candidate -> effort that was in vain
    _told: tuple[Case, list[Stretch]] | None = None

    def consider(
        self,
        scenario: Scenario,
        options: Options | None = None,
        moved: dict[Place, Place | None] | None = None,
        threads: dict[int, int] | None = None,
        most: int | None = None,
        work: int | None = None,
    ) -> bool:
        """Take a candidate as the smallest case if a schedule of it shows the finding.

        First the choices of the smallest case are tried, then its order (`moved`: where its operations stand in the
        candidate; `threads`: which threads those are), then a search of at most `most` schedules. An execution that
        does more than `work` is none of a smaller case.
        """
        options = options or self.best.options
        effort = self.effort if most is None else min(most, self.effort)
        key = (scenario.digest, options)
        if self._failed.get(key, -1) >= effort or not scenario.programs:
            return False  # at least one operation is left to be counted
        case = self._found(scenario, options, effort, moved, threads)
        if case is None or (work is not None and case.work > work) or self._slips(case):
            self._failed[key] = effort
            return False
        self.best = case
        return True

    def _found(
        self,
        scenario: Scenario,
        options: Options,
        effort: int,
        moved: dict[Place, Place | None] | None,
        threads: dict[int, int] | None,
    ) -> Case | None:
        best, rng = self.best, Rng(self.best.scenario.seed).fork(scenario.digest)
        if best.schedule.choices is not None:
            case = self.trials.followed(scenario, options, best.choices)
            if case is None and moved is not None and threads is not None:
                case = self._ordered(scenario, options, effort, legs(self._stretches(), moved, threads), rng)
            if case is not None:
                return case
        return self.trials.searched(scenario, searching(options), rng.word() >> 1, effort)

    def _ordered(
        self, scenario: Scenario, options: Options, effort: int, order: tuple[Leg, ...], rng: Rng
    ) -> Case | None:
        """Force an order upon a scenario, and with some effort others near to it."""
        case = self.trials.forced(scenario, options, order)
        for _ in range(min(NEAR, effort)):
            if case is not None:
                break
            case = self.trials.forced(scenario, options, nearby(order, rng))
        return case

    def reschedule(self, case: Case | None) -> bool:
        """Take a case with another schedule if that is smaller."""
        if case is None or self._slips(case) or _order(case) >= _order(self.best):
            return False
        self.best = replace(case, options=self.best.options)
        return True

    def _slips(self, case: Case) -> bool:
        """Whether a case goes wrong in a worse way too than the smallest one does: then it is about something else."""
        return bool(case.beside & GRAVE - self.best.beside)

    def _stretches(self) -> list[Stretch]:
        if self._told is None or self._told[0] is not self.best:
            batch, _ = self.trials.traced(self.best, EVENTS)
            told = stretches(batch.events, len(self.best.scenario.programs))
            self._told = (self.best, told if batch.event_count <= EVENTS else [])
        return self._told[1]


def _order(case: Case) -> tuple[int, int, int]:
    size = case.size
    return size.preemptions, size.faults, size.choices
