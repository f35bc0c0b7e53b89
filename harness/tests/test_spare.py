"""Workers that are kept between explorations: used again, replaced when they died, ended at the end."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from harness.builds import BatchProgress
from harness.explore.request import ExploreRequest
from harness.explore.result import ExploreResult
from harness.explore.run import explore_with
from harness.explore.spare import Spare
from harness.store import Intents
from harness.tests.conftest import workers
from harness.tests.test_explore import launch, suite

pytestmark = pytest.mark.contract


@pytest.fixture
def spare() -> Iterator[Spare]:
    before = workers()
    spare = Spare()
    yield spare
    spare.close()
    assert workers() <= before


def search(spare: Spare, store: Path, what: str = "fine", identity: str = "a" * 16) -> ExploreResult:
    request = ExploreRequest((what,), executions=40, store=store, hang_after=5.0)
    return explore_with(launch(identity), request, (suite(what),), 3, lambda _: None, spare=spare)


def kept(before: set[int]) -> set[int]:
    return workers() - before


def test_a_worker_is_used_again(spare: Spare, tmp_path: Path) -> None:
    before = workers()
    first = search(spare, tmp_path)
    [worker] = kept(before)
    second = search(spare, tmp_path)
    assert kept(before) == {worker}
    assert second.canary is True
    assert [one.executions for one in second.suites] == [one.executions for one in first.suites] == [40]
    assert 0 <= second.cpu_seconds < psutil.Process(worker).cpu_times().user + 1


def test_a_run_has_the_progress_of_a_worker_that_is_used_again(
    spare: Spare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When racewash itself dies in the second run, its folder says at which seed."""
    monkeypatch.setattr(Intents, "clear", lambda self: None)
    at = BatchProgress.seed_at()
    before = workers()
    for number in (1, 2):
        result = search(spare, tmp_path / str(number))
        [area] = result.path.glob("under-way/worker-0.area")
        assert int.from_bytes(area.read_bytes()[at : at + 8], "little") > 0
        assert len(kept(before)) == 1


def test_each_build_has_its_own(spare: Spare, tmp_path: Path) -> None:
    before = workers()
    search(spare, tmp_path)
    search(spare, tmp_path, identity="b" * 16)
    assert len(kept(before)) == 2


def test_one_that_died_meanwhile_is_replaced(spare: Spare, tmp_path: Path) -> None:
    before = workers()
    search(spare, tmp_path)
    [worker] = kept(before)
    os.kill(worker, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(worker)] if psutil.pid_exists(worker) else [], timeout=5)
    assert search(spare, tmp_path).findings == []
    assert kept(before).isdisjoint({worker})


def test_one_that_dies_of_an_execution_is_a_finding_and_is_not_kept(spare: Spare, tmp_path: Path) -> None:
    before = workers()
    search(spare, tmp_path)
    [worker] = kept(before)
    assert [finding.kind for finding in search(spare, tmp_path, "segv").findings] == ["crash"]
    assert worker not in workers()
