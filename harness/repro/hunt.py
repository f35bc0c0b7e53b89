"""From a failure of real threads to a schedule: the scenario is known, the interleaving lost.

Shortened versions of the scenario are explored, a moment each, with what the report says in the middle (see
harness.repro.windows); in between, small scenarios of the same suite, whose tokens need no bundle. It ends when what is
seen is the same: by fingerprint, by kind and place, or, for a process that died or stood still without saying where,
by what such an end comes from.
"""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from harness.builds import Build, Symbols, build_record, get_build
from harness.explore.campaign import Campaign
from harness.explore.child import exploring
from harness.explore.request import OPTIONS, ExploreRequest
from harness.explore.result import ExploreResult, intent
from harness.explore.run import finish
from harness.explore.supervisor import supervise
from harness.explore.tracer import Tracer
from harness.explore.units import Unit, Units, drawn
from harness.model.bundle import REPRO
from harness.model.finding import HEAP, KINDS, Finding
from harness.model.problem import Problem
from harness.model.repro import Origin
from harness.model.rng import Rng
from harness.model.scenario import Scenario
from harness.model.suite import Shape, Suite
from harness.repro.resolve import Recorded, folder_of, resolve
from harness.repro.windows import evidence_of, windows
from harness.store import Intents, RunStore, new_run, read_finding
from harness.stress.collect import Collector
from harness.stress.failure import RunFailed
from harness.stress.intents import recover
from harness.stress.interrupts import Interrupts
from harness.stress.process import Launch
from harness.stress.request import MAX_SEED, OWN
from harness.stress.result import number, option_words

SECONDS = 60.0
_SLICE_MS = 250  # for a scenario
_SUITE_EVERY = 3  # one scenario in so many is the suite's own, drawn anew
_ENDS = {  # without a place: what a process's end on real threads comes from
    "crash": ("crash", "use-after-free", "double-free", "out-of-bounds", "invariant", "data-race"),
    "hang": ("hang", "deadlock", "livelock"),
}

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class HuntRequest:
    """What is hunted: a bundle's folder, or the token of one in the store; `seed` None: drawn."""

    given: str
    seconds: float = SECONDS
    jobs: int = 1
    seed: int | None = None
    store: Path = Path(".racewash")
    hang_after: float = 30.0
    patches: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class HuntResult:
    """`found` is the same failure under the scheduler, None when the time was over before; `match` says by what."""

    request: HuntRequest
    bundle: Path | None
    hunted: Finding
    found: Finding | None
    match: str
    scenarios: int
    explored: ExploreResult


def hunt(request: HuntRequest, notify: Say, tell: Say = lambda _: None) -> HuntResult:
    """Look for a schedule that shows a bundle's finding. Raises Problem with one sentence when there is none to be had.

    >>> hunt(HuntRequest(".racewash/runs/R/findings/F"), print).found.token  # doctest: +SKIP
    'rw1...'
    """
    folder, recorded, hunted = _hunted(request.given, request.store)
    notify(f"hunting {hunted.kind} in {hunted.suite} for {request.seconds:g} s: {hunted.message}")
    build = get_build("sched", request.patches)
    return hunt_with(exploring(build), request, folder, hunted, recorded.scenario, notify, tell)


def hunt_with(launch: Launch, request: HuntRequest, folder: Path | None, hunted: Finding, scenario: Scenario,
              notify: Say, tell: Say = lambda _: None) -> HuntResult:  # fmt: skip
    """Hunt in workers that are started in a given way."""
    recover(request.store, notify)
    seed = secrets.randbelow(MAX_SEED + 1) if request.seed is None else request.seed
    asked = ExploreRequest((hunted.suite,), seconds=request.seconds, options=OPTIONS, jobs=request.jobs, seed=seed,
                           store=request.store, hang_after=request.hang_after, patches=request.patches)  # fmt: skip
    more = {"command": "hunt", "again": again(request, seed)}
    store = new_run(request.store, seed, {**intent(asked, seed, (hunted.suite,)), **more})
    collector = _Hunter(store, hunted, notify)
    evidence = evidence_of(hunted, scenario, _operations(folder) if folder else None)
    units = _Candidates(_suite(hunted.suite), scenario, windows(scenario, evidence, Rng(seed)), seed)
    symbols = Symbols(launch.build)
    tracer = Tracer(launch, symbols, request.hang_after)
    with Interrupts() as interrupts:
        intents = Intents(store.path, build_record(launch.build), collector.note)
        campaign = Campaign(launch, asked, seed, units, collector, interrupts, symbols, tracer, intents,
                            enough=lambda: collector.match != "")  # fmt: skip
        error: Exception | None = None
        try:
            if folder:
                _note_patches(folder, launch.build, collector)
            supervise(campaign, tell)
        except (Problem, RunFailed) as raised:
            error = raised
        finally:
            tracer.end()
        explored = finish(campaign, store, None, more)
    if error:
        raise error
    found = next((one for one in explored.findings if one.fingerprint == collector.matched), None)
    return HuntResult(request, folder, hunted, found, collector.match, units.handed, explored)


def again(request: HuntRequest, seed: int) -> str:
    """Return the command that hunts the same once more."""
    standard = HuntRequest("")
    words = ["racewash", "hunt", request.given, "--seconds", number(request.seconds), "--seed", str(seed)]
    words += option_words({
        "--jobs": (request.jobs, standard.jobs),
        "--store": (request.store, standard.store),
        "--hang-after": (request.hang_after, standard.hang_after),
    })  # fmt: skip
    words += [word for path in request.patches for word in ("--patch", str(path))]
    return shlex.join(words)


def same_failure(hunted: Finding, seen: Finding) -> str:
    """Return by what a finding is the hunted one, empty when it is another."""
    if seen.fingerprint.startswith(hunted.fingerprint):
        return "fingerprint"
    ours, theirs = _places(hunted), _places(seen)
    if hunted.kind not in KINDS:  # only its fingerprint is known
        return ""
    if seen.kind == hunted.kind and seen.invariant == hunted.invariant and (ours & theirs or not ours):
        return "kind and place" if ours else "kind"
    if not ours and seen.kind in _ENDS.get(hunted.kind, ()):
        return f"kind: {seen.kind} may end as {hunted.kind}"
    return ""


def _places(finding: Finding) -> set[tuple[str, str | int]]:
    """Return where it happened. Who allocated and who freed the memory of a bad access may be many accesses' owners."""
    judged = finding.locations[:1] if finding.kind in HEAP else finding.locations
    return {(place.file, place.function or place.line) for place in judged}


class _Hunter(Collector):
    """Keeps all that is seen and knows when it is the hunted failure."""

    def __init__(self, store: RunStore, hunted: Finding, notify: Say) -> None:
        super().__init__(store, (hunted.suite,), notify)
        self._hunted = hunted
        self.match = self.matched = ""

    def found(self, finding: Finding, files: Mapping[str, bytes]) -> None:
        """As any collector, and compare."""
        super().found(finding, files)
        match = same_failure(self._hunted, finding)
        if match and self.match in ("", *([] if match != "fingerprint" else [self.match])):
            self.match, self.matched = match, finding.fingerprint


class _Candidates(Units):
    """Hands out shortened scenarios and, in between, small ones of the suite, a moment for each."""

    def __init__(self, suite: Suite | None, scenario: Scenario, short: Iterator[Scenario], seed: int) -> None:
        super().__init__((), seed, Shape(), None)
        self._suite, self._scenario, self._short = suite, scenario, short
        self._rng = Rng(seed).fork("candidates")
        self._back: list[Unit] = []
        self.handed = 0

    def next(self) -> Unit | None:
        """Return the next one; there is always one more."""
        if self._back:
            return self._back.pop()
        self.handed += 1
        first = self._rng.word() >> 1
        if self._suite and self.handed % _SUITE_EVERY == 0:
            origin = Origin(self._suite.name, self._rng.word() >> 1, Shape(threads=3, ops=6, layout=None))
            return Unit(self._scenario.suite, origin, drawn(self._suite, origin), first, 0, _SLICE_MS)
        return Unit(self._scenario.suite, None, next(self._short), first, 0, _SLICE_MS)

    def give_back(self, unit: Unit | None, executions: int = 0) -> None:
        """Only what was found by a worker that died is worth the same scenario again."""
        if unit is not None and unit.executions:
            self._back.append(unit)

    def drop(self, suite: str) -> None:
        """There is only the one."""


def _hunted(given: str, store: Path) -> tuple[Path | None, Recorded, Finding]:
    """Return the bundle, what is known of the scenario, and the finding, of which a token says only the name."""
    recorded = resolve(given, store)
    if recorded.repro.scheduled:
        raise Problem("this has an exact schedule already: `racewash replay` shows it")
    if recorded.repro.target != OWN:
        raise Problem(f"the target {recorded.repro.target} doesn't run under the scheduler, so it can't be hunted")
    folder = folder_of(given, store)
    if folder:
        return folder, recorded, read_finding(folder)
    name = recorded.repro.fingerprint
    return None, recorded, Finding("finding", "what the token stands for", recorded.scenario.suite, name)


def _suite(name: str) -> Suite | None:
    from harness.generate import discover

    return discover().get(name)


def _operations(folder: Path) -> dict[str, Any] | None:
    try:
        return dict(msgspec.json.decode((folder / "operations.json").read_bytes()))
    except (OSError, msgspec.DecodeError, TypeError, ValueError):
        return None


def _note_patches(folder: Path, build: Build, collector: Collector) -> None:
    made: list[str] = msgspec.json.decode((folder / REPRO).read_bytes()).get("made_with", {}).get("patches", [])
    if list(build.patches) != list(made):
        theirs = ", ".join(made) or "no patch"
        collector.note(f"the failure was seen with {theirs}, this build has {', '.join(build.patches) or 'none'}")
