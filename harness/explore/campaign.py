"""What the workers of one exploration share: what is explored, until when, and what has come of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from harness.builds import BatchProgress, Symbols, build_record
from harness.explore.bundle import repro_of
from harness.explore.figures import Figures
from harness.explore.request import ExploreRequest
from harness.explore.spare import Spare
from harness.explore.tracer import Tracer
from harness.explore.units import Unit, Units
from harness.model.batch import BAD_REQUEST, DONE, NO_MEMORY, STOPPED, Batch, Observation
from harness.model.finding import Finding
from harness.model.problem import Problem
from harness.model.repro import Repro
from harness.model.schedule import NO_CALIBRATION, Calibration, Schedule
from harness.oracle import observed
from harness.store import Intents, bundled
from harness.stress.collect import Collector
from harness.stress.failure import RunFailed
from harness.stress.intents import scheduled_intent
from harness.stress.process import Launch

MAX_DEATHS = 8  # of workers, in one suite


@dataclass(slots=True)
class Campaign:
    """One exploration in its course."""

    launch: Launch
    request: ExploreRequest
    seed: int
    units: Units
    collector: Collector
    interrupted: Callable[[], bool]
    symbols: Symbols
    tracer: Tracer
    intents: Intents
    enough: Callable[[], bool] = lambda: False  # what was looked for has been found
    figures: Figures = field(default_factory=Figures)
    began: float | None = None  # when the first worker was ready
    canary: bool | None = None
    missed: str = ""  # what the canary said when it was missed
    deaths: Counter[str] = field(default_factory=Counter)
    failed: str = ""  # why it can't go on
    spare: Spare | None = None  # where workers come from and go to, None: each is started and ended

    @property
    def elapsed(self) -> float:
        """Seconds since the first worker was ready."""
        return 0.0 if self.began is None else time.monotonic() - self.began

    @property
    def over(self) -> bool:
        """Whether its time is over."""
        limit = self.request.time
        return limit is not None and self.elapsed >= limit

    @property
    def ending(self) -> bool:
        """Whether no further batch may be begun."""
        return self.over or self.enough() or self.interrupted() or self.canary is False or bool(self.failed)

    def met(self, canary: str) -> None:
        """A worker is ready, and says how its canary went."""
        self.began = self.began if self.began is not None else time.monotonic()
        self.canary = self.canary is not False and not canary
        self.missed = self.missed or canary

    def intend(self, worker: str, unit: Unit, calibration: Calibration = NO_CALIBRATION) -> None:
        """Put on disk what a worker is about to explore, before it does."""
        options, build = unit.options(self.request.options), self.launch.build
        schedule = Schedule(options.strategy, unit.first_seed, calibration)
        repro = Repro(unit.origin, unit.scenario.digest, options, schedule, build.identity, "")
        intent = scheduled_intent(repro, unit.scenario, unit.executions, BatchProgress.seed_at())
        self.intents.begin(worker, intent)

    def take(self, unit: Unit, batch: Batch) -> None:
        """Add a batch to what has come so far."""
        if batch.status not in (DONE, STOPPED):
            self._refused(unit, batch)
            return
        result = self.collector.suites[unit.suite]
        result.executions += batch.executions
        result.operations += batch.operations
        result.seconds += batch.seconds
        for name, count in batch.checks.items():
            result.invariants[name] = result.invariants.get(name, 0) + count
        self.collector.meet(batch.faults)
        self.figures.add(unit.suite, unit.scenario, batch)
        if unit.scenario.processes:
            self.collector.note(
                f"the processes of {unit.suite} were fibers of one address space: nothing is said of mappings, nor of "
                "one that dies (`racewash run` has real ones)"
            )
        self.symbols.look_up(pc for seen in batch.observations for stack in seen.stacks for pc in stack.pcs)
        for seen in batch.findings:
            self._found(unit, seen)
        if batch.obstacle:
            self.fail(f"the suite {unit.suite} can't be explored {batch.obstacle}", problem=False)

    def died(self, unit: Unit, finding: Finding, schedule: Schedule) -> None:
        """A worker died in an execution: keep the finding, with a token by that execution's schedule."""
        options = unit.options(self.request.options)
        repro = Repro(unit.origin, unit.scenario.digest, options, schedule, self.launch.build.identity,
                      finding.fingerprint)  # fmt: skip
        self._keep(unit, finding, repro, None)
        self.deaths[unit.suite] += 1
        if self.deaths[unit.suite] == MAX_DEATHS:
            self.units.drop(unit.suite)
            self.collector.note(
                f"the suite {unit.suite} was stopped before its time: {MAX_DEATHS} of its workers have died"
            )

    def fail(self, text: str, problem: bool) -> None:
        """End the exploration: by what is the user's to correct, or by an error of ours.

        Not when something has been found: then that counts, and the rest is a note beside it.
        """
        if self.collector.findings:
            self.failed = text
            self.collector.note(text)
        elif problem:
            raise Problem(text)
        else:
            raise RunFailed(text)

    def _refused(self, unit: Unit, batch: Batch) -> None:
        where = f"scenario seed {unit.scenario.seed} of the suite {unit.suite}"
        theirs = batch.status in (BAD_REQUEST, NO_MEMORY)
        self.fail(f"{batch.message or batch.status} ({where})", problem=theirs)

    def _found(self, unit: Unit, seen: Observation) -> None:
        finding = observed(seen, unit.suite, self.symbols.frames)
        repro = repro_of(
            seen, unit.origin, unit.scenario, unit.options(self.request.options), self.launch.build, finding.fingerprint
        )
        self._keep(unit, finding, repro, seen.trace_hash)

    def _keep(self, unit: Unit, finding: Finding, repro: Repro, trace_hash: int | None) -> None:
        if self.collector.knows(finding):
            self.collector.found(finding, {})
            return
        trace = self.tracer.trace(repro, unit.scenario, self.interrupted)
        record = build_record(self.launch.build)
        self.collector.found(*bundled(finding, repro, unit.scenario, record, trace, trace_hash))
