"""The state of one shrinking: the smallest case so far, and what has been tried in vain."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from harness.model.rng import Rng
from harness.model.scenario import Scenario
from harness.model.schedule import Options
from harness.shrink.case import Case, Place
from harness.shrink.legs import Stretch, legs, stretches
from harness.shrink.trials import Trials, searching

EVENTS = 200_000  # of a trace that an order is read from; a longer one is not told
MOST_WORK = 2  # times: a case that costs more than so many times as much is no smaller one


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
    ) -> bool:
        """Take a candidate as the smallest case if a schedule of it shows the finding.

        First the choices of the smallest case are tried, then its order (`moved`: where its operations stand in the
        candidate; `threads`: which threads those are), then a search of at most `most` schedules.
        """
        options = options or self.best.options
        effort = self.effort if most is None else min(most, self.effort)
        key = (scenario.digest, options)
        if self._failed.get(key, -1) >= effort or not scenario.programs:
            return False
        case = self._found(scenario, options, effort, moved, threads)
        if case is None:
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
        best = self.best
        if best.schedule.choices is not None:
            case = self.trials.followed(scenario, options, best.choices)
            if case is None and moved is not None and threads is not None:
                case = self.trials.forced(scenario, options, legs(self._stretches(), moved, threads))
            if case is not None:
                return case
        seed = Rng(best.scenario.seed).fork(scenario.digest).word() >> 1
        return self.trials.searched(scenario, searching(options), seed, effort)

    def reschedule(self, case: Case | None) -> bool:
        """Take a case with another schedule if that is smaller."""
        if case is None or _order(case) >= _order(self.best):
            return False
        self.best = replace(case, options=self.best.options)
        return True

    def _stretches(self) -> list[Stretch]:
        if self._told is None or self._told[0] is not self.best:
            batch, _ = self.trials.traced(self.best, EVENTS)
            told = stretches(batch.events, len(self.best.scenario.programs))
            self._told = (self.best, told if batch.event_count <= EVENTS else [])
        return self._told[1]


def _order(case: Case) -> tuple[int, int, int]:
    size = case.size
    return size.preemptions, size.faults, size.choices
