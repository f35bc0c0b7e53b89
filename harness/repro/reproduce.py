"""What a bundle's repro.py and test_repro.py call: is what was recorded still there, in the sources as they are now?"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.builds import Symbols, get_build
from harness.explore.child import exploring
from harness.explore.messages import Explore
from harness.explore.request import WHOLE
from harness.model.finding import Finding, shows
from harness.repro.replay import replay_with
from harness.repro.resolve import Recorded, decoded
from harness.repro.result import HANG_SECONDS, ReplayRequest, ReplayResult
from harness.repro.threads import replay_on_threads
from harness.repro.workers import Workers
from harness.stress.process import Launch

PATCHES = "RACEWASH_PATCHES"  # environment variable: patches to apply, with a colon between two
EXECUTIONS = 2000
_SEARCH_MS = 120_000  # at most, however slow the machine


@dataclass(frozen=True, slots=True)
class Reproduced:
    """Whether it was seen: `rate` of the replays, and `searched` executions of other schedules after them.

    `text` tells it in a few lines. `findings` are all that were seen, others than the one looked for too.
    """

    reproduced: bool
    rate: tuple[int, int]
    searched: int
    same_build: bool
    findings: tuple[Finding, ...]
    text: str


def reproduce(repro: str, scenario: str, *, executions: int = EXECUTIONS,
              patches: Sequence[Path] | None = None) -> Reproduced:  # fmt: skip
    """Look for what a bundle recorded, given the text of its repro.json and scenario.json.

    Think of it as a replay that doesn't take a fixed line number or a new function for a repaired defect: on the build
    that showed it, the same execution is made again. On any other the recorded choices are followed as far as they fit,
    with several continuations, and when nothing comes of that, `executions` other schedules of the same scenario are
    searched. The sources are those that RACEWASH_SOURCES names, or the installed ones; `patches`, or else those in
    RACEWASH_PATCHES, are applied to a copy first.

    >>> reproduce(Path("repro.json").read_text(), Path("scenario.json").read_text()).reproduced  # doctest: +SKIP
    False
    """
    recorded = decoded(repro.encode(), scenario.encode(), "the text of this repro")
    if patches is None:
        patches = [Path(name) for name in os.environ.get(PATCHES, "").split(os.pathsep) if name]
    request = ReplayRequest("", hang_after=HANG_SECONDS, patches=tuple(patches))
    if not recorded.repro.scheduled:
        return _told(recorded, replay_on_threads(recorded, request), 0, ())
    launch = exploring(get_build("sched", request.patches))
    result = replay_with(launch, recorded, request)
    if result.seen or result.same_build:
        return _told(recorded, result, 0, ())
    searched, findings = _search(launch, recorded, executions)
    return _told(recorded, result, searched, findings)


def _search(launch: Launch, recorded: Recorded, executions: int) -> tuple[int, tuple[Finding, ...]]:
    """Explore other schedules; a worker that dies ends the search, with its death as a finding."""
    repro = recorded.repro
    options = replace(repro.options, strategy="portfolio") if repro.options.strategy in WHOLE else repro.options
    workers = Workers(launch, recorded, _SEARCH_MS / 1000 + HANG_SECONDS, Symbols(launch.build), fresh=True)
    batch, findings = workers.run(
        Explore(recorded.scenario, options, repro.schedule.seed % (1 << 63), executions, _SEARCH_MS)
    )
    return batch.executions, tuple(findings)


def _told(recorded: Recorded, result: ReplayResult, searched: int, more: tuple[Finding, ...]) -> Reproduced:
    wanted = recorded.repro.fingerprint
    findings = tuple({finding.fingerprint: finding for finding in (*result.findings, *more)}.values())
    found = any(shows(finding, wanted) for finding in findings)
    build = "the recorded build" if result.same_build else "another build than the recorded one"
    lines = [f"{'reproduced' if found else 'not reproduced'}: seen {result.seen} of {result.tries} times on {build}"]
    if searched:
        lines[0] += f", then {searched:,} other schedules searched"
    if result.diverged:
        step = "" if result.diverged.step is None else f" at step {result.diverged.step}"
        lines.append(f"first divergence{step}: {result.diverged.what}")
    for finding in findings:
        other = "" if shows(finding, wanted) else " (another finding)"
        lines.append(f"- {finding.kind}{other}: {finding.message}")
        lines += [f"    {place.file}:{place.line} {place.function}".rstrip() for place in finding.locations]
    rate = (result.seen, result.tries)
    return Reproduced(found, rate, searched, result.same_build, findings, "\n".join(lines))
