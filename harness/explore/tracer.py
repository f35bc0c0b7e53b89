"""Runs a finding's execution once more with a trace, in a process of its own, before the finding is told."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from harness.builds import Symbols
from harness.explore.child import Explorer, Interrupted, WorkerEnded
from harness.explore.messages import Explore, Replay
from harness.explore.trace import trace_lines
from harness.model.problem import Problem
from harness.model.repro import Repro
from harness.model.scenario import Scenario
from harness.stress.failure import RunFailed
from harness.stress.process import Launch

LONGEST = 10.0  # seconds that a finding waits for its trace
LATE = 0.3
_INTERRUPTED = "no trace of this execution: the end was asked for before it was done"
MOST = 20_000  # events; what an execution goes through is a few hundred


class Tracer:
    """A process that is started at the first finding and stays for the others."""

    def __init__(self, launch: Launch, symbols: Symbols, seconds: float) -> None:
        self._launch, self._symbols, self._seconds = launch, symbols, min(seconds, LONGEST)
        self._child: Explorer | None = None
        self._latest = math.inf  # by time.monotonic, once an end was asked for

    def trace(self, repro: Repro, scenario: Scenario, interrupted: Callable[[], bool]) -> tuple[str, ...]:
        """Return the lines of an execution's trace, or one that says why there is none. Raises nothing of the kind.

        After an interruption all traces together get only LATE seconds more.
        """
        if self._too_late(interrupted):
            return (_INTERRUPTED,)
        schedule = repro.schedule
        order: Explore | Replay
        if schedule.choices is None:  # the process died of it
            order = Explore(scenario, repro.options, schedule.seed, 1, calibration=schedule.calibration, trace=MOST)
        else:
            order = Replay(scenario, repro.options, schedule.choices, schedule.seed, MOST)
        try:
            self._child = self._child or Explorer(self._launch)
            batch = self._child.obey(order, self._seconds, lambda: self._too_late(interrupted))
        except Interrupted:
            self.end()
            return (_INTERRUPTED,)
        except (WorkerEnded, Problem, RunFailed) as error:
            left = self._child.left() if self._child and isinstance(error, WorkerEnded) else None
            self.end()
            if left is None or not left.events:
                return (f"no trace of this execution: {' '.join(str(error).split())}",)
            batch = left
        return trace_lines(batch.events, batch.event_count, self._symbols)

    def _too_late(self, interrupted: Callable[[], bool]) -> bool:
        if self._latest == math.inf and interrupted():
            self._latest = time.monotonic() + LATE
        return time.monotonic() >= self._latest

    def end(self) -> None:
        """End the process, if there is one."""
        if self._child:
            self._child.end()
            self._child.close()
        self._child = None
