"""Run what was recorded again, as often as asked, and say how often it was seen.

On the build that showed it each try has a fresh process: nothing that was before may matter. On another build there are
many tries with other seeds; they share a process until one of them ends it.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.builds import Symbols, get_build
from harness.explore.child import exploring
from harness.explore.messages import Explore, Replay, ToWorker
from harness.explore.trace import trace_lines
from harness.model.batch import DIED, Batch
from harness.model.finding import Finding, shows
from harness.model.output.replay import Divergence
from harness.model.problem import Problem
from harness.model.schedule import SEEDED, THREAD, Choice
from harness.repro.resolve import Recorded, resolve
from harness.repro.result import ReplayRequest, ReplayResult
from harness.repro.state import state_at
from harness.repro.threads import replay_on_threads
from harness.repro.workers import Workers
from harness.stress.process import Launch

TIMES_SAME, TIMES_OTHER = 3, 20  # tries on the build that showed it, and on another
TRACED = 100_000  # events at most


def replay(request: ReplayRequest) -> ReplayResult:
    """Replay a token or a bundle. Raises Problem with one sentence when that can't be done."""
    recorded = resolve(request.given, request.store)
    if not recorded.repro.scheduled:
        return replay_on_threads(recorded, request)
    build = get_build("sched", request.patches)
    return replay_with(exploring(build), recorded, request)


def replay_with(launch: Launch, recorded: Recorded, request: ReplayRequest) -> ReplayResult:
    """Replay in workers that are started in a given way."""
    build, repro = launch.build, recorded.repro
    same = build.identity.startswith(repro.build)
    tries = request.times or (TIMES_SAME if same else TIMES_OTHER)
    notes = list(recorded.notes)
    if not same:
        notes.append(f"this build ({build.identity[:8]}) is not the one that showed it ({repro.build[:8]})")
    symbols = Symbols(build)
    wanted = request.trace or request.until is not None
    found: dict[str, Finding] = {}
    seen, diverged, trace, state = 0, None, None, None
    workers = Workers(launch, recorded, request.hang_after, symbols, fresh=same)
    for number in range(tries):
        traced = TRACED if wanted and number == 0 else 0
        batch, findings = workers.run(order_of(recorded, same, number, traced))
        seen += any(shows(finding, repro.fingerprint) for finding in findings)
        found.update({finding.fingerprint: finding for finding in findings})
        if number == 0:
            diverged = _divergence(recorded, batch)
            trace = trace_lines(batch.events, batch.event_count, symbols) if request.trace else None
            state = None if request.until is None else state_at(batch.events, request.until, symbols)
    workers.end()
    every = tuple(found.values())
    return ReplayResult(recorded, build, same, seen, tries, diverged, every, trace, tuple(notes), state)


def failing_step(launch: Launch, recorded: Recorded, request: ReplayRequest) -> int:
    """Return the last point before what was recorded shows itself, or else of the whole execution."""
    symbols = Symbols(launch.build)
    same = launch.build.identity.startswith(recorded.repro.build)
    workers = Workers(launch, recorded, request.hang_after, symbols, fresh=True)
    batch, findings = workers.run(order_of(recorded, same, 0, TRACED))
    if not batch.events:
        raise Problem("the process dies in this execution before it can be looked at; --until STEP stops earlier")
    if batch.status == DIED:
        return batch.events[-1].step
    pairs = zip([seen for seen in batch.observations if seen.kind], findings, strict=True)
    steps = [seen.step for seen, finding in pairs if shows(finding, recorded.repro.fingerprint)]
    last = min(steps, default=batch.events[-1].step)
    return max((event.step for event in batch.events if event.step <= last), default=last)


def order_of(recorded: Recorded, same_build: bool, number: int, trace: int = 0) -> ToWorker:
    """Return what a worker is told in try `number`.

    On the build that showed it, the strategy makes the same choices from the seed alone. Elsewhere, and for choices
    that no seed makes, the list is followed while it fits; where it no longer does, each try goes on with another seed.
    """
    repro = recorded.repro
    schedule = repro.schedule
    seeded = schedule.choices is None or (same_build and schedule.strategy in SEEDED)
    seed = schedule.seed if same_build else (schedule.seed + number) % (1 << 64)
    if seeded:
        return Explore(recorded.scenario, repro.options, seed, 1, calibration=schedule.calibration, trace=trace)
    assert schedule.choices is not None
    return Replay(recorded.scenario, repro.options, schedule.choices, seed, trace=trace)


def _divergence(recorded: Recorded, batch: Batch) -> Divergence | None:
    """Return where a replay left what was recorded, None where it did not, as far as that is known."""
    if batch.diverged_at >= 0:
        listed = recorded.repro.schedule.choices or ()
        return Divergence(step=batch.diverged_at, what=batch.message or difference(listed, batch.choices))
    expected = recorded.trace_hash
    if expected is None or batch.status == DIED or batch.trace_hash == expected:
        return None
    what = f"the choices fit, but the execution differs: trace {batch.trace_hash:016x} instead of {expected:016x}"
    return Divergence(step=None, what=what)


def difference(listed: Sequence[Choice], made: Sequence[Choice]) -> str:
    """Return what was expected and what was met where the choices that were made leave the list.

    >>> difference([Choice(3, 0, 1), Choice(9, 0, 2)], [Choice(3, 0, 1), Choice(10, 0, 1)])
    'expected thread 1 at step 9, met thread 0 at step 10'
    >>> difference([Choice(3, 0, 1)], [])
    'expected thread 0 at step 3, met the default order'
    """
    same = 0
    while same < min(len(listed), len(made)) and listed[same] == made[same]:
        same += 1
    expected = _told(listed[same]) if same < len(listed) else "the default order"
    met = _told(made[same]) if same < len(made) else "the default order"
    return f"expected {expected}, met {met}"


def _told(choice: Choice) -> str:
    """A thread's number is one more in a list: 0 is the thread that creates and checks."""
    if choice.kind == THREAD:
        who = f"thread {choice.value - 1}" if choice.value else "the creating thread"
    else:
        who = f"a choice of kind {choice.kind}, value {choice.value},"
    return f"{who} at step {choice.step}"
