"""What real threads showed, again: the scenario is known and the interleaving is not, so a replay is some tries."""

from __future__ import annotations

from harness.builds import Kind, get_build
from harness.model.finding import Finding, shows
from harness.model.problem import Problem
from harness.repro.resolve import Recorded
from harness.repro.result import ReplayRequest, ReplayResult
from harness.stress.again import Tries
from harness.stress.interrupts import Interrupts
from harness.stress.process import Launch, launch_of
from harness.stress.request import SANITIZERS

TIMES_THREADS = 20


def replay_on_threads(recorded: Recorded, request: ReplayRequest) -> ReplayResult:
    """Run a scenario on real threads as often as asked, in a build of the kind that showed the finding."""
    repro = recorded.repro
    kinds: dict[str, Kind] = {kind: kind for kind in SANITIZERS.values()}
    if repro.kind not in kinds:
        raise Problem(f"it was found by a build of the kind {repro.kind!r}, which this racewash doesn't have")
    if repro.target != "kvcache":
        from harness.live import find_package

        find_package()
    if request.trace or request.until is not None:
        refuse_steps(recorded)
    launch = launch_of(get_build(kinds[repro.kind], request.patches), repro.target)
    return tried(launch, recorded, request)


def refuse_steps(recorded: Recorded) -> None:
    """Raise Problem when the recorded execution has no steps to stop at."""
    if not recorded.repro.scheduled:
        raise Problem("what real threads did has no steps; `racewash hunt` on its bundle looks for a schedule")


def tried(launch: Launch, recorded: Recorded, request: ReplayRequest) -> ReplayResult:
    """Run a recorded scenario in workers that are started in a given way."""
    repro, build = recorded.repro, launch.build
    same = build.identity.startswith(repro.build)
    notes = list(recorded.notes)
    if not same:
        notes.append(f"this build ({build.identity[:8]}) is not the one that showed it ({repro.build[:8]})")
    memory = repro.origin.shape.memory if repro.origin else None
    found: dict[str, Finding] = {}
    seen = tries = 0
    with Interrupts() as interrupts, Tries(launch, recorded.scenario, request.hang_after, memory, interrupts) as again:
        while tries < (request.times or TIMES_THREADS) and not interrupts():
            findings = again.once()
            tries += 1
            seen += any(shows(finding, repro.fingerprint) for finding in findings)
            found.update({finding.fingerprint: finding for finding in findings})
        if interrupts():
            raise KeyboardInterrupt
    return ReplayResult(recorded, build, same, seen, tries, None, tuple(found.values()), None, tuple(notes))
