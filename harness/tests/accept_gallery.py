"""Acceptance of the defect gallery at its stated counts: run by `tox -e accept -- gallery` only.

Resumable twice: checks that have passed for these sources are remembered, and the gallery itself goes on in its store.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from harness.model.documents import INTERLEAVING, WEAK
from harness.model.output.common import Output
from harness.model.output.every import decode
from harness.model.output.explore import ExploreOutput
from harness.model.output.gallery import GalleryOutput

pytestmark = pytest.mark.usefixtures("resumable")

STORE = Path(__file__).resolve().parents[2] / ".racewash" / "accept" / "gallery"
JOBS = str(min(8, os.cpu_count() or 1))
BUDGET, SEEDS, REPLAYS = 60.0, 5, 20
EXECUTIONS = 1_000_000
FASTER = 50
SHRINK = "10"  # seconds for each
LEAST = 40


def call(*words: str, code: int = 0) -> Output:
    """Run a command with --json in the store's folder; return its object, whose every field was checked."""
    STORE.mkdir(parents=True, exist_ok=True)
    run = subprocess.run(["racewash", *words, "--json"], cwd=STORE, stdout=subprocess.PIPE, text=True, check=False)
    assert run.returncode == code, f"{' '.join(words)}: exit code {run.returncode}"
    return decode(run.stdout)


def measured(*words: str) -> GalleryOutput:
    output = call("gallery", "--budget", f"{BUDGET:g}s", "--seeds", str(SEEDS), "--jobs", JOBS, *words)
    assert isinstance(output, GalleryOutput)
    return output


def test_every_defect_is_found_within_its_budget_and_replayed_every_time() -> None:
    output = measured("--no-real-threads", "--shrink", SHRINK)
    assert output.errors == ()
    assert [defect.name for defect in output.defects if defect.found and defect.shrunk is None] == []
    assert output.total >= LEAST
    missed = [defect.name for defect in output.defects if not defect.found]
    assert missed == []
    assert [defect.name for defect in output.defects if defect.worst > BUDGET] == []
    assert [defect.name for defect in output.defects if defect.replayed != (REPLAYS, REPLAYS)] == []
    numbers = {one.number for one in output.defects} | {one.number for one in output.deferred}
    assert numbers >= set(range(1, 47))
    assert {one.category for one in output.deferred if one.number is not None} <= {WEAK}
    assert all(len(one.reason.split()) > 5 for one in output.deferred)


def test_every_suite_is_worth_having() -> None:
    output = measured("--no-real-threads", "--by-suite")
    assert output.by_suite is not None
    assert [row.suite for row in output.by_suite if not row.finds] == []
    found = {name for row in output.by_suite for name in row.finds}
    assert len(found) >= LEAST


def test_nothing_is_found_on_the_correct_core() -> None:
    output = call("explore", "--executions", str(EXECUTIONS), "--jobs", JOBS)
    assert isinstance(output, ExploreOutput)
    assert output.findings == ()
    assert output.executions >= EXECUTIONS


def test_real_threads_take_fifty_times_as_long() -> None:
    output = measured()
    assert output.ratio is not None
    assert output.ratio >= FASTER
    raced = [defect for defect in output.defects if defect.category == INTERLEAVING]
    assert output.never == sum(defect.real_threads is not None and defect.real_threads.found == 0 for defect in raced)
