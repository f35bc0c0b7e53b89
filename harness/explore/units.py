"""What is explored, in which order: decided by the request alone, however many jobs share it out.

The unit is one scenario with a range of schedule seeds, explored by one batch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.explore.request import WHOLE
from harness.model.problem import Problem
from harness.model.repro import Origin
from harness.model.rng import Rng
from harness.model.scenario import Scenario
from harness.model.schedule import Options
from harness.model.suite import Shape, Suite
from harness.stress.draw import scenario_seed

SEEDS = 500  # schedules of a scenario at most, when executions are counted
SCENARIOS = 8  # of a suite at least, when there are executions for so many
SLICE_MS = 500  # time for a scenario, when time is
LINEARIZABLE = "linearizable"  # the oracle by its name in a suite


@dataclass(frozen=True, slots=True)
class Unit:
    """One batch. `executions` 0: as many as `milliseconds` allow."""

    suite: str
    origin: Origin | None  # None: nothing draws the scenario again
    scenario: Scenario
    first_seed: int
    executions: int
    milliseconds: int = 0
    linearizable: bool = False  # the suite asks for histories to be judged

    def options(self, asked: Options) -> Options:
        """What it is explored with: what was asked, and what its suite needs."""
        return replace(asked, linearizable=asked.linearizable or self.linearizable)

    def rest(self, done: int) -> Unit | None:
        """Return what is left when so many seeds are done, None when nothing is."""
        if self.executions and done >= self.executions:
            return None
        left = self.executions - done if self.executions else 0
        return replace(self, first_seed=self.first_seed + done, executions=left)

    def until(self, seed: int, done: int) -> Unit | None:
        """Return the part with the seeds below `seed`, without the first `done` ones; None when there are none."""
        first = self.first_seed + done
        return replace(self, first_seed=first, executions=seed - first, milliseconds=0) if seed > first else None


class Units:
    """Hands out units: the suites in turn, scenario after scenario, until the executions are used up.

    `executions` None: for ever, each unit a slice of time.
    """

    def __init__(
        self,
        suites: Sequence[Suite],
        seed: int,
        shape: Shape,
        executions: int | None,
        strategy: str = "",
        slice_ms: int = SLICE_MS,
    ) -> None:
        self._suites = {suite.name: suite for suite in suites}
        self._seed, self._shape, self._whole = seed, shape, strategy in WHOLE
        self._slice = slice_ms if executions is None else 0
        count = len(suites)
        self._left = {
            suite.name: 0 if executions is None else max(1, (executions + count - 1 - place) // count)
            for place, suite in enumerate(suites)
        }
        self._seeds = {name: min(SEEDS, -(-left // SCENARIOS)) for name, left in self._left.items()}
        self._index = dict.fromkeys(self._suites, 0)
        self._turn = deque(self._suites)
        self._returned: deque[Unit] = deque()
        self._walked: set[str] = set()  # scenarios, without their seeds, of which all schedules are walked through

    def next(self) -> Unit | None:
        """Return the next unit, None when there is nothing left."""
        while self._returned:
            unit = self._returned.popleft()
            if unit.suite in self._suites:
                return unit
        for name in list(self._turn):
            self._turn.rotate(-1)
            if self._slice or self._left[name] > 0:
                unit = self._unit(name)
                if self._new(unit):
                    return unit
        return None

    def _new(self, unit: Unit) -> bool:
        """Whether a unit's scenario still has to be walked through; a suite that draws it again is at its end."""
        if not self._whole:
            return True
        content = replace(unit.scenario, seed=0).digest
        if content in self._walked:
            self.drop(unit.suite)
            return False
        self._walked.add(content)
        return True

    def give_back(self, unit: Unit | None, executions: int = 0) -> None:
        """Hand a rest out again, or let other scenarios of the suite have its executions."""
        if unit is None:
            return
        if executions:
            self._left[unit.suite] += executions
        else:
            self._returned.append(unit)

    def drop(self, suite: str) -> None:
        """Hand out nothing more of a suite."""
        if suite in self._suites:
            del self._suites[suite]
            self._turn.remove(suite)

    def _unit(self, name: str) -> Unit:
        index = self._index[name]
        self._index[name] += 1
        executions = 0 if self._slice else self._left[name] if self._whole else min(self._seeds[name], self._left[name])
        self._left[name] -= executions
        origin = Origin(name, scenario_seed(self._seed, name, index), self._shape)
        first = schedule_seed(self._seed, name, index)
        scenario = drawn(self._suites[name], origin)
        judged = LINEARIZABLE in self._suites[name].oracles
        return Unit(name, origin, scenario, first, executions, self._slice, judged)


def schedule_seed(run_seed: int, suite: str, index: int) -> int:
    """Return the seed of a scenario's first schedule; those after it have the seeds after it."""
    return Rng(run_seed).fork(suite).fork(f"schedules {index}").word() >> 1


def drawn(suite: Suite, origin: Origin) -> Scenario:
    """Draw an origin's scenario. Raises Problem when the suite can't."""
    try:
        return suite.drawn(origin.seed, origin.shape)
    except ValueError as error:
        raise Problem(f"the suite {suite.name} can't draw such a scenario: {error}") from error
