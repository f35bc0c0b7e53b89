"""Processes that run one order after another for a replay or a search."""

from __future__ import annotations

from harness.builds import Symbols
from harness.explore.child import Explorer, WorkerEnded
from harness.explore.messages import ToWorker
from harness.model.batch import BAD_REQUEST, DIED, NO_MEMORY, Batch
from harness.model.finding import Finding
from harness.model.problem import Problem
from harness.oracle import Death, crash_finding, exit_finding, hang_finding, observed
from harness.repro.resolve import Recorded
from harness.stress.process import Launch

_TAIL = 16 << 10


class Workers:
    """Runs one order after another; a process that dies of one is a finding, and the next order gets a new one."""

    def __init__(self, launch: Launch, recorded: Recorded, seconds: float, symbols: Symbols, *, fresh: bool) -> None:
        self._launch, self._seconds, self._symbols, self._fresh = launch, seconds, symbols, fresh
        self._suite, self._seed = recorded.scenario.suite, recorded.repro.schedule.seed
        self._child: Explorer | None = None

    def run(self, order: ToWorker) -> tuple[Batch, list[Finding]]:
        """Obey an order. Raises Problem when it can't be obeyed here."""
        self._child = self._child or Explorer(self._launch)
        alive = False
        try:
            batch = self._child.obey(order, self._seconds)
            alive = True
        except WorkerEnded as ended:
            death = Death(self._suite, self._seed, "exploring", ended.text[-_TAIL:])
            return self._child.left() or Batch(DIED, ""), [_death(ended, death, self._seconds)]
        finally:
            if self._fresh or not alive:
                self.end()
        if batch.status in (BAD_REQUEST, NO_MEMORY):
            self.end()
            raise Problem(f"it can't be replayed here: {batch.message or batch.status}")
        return batch, [observed(seen, self._suite, self._symbols.frames) for seen in batch.observations if seen.kind]

    def end(self) -> None:
        """End the process, if there is one."""
        if self._child:
            self._child.end()
            self._child.close()
        self._child = None


def _death(ended: WorkerEnded, death: Death, seconds: float) -> Finding:
    if ended.code is None:
        return hang_finding(death, round(seconds), (), "")
    return crash_finding(death, -ended.code) if ended.code < 0 else exit_finding(death, ended.code)
