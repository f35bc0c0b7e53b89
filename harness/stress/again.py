"""One scenario on real threads again and again: what the operating system makes of it may differ each time.

A worker executes the scenario once for each try and is judged as in a run; one that dies is replaced for the next try.
"""

from __future__ import annotations

import selectors
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from harness.model.finding import Finding
from harness.model.problem import Problem
from harness.model.scenario import Scenario
from harness.model.suite import Shape, Suite
from harness.store import RunStore
from harness.stress.canary import canary_seen, explain_start
from harness.stress.child import Child, Launch
from harness.stress.collect import Collector
from harness.stress.failure import RunFailed
from harness.stress.messages import MOST_PRINTED, Begin, Done, Ended, Failed, FromWorker, Garbled, Ready, Repeat
from harness.stress.race import Race
from harness.stress.request import OWN, RunRequest
from harness.stress.slot import MEASURE_EVERY, START_SECONDS
from harness.stress.verdict import Verdict

_TICK = 0.1
# libtsan reports a race once in a process, but each try has to count its own.
_EVERY_REPORT = "suppress_equal_stacks=0:suppress_equal_addresses=0"


class _Gathered(Collector):
    """Keeps every finding as it comes, instead of one of each kind in a store."""

    def __init__(self, suite: str) -> None:
        super().__init__(RunStore(Path()), (suite,), lambda _: None)
        self.came: list[Finding] = []

    def knows(self, finding: Finding) -> bool:
        """Say so of all: no bundle is to be made."""
        return True

    def found(self, finding: Finding, files: Mapping[str, bytes]) -> None:
        """Take a finding."""
        self.came.append(finding)


class Tries:
    """Executes a scenario in workers of a build; a context, so that no process is left.

    `memory`: the core's limit, if one was asked for, by which a worker's own is judged.
    """

    def __init__(self, launch: Launch, scenario: Scenario, hang_after: float, memory: int | None = None,
                 interrupted: Callable[[], bool] = lambda: False) -> None:  # fmt: skip
        self._launch, self._scenario, self._hang_after = _telling_all(launch), scenario, hang_after
        self._gathered = _Gathered(scenario.suite)
        request = RunRequest(target=launch.target or OWN, memory=memory, seed=scenario.seed, hang_after=hang_after)
        suite = Suite(scenario.suite, "one scenario", (), (), partial(_the_same, scenario))
        self._race = Race(self._launch, request, (suite,), scenario.seed, self._gathered, interrupted)
        self._suite = suite
        self._child: Child | None = None

    def __enter__(self) -> Tries:
        return self

    def __exit__(self, *error: object) -> None:
        self._part()

    def once(self) -> list[Finding]:
        """Execute the scenario once and return all that was found. Raises Problem when it can't be executed here."""
        self._gathered.came.clear()
        child = self._child or self._spawn()
        self._verdict.index = None
        child.send(Repeat(self._scenario, 0))
        for message in self._messages(child, self._hang_after):
            match message:
                case Begin():
                    self._verdict.index = 0
                case Done():
                    self._verdict.done(message)
                case Ended():
                    if message.worn:
                        self._part()
                    return list(self._gathered.came)
                case Failed():
                    self._part()
                    raise Problem(message.text) if message.problem else RunFailed(message.text)
                case Ready():
                    continue
        return list(self._gathered.came)

    def _spawn(self) -> Child:
        child = self._child = Child(self._launch)
        verdict = self._verdict = Verdict(self._race, child)
        verdict.suite = self._suite
        for message in self._messages(child, START_SECONDS):
            match message:
                case Ready():
                    verdict.read = message.stderr
                    child.know(message.target)
                    kind = self._race.kind
                    if kind != "native" and not canary_seen(kind, child.text(0, message.stderr)):
                        raise RunFailed(f"the {kind} build did not report the defect planted in it")
                    return child
                case Failed():
                    self._part()
                    raise Problem(message.text) if message.problem else RunFailed(message.text)
                case _:
                    break
        raise RunFailed("a worker could not start")

    def _messages(self, child: Child, seconds: float) -> Iterator[FromWorker]:
        """Yield what the worker says until the caller has enough, it ends, or it has to be ended."""
        beat, quiet, unmeasured = child.progress.beat(), 0.0, 0.0
        with selectors.DefaultSelector() as selector:
            selector.register(child.fd, selectors.EVENT_READ)
            while True:
                passed = 0.0 if selector.select(_TICK) else _TICK
                ended = child.process.poll() is not None
                try:
                    messages = list(child.messages())
                except Garbled as error:
                    self._verdict.garbled(str(error))
                    self._part()
                    return
                yield from messages
                now = child.progress.beat()
                quiet = 0.0 if messages or now != beat else quiet + passed
                beat, unmeasured = now, unmeasured + passed
                if ended:
                    self._bury(child)
                    return
                if self._unbearable(child, quiet, seconds, unmeasured >= MEASURE_EVERY):
                    self._part()
                    return
                unmeasured = 0.0 if unmeasured >= MEASURE_EVERY else unmeasured

    def _unbearable(self, child: Child, quiet: float, seconds: float, measure: bool) -> bool:
        """Judge a worker that hangs, prints without end or takes too much memory, as a run does; True when it does."""
        rss, limit = child.measure()[1] if measure else 0, self._race.memory_limit
        if quiet > seconds:
            self._verdict.hang(quiet)
        elif child.printed > 2 * MOST_PRINTED:
            self._verdict.flood(MOST_PRINTED)
        elif rss > limit:
            self._verdict.oom(rss, limit)
        return quiet > seconds or child.printed > 2 * MOST_PRINTED or rss > limit

    def _bury(self, child: Child) -> None:
        """The process has ended by itself."""
        if self._verdict.index is None:
            explain_start(child.text(0, child.printed))
        self._verdict.died(child.process.returncode)
        self._part()

    def _part(self) -> None:
        if self._child:
            self._child.end()
            self._child.close()
        self._child = None


def _the_same(scenario: Scenario, seed: int, shape: Shape) -> Scenario:
    return scenario


def _telling_all(launch: Launch) -> Launch:
    options = launch.environment.get("TSAN_OPTIONS")
    if launch.build.kind != "tsan" or options is None:
        return launch
    environment = {**launch.environment, "TSAN_OPTIONS": f"{options}:{_EVERY_REPORT}"}
    return Launch(launch.build, launch.command, environment, launch.target)
