"""Acceptance of the checker of sequential orders at its stated counts: run by `tox -e accept -- linear` only.

Resumable: what has passed for these sources is remembered in .racewash/accept/linear.json and not run again. With
RACEWASH_ACCEPT_SECONDS no further check starts after that time; what is left is skipped, and the next call goes on.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import replace
from pathlib import Path

import pytest

from harness.builds import Checker, get_build, load_checker, load_runtime, sources
from harness.explore.request import OPTIONS, ExploreRequest
from harness.explore.run import explore
from harness.model.history import LINEARIZABLE, VIOLATED
from harness.model.layout import AFTER, Layout
from harness.model.suite import Shape, Suite
from harness.repro import ReplayRequest, replay
from harness.tests.histories import long_history
from harness.tests.test_linear import compare
from suites import frees, supply
from suites import map as map_suite

pytestmark = pytest.mark.usefixtures("resumable")

HISTORIES, LONG, SECONDS = 20_000, 10_000, 5.0
EXECUTIONS, REPLAYS = 100_000, 100
DEFECT = sources() / "native" / "defects" / "map-overwrite-at-head.patch"
SLOWER = 1.2  # at most, with histories
SUITES = (map_suite.SUITE, frees.SUITE, supply.SUITE)

each_suite = pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)


@pytest.fixture(scope="module")
def checker() -> Checker:
    return load_checker(get_build("sched"))


def test_twenty_thousand_small_histories_are_judged_as_by_the_reference(checker: Checker) -> None:
    good, bad = compare(checker, range(HISTORIES))
    assert good + bad == HISTORIES
    assert min(good, bad) > HISTORIES // 8


@pytest.mark.parametrize("wrong", [False, True])
@pytest.mark.parametrize("keys", [1, 10, 100])
@pytest.mark.parametrize("threads", [2, 8, 12])
def test_ten_thousand_operations(checker: Checker, threads: int, keys: int, wrong: bool) -> None:
    history = long_history(seed=threads, length=LONG, threads=threads, keys=keys, wrong=wrong)
    began = time.process_time()
    verdict = checker.check(history)
    assert time.process_time() - began <= SECONDS
    assert verdict.verdict == (VIOLATED if wrong else LINEARIZABLE)


@each_suite
@pytest.mark.parametrize("layout", [None, AFTER], ids=["drawn", "after"])
def test_nothing_is_found_in_the_correct_core(suite: Suite, layout: Layout | None, tmp_path: Path) -> None:
    request = ExploreRequest((suite.name,), executions=EXECUTIONS // 2, seed=6, threads=4, layout=layout,
                             store=tmp_path)  # fmt: skip
    result = explore(request, lambda _: None)
    assert result.findings == []
    assert (result.control.judged, result.control.undecided) == (EXECUTIONS // 2, 0)


def test_the_planted_defect_replays_every_time(tmp_path: Path) -> None:
    request = ExploreRequest(("map",), executions=60_000, seed=7, store=tmp_path / "store", patches=(DEFECT,))
    result = explore(request, lambda _: None)
    assert {finding.kind for finding in result.findings} == {"not-linearizable"}
    for finding in result.findings:
        assert finding.token
        again = replay(ReplayRequest(finding.token, times=REPLAYS, store=tmp_path, patches=(DEFECT,)))
        assert (again.seen, again.tries) == (REPLAYS, REPLAYS)


@each_suite
def test_histories_cost_less_than_a_fifth(suite: Suite) -> None:
    runtime = load_runtime(get_build("sched"))
    scenarios = [suite.generate(seed, Shape(threads=3, ops=6)) for seed in range(8)]

    def cost(on: bool) -> float:
        options = replace(OPTIONS, linearizable=on)
        return sum(runtime.explore(scenario, options, 5, 60).cpu_seconds for scenario in scenarios)

    ratios = []
    for turn in range(9):
        first = cost(turn % 2 == 0)
        second = cost(turn % 2 == 1)
        ratios.append(first / second if turn % 2 == 0 else second / first)
    assert statistics.median(ratios) <= SLOWER, ratios
