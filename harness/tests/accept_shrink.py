"""Acceptance of shrinking at its stated figures: run by `tox -e accept -- shrink` only. Resumable as others are.

Each of workload B's five seeded defects and every suite's own planted defect is found, shrunk to at most three threads
and six operations within 60 seconds, and the smallest case is replayed in fresh processes.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from harness.builds import sources
from harness.explore.workloads import DEFECTS
from harness.generate import discover
from harness.model.finding import Finding
from harness.model.output import ExploreOutput, Output, ShrinkOutput, decode
from harness.model.token import MAX_LISTED
from harness.shrink.case import MAX_SETUP

pytestmark = pytest.mark.usefixtures("resumable")

THREADS, OPERATIONS, SECONDS, REPLAYS = 3, 6, 60, 20
EXECUTIONS = 1000
PLANTED = {name: suite.defect for name, suite in discover().items() if suite.defect}


def call(*words: str, cwd: Path, code: int) -> Output:
    """Run a command with --json; return its object, whose every field was checked."""
    command = ["racewash", *words, "--json"]
    run = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, text=True, check=False)
    assert run.returncode == code, f"{' '.join(command)}: exit code {run.returncode}"
    return decode(run.stdout)


def found(suite: str, patch: tuple[str, ...], cwd: Path) -> list[Finding]:
    """Return what is found of a defect, most often seen first."""
    output = call("explore", suite, *patch, "--executions", str(EXECUTIONS), "--seed", "1", "--shrink", "0", cwd=cwd,
                  code=1)  # fmt: skip
    assert isinstance(output, ExploreOutput)
    return sorted(output.findings, key=lambda finding: -finding.count)


def shrinks(finding: Finding, patch: tuple[str, ...], cwd: Path) -> None:
    output = call("shrink", str(finding.bundle), *patch, "--seconds", str(SECONDS), "--times", str(REPLAYS), cwd=cwd,
                  code=1)  # fmt: skip
    assert isinstance(output, ShrinkOutput)
    shrunk = output.shrunk
    assert shrunk.finding.fingerprint == finding.fingerprint
    assert shrunk.after.threads <= THREADS
    assert shrunk.after.operations <= OPERATIONS
    assert shrunk.after.setup <= MAX_SETUP
    assert shrunk.rate == (REPLAYS, REPLAYS)
    assert len(shrunk.token) <= MAX_LISTED
    assert finding.message.split(":")[0] in shrunk.story
    assert shrunk.bundle
    assert (cwd / shrunk.bundle / "story.txt").read_text(encoding="utf-8") == shrunk.story


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_seeded_defect_is_shrunk(defect: str, tmp_path: Path) -> None:
    for finding in found(f"segments-{defect}", (), tmp_path):
        shrinks(finding, (), tmp_path)


@pytest.mark.parametrize(("suite", "defect"), PLANTED.items(), ids=list(PLANTED))
def test_a_planted_defect_is_shrunk(suite: str, defect: str, tmp_path: Path) -> None:
    patch = ("--patch", str(sources() / "native" / "defects" / f"{defect}.patch"))
    shrinks(found(suite, patch, tmp_path)[0], patch, tmp_path)
