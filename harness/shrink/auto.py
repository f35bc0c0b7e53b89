"""What an exploration has found, made small before it is told: as much as a stated time allows."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from harness.builds import Symbols
from harness.explore.child import exploring
from harness.explore.result import ExploreResult
from harness.model.finding import Finding
from harness.model.problem import Problem
from harness.repro.resolve import read_bundle
from harness.shrink.run import ShrinkRequest, Shrunk, shrink_with
from harness.shrink.trials import Worker
from harness.stress.failure import RunFailed

TIMES = 3  # replays of each in fresh processes
LEAST = 2.0  # seconds for one: with less nothing comes of it
Say = Callable[[str], None]


def shrink_findings(result: ExploreResult, seconds: float, notify: Say, tell: Say) -> list[Shrunk]:
    """Shrink an exploration's findings one after the other, `seconds` for all; each gets a fair part of what is left.

    Those for which no time is left stay as they are, and `notify` gets a sentence about them.
    """
    findings = [finding for finding in result.findings if finding.bundle and finding.token]
    if seconds <= 0 or not findings or result.interrupted:
        return []
    deadline = time.monotonic() + seconds
    worker, symbols = Worker(exploring(result.build)), Symbols(result.build)
    shrunk: list[Shrunk] = []
    left = list(findings)
    try:
        while left and (rest := deadline - time.monotonic()) > 0 and not (shrunk and shrunk[-1].interrupted):
            finding = left.pop(0)
            request = ShrinkRequest("", max(LEAST, rest / (1 + len(left))), TIMES, hang_after=result.request.hang_after)
            shrunk += _one(worker, finding, request, symbols, notify, tell)
    finally:
        worker.end()
    if left:
        notify(f"no time was left to shrink {len(left)} of {len(findings)} findings: "
               "`racewash shrink BUNDLE` does, or a larger --shrink")  # fmt: skip
    return shrunk


def _one(
    worker: Worker, finding: Finding, request: ShrinkRequest, symbols: Symbols, notify: Say, tell: Say
) -> list[Shrunk]:
    """Shrink one finding; what fails is said, and nothing that was found is lost for it."""
    try:
        return [shrink_with(worker, read_bundle(Path(str(finding.bundle))), request, symbols, tell)]
    except (Problem, RunFailed) as error:
        notify(f"the finding {finding.fingerprint} could not be shrunk: {error}")
        return []
