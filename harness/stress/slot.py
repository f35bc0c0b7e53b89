"""One of a run's workers, through all the processes that take its place when one dies.

It goes through the suites; a process that crashes, hangs or grows too large becomes a finding, and the next one goes on
with the next scenario.
"""

from __future__ import annotations

import pickle
import time
from functools import partial
from typing import assert_never

from harness.model.suite import Suite
from harness.stress.canary import canary_seen, explain_start
from harness.stress.child import Child
from harness.stress.messages import MOST_PRINTED, Begin, Done, Ended, Failed, FromWorker, Garbled, Ready, Start
from harness.stress.race import Race
from harness.stress.verdict import Verdict

START_SECONDS = 120.0  # without a sign of life, for a worker to load its library
MEASURE_EVERY = 0.5
_LONGEST_STEP = 1.0  # a supervisor that was held up itself must not blame its workers for it


class Slot:
    """Worker `number` of the run: it executes scenarios number, number + W, number + 2W ... of each suite."""

    def __init__(self, race: Race, number: int) -> None:
        self._race = race
        self._number = number
        self._name = f"worker-{number}"
        self._left = list(race.suites)  # suites not yet begun
        self._suite: Suite | None = None
        self._deadline: float | None = None  # of the suite, set when a worker first begins it
        self._next = number  # scenario to go on with
        self._child: Child | None = None
        self._replacing = False
        self._cpu = 0.0
        if self._pick():
            self._spawn()

    @property
    def finished(self) -> bool:
        """Whether it has gone through all suites and its process is gone."""
        return self._child is None

    @property
    def fd(self) -> int | None:
        """Where its process's messages can be read."""
        return self._child.fd if self._child else None

    @property
    def suite(self) -> str:
        """The suite that it runs, empty between them."""
        return self._suite.name if self._suite else ""

    @property
    def cpu_seconds(self) -> float:
        """CPU seconds of its process so far; those of processes that have ended are the collector's."""
        if self._child is None:
            return 0.0
        self._cpu = max(self._cpu, self._child.measure()[0])
        return self._cpu

    def step(self, passed: float) -> None:
        """Take what the process has said, and look after it; `passed`: seconds since the last step."""
        child = self._child
        if child is None:
            return
        ended = child.process.poll() is not None
        try:
            for message in child.messages():
                self._heard += 1
                self._take(child, message)
        except Garbled as error:
            self._verdict.garbled(str(error))
            self._lose(child)
            return
        if ended:
            self._bury(child)
        else:
            self._look_after(child, min(passed, _LONGEST_STEP))

    def stop(self) -> None:
        """Let the process end after its threads' current operations; one that isn't ready yet ends now."""
        self._left.clear()
        if self._child and self._ready:
            self._finishing = True
            self._child.progress.request_stop()
            self._child.dismiss()
        else:
            self.kill()

    def kill(self) -> None:
        """End the process and what it forked, now, without a finding."""
        self._left.clear()
        if self._child:
            self._part(self._child)

    # ---- messages ----

    def _take(self, child: Child, message: FromWorker) -> None:
        match message:
            case Ready():
                self._welcome(child, message)
            case Begin():
                self._verdict.index = message.index
                self._race.attempted.add(self.suite)
            case Done():
                self._next = message.index + self._race.request.processes
                self._verdict.done(message)
            case Ended():
                self._race.rest(self._name)
                self._replacing = message.worn
                self._assign(child)
            case Failed():
                self._finishing = True  # its end is no finding
                self._race.fail(message.text, message.problem)
            case _:
                assert_never(message)

    def _welcome(self, child: Child, ready: Ready) -> None:
        text = child.text(0, ready.stderr)
        if self._race.kind != "native":
            self._race.judge_canary(canary_seen(self._race.kind, text))
        child.know(ready.target)
        self._verdict.read = ready.stderr
        self._ready = True
        if self._race.began is None:
            self._race.began = time.monotonic()
        if self._race.canary is not False:
            self._start_suite(child)

    # ---- suites ----

    def _assign(self, child: Child) -> None:
        """The suite's time is over, or the process is to be replaced within it."""
        if not self._replacing:
            self._suite = None
            if self._pick():
                self._start_suite(child)
                return
            self._finishing = True
        child.dismiss()

    def _pick(self) -> bool:
        """Stay with the suite, or take the next one, if any needs more time; False: all is done."""
        if self._suite and (self._deadline is None or time.monotonic() < self._deadline) and self._wanted(self._suite):
            return True
        self._suite = None
        while self._left:
            suite = self._left.pop(0)
            if self._wanted(suite):
                self._suite, self._deadline, self._next = suite, None, self._number
                return True
        return False

    def _wanted(self, suite: Suite) -> bool:
        return self._race.worth_starting(suite)

    def _start_suite(self, child: Child) -> None:
        assert self._suite is not None
        if self._deadline is None:
            self._deadline = self._race.share(len(self._left) + 1)
        self._verdict.suite = self._suite
        request = self._race.request
        self._race.intend(self._name, self.suite, self._next)
        child.send(Start(pickle.dumps(self._suite), self._race.seed, request.shape, self._next, request.processes,
                         self._deadline))  # fmt: skip

    # ---- the process ----

    def _spawn(self) -> None:
        self._child = Child(self._race.launch, partial(self._race.area, self._name))
        self._verdict = Verdict(self._race, self._child)
        self._ready = self._finishing = self._replacing = False
        self._heard = 0  # messages
        self._beat: tuple[object, ...] = ()
        self._quiet = 0.0  # seconds without a sign of life
        self._unmeasured = 0.0
        self._cpu = 0.0

    def _look_after(self, child: Child, passed: float) -> None:
        beat = (self._heard, child.progress.beat())
        self._quiet = 0.0 if beat != self._beat else self._quiet + passed
        self._beat = beat
        child.note(self._quiet)
        self._unmeasured += passed
        if not self._ready:
            if self._quiet > START_SECONDS:
                self._fail(child, f"a worker did not start within {START_SECONDS:.0f} s")
        elif self._quiet > self._race.request.hang_after:
            self._verdict.hang(self._quiet)
            self._lose(child)
        elif child.printed > 2 * MOST_PRINTED:  # so one execution has printed more than it may
            self._verdict.flood(MOST_PRINTED)
            self._lose(child)
        elif self._unmeasured >= MEASURE_EVERY:
            self._unmeasured = 0.0
            self._measure(child)

    def _measure(self, child: Child) -> None:
        self._cpu, rss = child.measure()
        if self._suite:
            self._race.collector.peak(self.suite, rss)
        if rss > self._race.memory_limit:
            self._verdict.oom(rss, self._race.memory_limit)
            self._lose(child)

    def _bury(self, child: Child) -> None:
        """The process has ended by itself."""
        code = child.process.returncode
        if not self._ready:
            explain_start(child.text(0, child.printed))
            self._fail(child, f"a worker could not start, it ended with {code}")
            return
        well = code == 0 and (self._finishing or self._replacing)
        if not well:
            self._verdict.died(code)
            self._lose(child)
            return
        outlived = child.end()
        if outlived:  # after a death they are no surprise, the kernel may just be ending them
            self._verdict.left_behind(outlived)
        self._part(child)
        self._go_on()

    def _lose(self, child: Child) -> None:
        """A process that ended, or has to, before its time: the next one goes on after the scenario it died of."""
        self._part(child)
        self._race.rest(self._name)
        if self._verdict.index is not None:
            self._next = self._verdict.index + self._race.request.processes
        if not self._finishing:
            self._race.died(self.suite)
            self._go_on()

    def _fail(self, child: Child, what: str) -> None:
        """No process can be brought to work: the run can't go on."""
        said = _last_line(child)
        self._part(child)
        self._race.fail(f"{what}: {said}", problem=False)

    def _part(self, child: Child) -> None:
        child.end()
        child.close()
        self._race.collector.cpu_seconds += self._cpu
        self._child = None

    def _go_on(self) -> None:
        if not self._finishing and self._pick():
            self._spawn()


def _last_line(child: Child) -> str:
    lines = child.text(max(0, child.printed - 4096), child.printed).strip().splitlines()
    return lines[-1] if lines else "it printed nothing"
