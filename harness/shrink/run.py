"""One shrinking from a request to its result: replay, passes until nothing helps or the time is over, a check."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from harness.builds import Symbols, get_build
from harness.explore.child import exploring
from harness.model.finding import Finding
from harness.model.problem import Problem
from harness.model.repro import Repro
from harness.repro.replay import TIMES_OTHER, order_of, replay_with
from harness.repro.resolve import Recorded, resolve
from harness.repro.result import ReplayRequest
from harness.shrink.case import Case, size_text
from harness.shrink.passes import NUMBERS, STRUCTURE
from harness.shrink.shrinker import EVENTS, Shrinker
from harness.shrink.story import Story, places_of, sources_of, story_of
from harness.shrink.trials import Over, Trials, Worker
from harness.stress.interrupts import Interrupts
from harness.stress.process import Launch

SECONDS, TIMES, HANG_SECONDS = 60.0, 20, 10.0
# Schedules looked through for one candidate: first none besides the order that is known, and nothing but the structure.
EFFORTS = (0, 32, 256, 2048)
ENDLESS = ("livelock", "hang")  # kinds of finding that only long executions show
LEAST_STEPS, LONGER = 10_000, 4  # a smaller case's execution has at most so many points, or times as many
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ShrinkRequest:
    """What is shrunk: a token or a bundle's folder. `times`: replays at the end, each in a fresh process."""

    given: str
    seconds: float = SECONDS
    times: int = TIMES
    store: Path = Path(".racewash")
    hang_after: float = HANG_SECONDS
    patches: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Shrunk:
    """A shrinking at its end. `whole`: nothing more helps; else the time was over before. `finding`: as seen last.

    `rate`: how often the smallest case was seen in fresh processes, of how many times.
    """

    recorded: Recorded
    launch: Launch
    before: Case
    after: Case
    finding: Finding
    trace_hash: int | None
    story: Story | None
    whole: bool
    tries: int
    seconds: float
    rate: tuple[int, int]
    interrupted: bool

    @property
    def repro(self) -> Repro:
        """How the smallest case is seen again."""
        case = self.after
        return Repro(None, case.scenario.digest, case.options, case.schedule, self.launch.build.identity,
                     self.finding.fingerprint)  # fmt: skip


def shrink(request: ShrinkRequest, tell: Say) -> Shrunk:
    """Shrink what a token or a bundle stands for. Raises Problem with one sentence when it is not seen again."""
    recorded = resolve(request.given, request.store)
    build = get_build("sched", request.patches)
    worker = Worker(exploring(build))
    try:
        return shrink_with(worker, recorded, request, Symbols(build), tell)
    finally:
        worker.end()


def shrink_with(worker: Worker, recorded: Recorded, request: ShrinkRequest, symbols: Symbols, tell: Say) -> Shrunk:
    """Shrink in a given worker. Ctrl-C ends it with the smallest case until then; the time is without the replays."""
    launch = worker.launch
    with Interrupts() as interrupts:
        trials = Trials(worker, symbols, recorded.repro.fingerprint, request.hang_after, interrupts)
        before = _first(trials, recorded, launch)
        assert trials.finding is not None
        if trials.finding.kind not in ENDLESS and trials.steps:
            trials.step_bound = max(LEAST_STEPS, LONGER * trials.steps)
        began = time.monotonic()
        trials.deadline = began + request.seconds
        shrinker = Shrinker(trials, replace(before, scenario=replace(before.scenario, seed=0)))
        whole = _work(shrinker, tell)
        tries, seconds = trials.executions, time.monotonic() - began
        trials.last()
        after, story = _told(trials, shrinker.best, symbols, launch)
        shrunk = Shrunk(recorded, launch, before, after, trials.finding, trials.trace_hash, story, whole, tries,
                        seconds, (0, 0), interrupts())  # fmt: skip
    return replace(shrunk, rate=_rate(shrunk, request))


def _first(trials: Trials, recorded: Recorded, launch: Launch) -> Case:
    """See the finding as it was recorded. Raises Problem when that doesn't come about."""
    same = launch.build.identity.startswith(recorded.repro.build)
    for number in range(1 if same else TIMES_OTHER):
        case = trials.obeyed(order_of(recorded, same, number))
        if case is not None:
            return case
    options = recorded.repro.options
    case = trials.searched(recorded.scenario, options, recorded.repro.schedule.seed, EFFORTS[-1])
    if case is None:
        raise Problem("the finding is not seen again on this build, so there is nothing to shrink; was it found with "
                      "another --patch?")  # fmt: skip
    return case


def _work(shrinker: Shrinker, tell: Say) -> bool:
    """Run all passes, with more effort each time, until nothing helps. False: the time was over before."""
    try:
        for shrinker.effort in EFFORTS:
            passes = (*STRUCTURE, *NUMBERS) if shrinker.effort else STRUCTURE
            before: Case | None = None
            while before is not shrinker.best:
                before = shrinker.best
                for make_smaller in passes:
                    make_smaller(shrinker)
                    tell(f"{size_text(shrinker.best.size)}; {shrinker.trials.executions:,} tries")
    except Over:
        return False
    return True


def _told(trials: Trials, best: Case, symbols: Symbols, launch: Launch) -> tuple[Case, Story | None]:
    """See the smallest case once more, with all its events, and tell its story."""
    after = trials.repeated(best) or best
    if after.schedule.choices is None or trials.finding is None:
        return after, None
    batch, seen = trials.traced(after, EVENTS)
    if seen is None:
        return after, None
    where, source = places_of(symbols), sources_of(launch.build)
    symbols.look_up(event.pc for event in batch.events)
    codes = trials.codes.get(after.scenario.target, ())
    return after, story_of(after.scenario, batch, seen, trials.finding, where, source, codes)


def _rate(shrunk: Shrunk, request: ShrinkRequest) -> tuple[int, int]:
    """Replay the smallest case in fresh processes: how often it was seen, of how many times."""
    if shrunk.interrupted:
        return 0, 0
    recorded = Recorded(shrunk.repro, shrunk.after.scenario, shrunk.trace_hash)
    again = replay_with(shrunk.launch, recorded, ReplayRequest("", times=request.times, hang_after=request.hang_after))
    return again.seen, again.tries
