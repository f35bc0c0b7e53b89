"""One of an exploration's workers, through all the processes that take its place when one dies.

A process that crashes or hangs becomes a finding with the seed of the execution under way, and the next one goes on
with the seed after it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from harness.explore.campaign import MAX_DEATHS, Campaign
from harness.explore.child import START_SECONDS, Explorer
from harness.explore.messages import Explore, Explored, Failed, FromWorker, Measured, Ready
from harness.explore.request import WHOLE
from harness.explore.units import Unit
from harness.model.finding import Finding
from harness.model.schedule import NO_CALIBRATION, Calibration, died_of
from harness.oracle import Death, crash_finding, exit_finding, garbled_finding, hang_finding
from harness.stress.evidence import native_stacks
from harness.stress.failure import RunFailed
from harness.stress.messages import Garbled

_TAIL = 16 << 10  # bytes of what a worker printed, kept with its death
MEASURE_EVERY = 0.2
_LONGEST_STEP = 1.0  # a supervisor that was held up itself must not blame its workers for it


class Slot:
    """A worker, and the unit that it explores."""

    def __init__(self, campaign: Campaign, number: int) -> None:
        self._campaign = campaign
        self._name = f"worker-{number}"
        self._child: Explorer | None = None
        self._unit: Unit | None = None
        self._ready = self._failed = False  # it can take a unit; it has told an error of its own
        self._calibration: Calibration = NO_CALIBRATION  # what the executions under way were given
        self._idle_deaths = 0  # of its processes, between two units
        self._done = 0  # executions of the unit that have come already
        self._quiet = 0.0  # seconds without a sign of life
        self._beat = (0, 0)
        self._cpu_before = 0.0  # seconds that the process had used up for others
        self._cpu = 0.0  # all that it had used up when it was measured last: of one that has ended nothing is known
        self._unmeasured = 0.0  # seconds since then
        self._spawn()

    @property
    def fd(self) -> int | None:
        """Where its process's messages can be read."""
        return self._child.fd if self._child else None

    @property
    def suite(self) -> str:
        """The suite that it explores, empty between units."""
        return self._unit.suite if self._unit else ""

    @property
    def under_way(self) -> tuple[int, int]:
        """Executions of the batch under way, and the different schedules among them."""
        if self._child is None or self._unit is None:
            return 0, 0
        return self._child.progress.executions, self._child.progress.distinct

    def step(self, passed: float) -> None:
        """Take what the process has said, and look after it; `passed`: seconds since the last step."""
        child = self._child
        if child is None:
            return
        ended = child.process.poll() is not None
        try:
            for message in child.messages():
                self._take(child, message)
        except Garbled as error:
            why = str(error)
            self._lose(child, lambda death: garbled_finding(death, why))
            return
        if ended:
            self._bury(child)
            return
        if self._campaign.ending:
            self._finish(child)
        if self._child is child:
            self._watch(child, min(passed, _LONGEST_STEP))

    def idle(self) -> bool:
        """Whether it explores nothing."""
        return self._unit is None

    def begin(self, unit: Unit) -> None:
        """Explore a unit. Only when it is idle and has a process."""
        assert self._child is not None
        self._unit, self._calibration, self._done = unit, NO_CALIBRATION, 0
        self._quiet, self._beat = 0.0, (0, 0)
        options = unit.options(self._campaign.request.options)
        self._child.progress.clear()
        self._campaign.intend(self._name, unit)
        self._child.tell(
            Explore(unit.scenario, options, unit.first_seed, unit.executions, unit.milliseconds,
                    measure=options.strategy not in WHOLE)
        )  # fmt: skip

    @property
    def ready(self) -> bool:
        """Whether it can take a unit."""
        return self._child is not None and self._ready and self._unit is None

    def kill(self) -> None:
        """End the process now, without a finding."""
        if self._child:
            self._part(self._child)

    # ---- parts ----

    def _spawn(self) -> None:
        campaign = self._campaign
        area = partial(campaign.intents.area, self._name)
        kept = campaign.spare.take(campaign.launch) if campaign.spare else None
        if kept:
            kept.show_in(area)
        self._child = kept or Explorer(campaign.launch, area)
        self._cpu = self._cpu_before = kept.measure()[0] if kept else 0.0
        self._unmeasured = 0.0
        self._quiet, self._beat = 0.0, (0, 0)
        self._ready, self._failed = kept is not None, False
        if kept:
            self._campaign.met("")

    def _take(self, child: Explorer, message: FromWorker) -> None:
        match message:
            case Ready():
                self._ready = True
                self._quiet = 0.0
                self._campaign.met(message.canary)
            case Measured():
                assert self._unit is not None
                self._calibration = message.batch.calibration
                self._campaign.intend(self._name, self._unit, self._calibration)
                self._campaign.take(self._unit, message.batch)
                self._done += message.batch.executions
            case Explored():
                assert self._unit is not None
                unit, self._unit = self._unit, None
                self._campaign.intents.end(self._name)
                self._campaign.take(unit, message.batch)
                left = unit.executions - self._done - message.batch.executions
                if message.batch.exhausted and left > 0:
                    self._campaign.units.give_back(unit, left)
            case Failed():
                self._failed = True
                self._campaign.fail(message.text, message.problem)

    def _finish(self, child: Explorer) -> None:
        """Let the batch under way end after its execution, and then the process."""
        if self._unit is not None:
            child.progress.request_stop()
        else:
            self._part(child)

    def _watch(self, child: Explorer, passed: float) -> None:
        beat = (child.progress.executions, child.progress.seed)
        self._quiet = 0.0 if beat != self._beat else self._quiet + passed
        self._beat = beat
        child.note(self._quiet)
        self._unmeasured += passed
        if self._unmeasured >= MEASURE_EVERY:
            self._measure(child)
        if not self._ready:
            if self._quiet > START_SECONDS:
                raise RunFailed(f"a worker did not start within {START_SECONDS:.0f} s: {_last_line(child)}")
        elif self._unit is not None and self._quiet > self._campaign.request.hang_after:
            stacks, quiet = native_stacks(child.pids(), self._campaign.interrupted), round(self._quiet)
            self._lose(child, lambda death: hang_finding(death, quiet, (), stacks))

    def _measure(self, child: Explorer) -> None:
        self._cpu, self._unmeasured = max(self._cpu, child.measure()[0]), 0.0

    def _bury(self, child: Explorer) -> None:
        """The process has ended by itself."""
        if self._failed:  # its end is no finding
            self._part(child)
            self._unit = None
            return
        if not self._ready:
            raise RunFailed(f"a worker could not start, it ended with {child.process.returncode}: {_last_line(child)}")
        code = child.process.returncode
        self._lose(child, lambda death: crash_finding(death, -code) if code < 0 else exit_finding(death, code))

    def _lose(self, child: Explorer, judge: Callable[[Death], Finding]) -> None:
        """A process that ended, or has to, before its time: the next one goes on after the seed it died of."""
        unit, seed, found = self._unit, child.progress.seed, child.progress.findings
        executed, choices = child.progress.executions, child.choices() if seed else None
        printed = child.text(max(0, child.printed - _TAIL), child.printed)
        self._part(child)
        self._unit = None
        self._campaign.intents.end(self._name)
        if unit is None:
            self._lost_idle(printed)
            return
        seed = seed or unit.first_seed  # it died before its first execution
        if found:  # what the batch had seen died with the process: explore the seeds before once more
            self._campaign.units.give_back(unit.until(seed, self._done))
        else:
            self._campaign.collector.suites[unit.suite].executions += executed
        self._campaign.units.give_back(unit.rest(seed + 1 - unit.first_seed))
        death = Death(unit.suite, seed, "exploring", printed)
        strategy = unit.options(self._campaign.request.options).strategy
        self._campaign.died(unit, judge(death), died_of(strategy, seed, self._calibration, choices))
        if not self._campaign.ending:
            self._spawn()

    def _lost_idle(self, printed: str) -> None:
        """It executed nothing, so nothing is lost with it; somebody else's signal, unless it comes again and again."""
        self._idle_deaths += 1
        if self._idle_deaths >= MAX_DEATHS:
            raise RunFailed(f"workers are lost between two batches again and again: {printed.strip()[-300:]}")
        if not self._campaign.ending:
            self._campaign.collector.note("a worker was lost between two batches; another one has taken its place")
            self._spawn()

    def _part(self, child: Explorer) -> None:
        campaign = self._campaign
        self._measure(child)
        campaign.collector.cpu_seconds += self._cpu - self._cpu_before
        if campaign.spare and campaign.canary and self.ready and child.process.poll() is None:
            campaign.spare.keep(campaign.launch, child)
        else:
            child.end()
            child.close()
        self._child = None


def _last_line(child: Explorer) -> str:
    lines = child.text(max(0, child.printed - 4096), child.printed).strip().splitlines()
    return lines[-1] if lines else "it printed nothing"
