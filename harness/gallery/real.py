"""The same defect on real threads under the stock sanitizer: the same scenarios first, the same CPU time."""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.builds import Build
from harness.gallery.search import Hunt
from harness.model.finding import Finding
from harness.model.gallery import Attempt
from harness.model.rng import Rng
from harness.model.scenario import Scenario
from harness.model.suite import Shape, Suite
from harness.store import new_run
from harness.stress.collect import Collector
from harness.stress.failure import RunFailed
from harness.stress.process import launch_of
from harness.stress.race import Race
from harness.stress.request import RunRequest
from harness.stress.slot import Slot

TURN = 4.0  # seconds of one suite, where there are several: they take turns, as in the search
HANG_SECONDS = 10.0
_TICK = 0.1
_LONG = 1 << 20  # seconds, for what only CPU time ends


class _Turns(Race):
    """A run whose suites take turns until it is stopped from outside."""

    def share(self, suites_left: int) -> float:
        return time.monotonic() + (TURN if len(self.suites) > 1 else _LONG)


def race_threads(build: Build, hunt: Hunt, seed: int, interrupted: Callable[[], bool]) -> Attempt:
    """Run the scenarios that the seed gives on real threads until a finding counts or the budget is spent.

    CPU seconds are those of the worker since it was ready, as the search's leave out its start.
    """
    with TemporaryDirectory(prefix="racewash-gallery-") as folder:
        request = RunRequest(
            suites=tuple(suite.name for suite in hunt.suites), seconds=_LONG, threads=hunt.shape.threads,
            ops=hunt.shape.ops, layout=hunt.shape.layout, sanitizer="tsan" if build.kind == "tsan" else "none",
            seed=seed, store=Path(folder), hang_after=HANG_SECONDS,
        )  # fmt: skip
        names = [suite.name for suite in hunt.suites]
        collector = Collector(new_run(request.store, seed), names, lambda _: None)
        race = _Turns(launch_of(build), request, _turns(hunt.suites, hunt.budget), seed, collector, interrupted)
        slot = Slot(race, 0)
        try:
            cpu = _watched(race, slot, hunt, interrupted)
        finally:
            slot.kill()
        if race.canary is False:
            raise RunFailed("the sanitizer did not report the defect planted for it: it would find nothing")
        return _attempt(collector, hunt, seed, cpu)


def _watched(race: Race, slot: Slot, hunt: Hunt, interrupted: Callable[[], bool]) -> float:
    """Step until it is enough; return the CPU seconds that were taken."""
    started: float | None = None
    cpu, last = 0.0, time.monotonic()
    while not slot.finished and not interrupted() and race.canary is not False and not race.failed:
        with selectors.DefaultSelector() as selector:
            if slot.fd is not None:
                selector.register(slot.fd, selectors.EVENT_READ)
            selector.select(_TICK)
        now = time.monotonic()
        slot.step(now - last)
        last = now
        if race.began is None:
            continue
        taken = race.collector.cpu_seconds + slot.cpu_seconds
        started = taken if started is None else started
        cpu = max(cpu, taken - started)
        if cpu >= hunt.budget or _counting(race.collector, hunt) is not None:
            break
    return cpu


def _attempt(collector: Collector, hunt: Hunt, seed: int, cpu: float) -> Attempt:
    finding = _counting(collector, hunt)
    executions = sum(suite.executions for suite in collector.suites.values())
    others = tuple(f"{one.kind}: {one.message}" for one in collector.findings if one.kind not in hunt.kinds)
    if finding is None:
        return Attempt(seed, False, executions, cpu, others=others)
    return Attempt(seed, True, executions, cpu, finding.suite, finding.kind, finding.invariant or finding.kind,
                   finding.message, others)  # fmt: skip


def _counting(collector: Collector, hunt: Hunt) -> Finding | None:
    return next((finding for finding in collector.findings if finding.kind in hunt.kinds), None)


def _turns(suites: tuple[Suite, ...], budget: float) -> tuple[Suite, ...]:
    """Return the suites again and again, each time with scenarios of its own; the first ones are the search's."""
    if len(suites) == 1:
        return suites
    turns = range(max(1, round(budget / TURN)) + 1)
    return tuple(replace(suite, generate=partial(_drawn, suite, turn)) for turn in turns for suite in suites)


def _drawn(suite: Suite, turn: int, seed: int, shape: Shape) -> Scenario:
    return suite.generate(Rng(seed).fork(f"turn {turn}").word() >> 1 if turn else seed, shape)
