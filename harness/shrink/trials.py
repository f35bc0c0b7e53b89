"""Tries: is the finding seen again in a smaller case? Many a second in one worker, which is replaced when it dies."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace

import msgspec

from harness.builds import Symbols
from harness.explore.child import Explorer, WorkerEnded
from harness.explore.messages import Explore, Force, Replay, ToWorker
from harness.model.batch import DIED, Batch, Observation, Stack
from harness.model.finding import Finding, shows
from harness.model.scenario import Scenario
from harness.model.schedule import NO_CALIBRATION, Choice, Options, Schedule
from harness.oracle import Death, crash_finding, exit_finding, hang_finding, observed
from harness.shrink.case import Case
from harness.stress.process import Launch

STRATEGY = "replay"  # of a schedule that is a list and nothing else
FEW_PREEMPTIONS, DEPTH = "pct", 3
FIRST_BATCH, BATCH = 8, 256  # executions between two looks at what was found
_TICK, _STOP_SECONDS = 0.2, 1.0
_TAIL = 16 << 10


class Over(Exception):
    """The time is over, or somebody asked for an end."""


class Worker:
    """One process after another: the next one is started when the last one has ended."""

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        self._child: Explorer | None = None

    def child(self) -> Explorer:
        """Return the process that runs, started now if there is none."""
        self._child = self._child or Explorer(self.launch)
        return self._child

    def end(self) -> None:
        """End the process, if there is one."""
        if self._child:
            self._child.end()
            self._child.close()
        self._child = None


class Trials:
    """Runs tries for one finding. `wanted`: what its repro calls it. Every method may raise Over.

    `deadline`: by time.monotonic; `hang_after`: seconds that one execution may take. `step_bound`: points after which
    an execution is none of a smaller case, 0: as the options say; what runs in circles else takes most of the time.
    """

    def __init__(
        self, worker: Worker, symbols: Symbols, wanted: str, hang_after: float, interrupted: Callable[[], bool]
    ) -> None:
        self._worker, self._symbols, self._wanted = worker, symbols, wanted
        self._hang_after, self._interrupted = hang_after, interrupted
        self.deadline = math.inf
        self.step_bound = 0
        self.steps = 0  # of the execution in which the finding was seen last; 0: not known
        self.executions = 0
        self.finding: Finding | None = None  # as it was seen last
        self.trace_hash: int | None = None
        self.codes: dict[str, tuple[str, ...]] = {}  # names of return codes, by target

    # ---- tries ----

    def followed(self, scenario: Scenario, options: Options, choices: tuple[Choice, ...]) -> Case | None:
        """Try a list of choices; where it doesn't fit, the default order goes on."""
        batch, seen = self._run(Replay(scenario, options, choices, 0, tolerant=False), scenario)
        return self._case(scenario, options, batch, seen) if seen else None

    def forced(self, scenario: Scenario, options: Options, legs: tuple[tuple[int, str, int], ...]) -> Case | None:
        """Try an order of legs; see harness.shrink.legs."""
        batch, seen = self._run(Force(scenario, options, legs), scenario)
        return self._case(scenario, options, batch, seen) if seen else None

    def searched(self, scenario: Scenario, options: Options, seed: int, executions: int) -> Case | None:
        """Look for a schedule among so many, in batches that grow: most are found early.

        Every other batch is of a strategy that makes few preemptions: what it finds is nearly small already.
        """
        done, size = 0, FIRST_BATCH
        few = replace(options, strategy=FEW_PREEMPTIONS, depth=DEPTH)
        while done < executions:
            for strategy in (few, options):
                count = min(size, executions - done)
                found = self.explored(scenario, strategy, seed + done, count) if count else None
                if found is not None:
                    return replace(found, options=options)
                done += count
            size = min(2 * size, BATCH)
        return None

    def explored(self, scenario: Scenario, options: Options, seed: int, executions: int) -> Case | None:
        """Look for a schedule in one batch, which an exhaustive strategy needs; the first one found counts."""
        batch, seen = self._run(Explore(scenario, options, seed, executions), scenario)
        if isinstance(seen, Observation) and batch.status == DIED:
            return self._case(scenario, options, batch, seen)
        if isinstance(seen, Observation):
            return self.followed(scenario, options, seen.choices)
        if seen is not None:  # the process died: its seed is all that is known
            return Case(scenario, options, Schedule(options.strategy, seen))
        return None

    def repeated(self, case: Case) -> Case | None:
        """Try a case again as it is."""
        if case.schedule.choices is not None:
            return self.followed(case.scenario, case.options, case.choices)
        options = replace(case.options, strategy=case.schedule.strategy)
        return self.explored(case.scenario, options, case.schedule.seed, 1)

    def obeyed(self, order: ToWorker) -> Case | None:
        """Try what a worker can be told: one execution."""
        assert isinstance(order, Explore | Replay)
        batch, seen = self._run(order, order.scenario)
        if isinstance(seen, Observation) and batch.status != DIED:
            return self.followed(order.scenario, order.options, seen.choices)
        return None if seen is None else self._case(order.scenario, order.options, batch, seen)

    def traced(self, case: Case, events: int) -> tuple[Batch, Observation | None]:
        """Return a case's execution with all its events, and what showed the finding in it."""
        assert case.schedule.choices is not None
        order = Replay(case.scenario, case.options, case.choices, 0, tolerant=False, trace=events, trace_all=True)
        batch, seen = self._run(order, case.scenario)
        return batch, seen if isinstance(seen, Observation) else None

    def last(self) -> None:
        """Let what follows run to its end, whatever the time and whoever asks for an end."""
        self.step_bound = 0
        self.deadline, self._interrupted = math.inf, lambda: False

    # ---- parts ----

    def _case(self, scenario: Scenario, options: Options, batch: Batch, seen: Observation | int) -> Case:
        if isinstance(seen, int):
            return Case(scenario, options, Schedule(options.strategy, seen))
        self.trace_hash = None if batch.status == DIED else seen.trace_hash
        self.steps = batch.max_steps
        work = sum(batch.points.values()) + batch.plain_accesses
        schedule = Schedule(STRATEGY, 0, choices=seen.choices)
        beside = frozenset(other.kind for other in batch.observations if other is not seen)
        return Case(scenario, options, schedule, batch.preemptions, work, beside)

    def _run(self, order: Explore | Replay | Force, scenario: Scenario) -> tuple[Batch, Observation | int | None]:
        """Obey an order. With the batch comes what showed the finding: an observation, or the seed it died of."""
        if self._interrupted() or time.monotonic() >= self.deadline:
            raise Over
        if self.step_bound:
            order = msgspec.structs.replace(order, options=replace(order.options, step_bound=self.step_bound))
        child = self._worker.child()
        try:
            child.wait_until_ready()
            self.codes = child.codes
            child.progress.clear()
            batch = self._answer(child, order)
        except WorkerEnded as ended:
            seed, count, left = child.progress.seed, child.progress.executions, child.left()
            self._worker.end()
            self.executions += count + 1
            finding = _death(ended, scenario, seed, self._hang_after)
            if not self._wants(finding):
                return left or Batch(DIED, ""), None
            return (left, _end_of(left, finding, seed)) if left else (Batch(DIED, ""), seed)
        self.executions += batch.executions
        if 0 < self.step_bound < batch.max_steps and not isinstance(order, Explore):
            return batch, None  # from there on it is another execution than without the bound
        self._symbols.look_up(pc for seen in batch.observations for stack in seen.stacks for pc in stack.pcs)
        for seen in batch.observations:
            if seen.kind and self._wants(observed(seen, scenario.suite, self._symbols.frames)):
                return batch, seen
        return batch, None

    def _answer(self, child: Explorer, order: ToWorker) -> Batch:
        """Wait for what comes of an order, with an eye on the time and on whether the worker gets on."""
        child.tell(order)
        beat, quiet_since = (0, 0), time.monotonic()
        stopped: float | None = None
        while True:
            try:
                return child.answer(_TICK)
            except WorkerEnded as ended:
                if ended.code is not None:
                    raise
            now = time.monotonic()
            if stopped is None and (self._interrupted() or now >= self.deadline):
                child.progress.request_stop()
                stopped = now
            if stopped is not None and now - stopped > _STOP_SECONDS:
                self._worker.end()
                raise Over
            if (child.progress.executions, child.progress.seed) != beat:
                beat, quiet_since = (child.progress.executions, child.progress.seed), now
            elif now - quiet_since > self._hang_after:
                raise WorkerEnded(None, child.text(0, child.printed))

    def _wants(self, finding: Finding) -> bool:
        if not shows(finding, self._wanted):
            return False
        self.finding = finding
        return True


def searching(options: Options, strategy: str = "portfolio", bound: int = -1) -> Options:
    """Return the options with which schedules are looked for: all strategies in turn, or a given one."""
    return replace(options, strategy=strategy, depth=0, switch_probability=0.0, preemption_bound=bound)


def _end_of(left: Batch, finding: Finding, seed: int) -> Observation:
    """Return the end of an execution that its process died of, as if the runtime had seen it: at the last event."""
    last = left.events[-1] if left.events else None
    step = last.step if last else max((choice.step for choice in left.choices), default=0)
    stacks = (Stack("the process died", last.thread, (last.pc,)),) if last else ()
    return Observation(finding.kind, "died", finding.message, "", "", 0, seed, step, 0, 1, True, left.choices, 0,
                       STRATEGY, NO_CALIBRATION, stacks)  # fmt: skip


def _death(ended: WorkerEnded, scenario: Scenario, seed: int, hang_after: float) -> Finding:
    death = Death(scenario.suite, seed, "exploring", ended.text[-_TAIL:])
    if ended.code is None:
        return hang_finding(death, round(hang_after), (), "")
    return crash_finding(death, -ended.code) if ended.code < 0 else exit_finding(death, ended.code)
