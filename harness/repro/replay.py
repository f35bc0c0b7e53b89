"""Run what was recorded again, as often as asked, and say how often it was seen.

On the build that showed it each try has a fresh process: nothing that was before may matter. On another build there are
many tries with other seeds; they share a process until one of them ends it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.builds import Build, Symbols, get_build
from harness.explore.child import Explorer, WorkerEnded, exploring
from harness.explore.messages import Explore, Replay, ToWorker
from harness.model.batch import BAD_REQUEST, NO_MEMORY, Batch
from harness.model.finding import Finding
from harness.model.output import Divergence
from harness.model.problem import Problem
from harness.model.schedule import SEEDED, THREAD, Choice
from harness.oracle import Death, crash_finding, exit_finding, hang_finding, observed
from harness.repro.resolve import Recorded, resolve
from harness.repro.trace import trace_lines
from harness.stress.process import Launch

TIMES_SAME, TIMES_OTHER = 3, 20  # tries on the build that showed it, and on another
TRACED = 100_000  # events at most
HANG_SECONDS = 30.0
_TAIL = 16 << 10


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """What is replayed: a token or a bundle's folder. `times` 0: a few, more on another build than recorded."""

    given: str
    times: int = 0
    trace: bool = False
    store: Path = Path(".racewash")
    hang_after: float = HANG_SECONDS
    patches: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """How often what was recorded was seen (`seen` of `tries`), and all that was seen."""

    recorded: Recorded
    build: Build
    same_build: bool
    seen: int
    tries: int
    diverged: Divergence | None
    findings: tuple[Finding, ...]
    trace: tuple[str, ...] | None
    notes: tuple[str, ...]


def replay(request: ReplayRequest) -> ReplayResult:
    """Replay a token or a bundle. Raises Problem with one sentence when that can't be done."""
    recorded = resolve(request.given, request.store)
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
    found: dict[str, Finding] = {}
    seen, diverged, trace = 0, None, None
    workers = _Workers(launch, recorded, request.hang_after, symbols, fresh=same)
    for number in range(tries):
        traced = TRACED if request.trace and number == 0 else 0
        batch, findings = workers.run(order_of(recorded, same, number, traced))
        seen += any(finding.fingerprint.startswith(repro.fingerprint) for finding in findings)
        found.update({finding.fingerprint: finding for finding in findings})
        if number == 0:
            diverged = _divergence(recorded, batch)
            trace = trace_lines(batch.events, batch.event_count, symbols) if traced else None
    workers.end()
    return ReplayResult(recorded, build, same, seen, tries, diverged, tuple(found.values()), trace, tuple(notes))


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


class _Workers:
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
            return Batch("died", ""), [_death(ended, death, self._seconds)]
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


def _divergence(recorded: Recorded, batch: Batch) -> Divergence | None:
    """Return where a replay left what was recorded, None where it did not, as far as that is known."""
    if batch.diverged_at >= 0:
        listed = recorded.repro.schedule.choices or ()
        return Divergence(step=batch.diverged_at, what=batch.message or difference(listed, batch.choices))
    expected = recorded.trace_hash
    if expected is None or batch.status == "died" or batch.trace_hash == expected:
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
