"""Each suite under the scheduled runtime: a short budget finds nothing, and judges what the suite names."""

from __future__ import annotations

from pathlib import Path

import pytest

from racewash import BEFORE, ExploreRequest, Layout, Options, Suite, explore, parse_layout
from suites import accounting, expansion, frees, instances, processes, supply, wash
from suites import map as map_suite

SUITES: list[Suite] = [
    module.SUITE for module in (expansion, supply, wash, frees, map_suite, instances, accounting, processes)
]
LAYOUTS = [None, BEFORE, parse_layout("handles=flat,wash=preallocated"), parse_layout("buckets=fragmented")]
SEED = 838
EXECUTIONS = 60  # a smoke: the acceptance has the stated counts

pytestmark = pytest.mark.contract

each_suite = pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)


@each_suite
def test_nothing_is_found(suite: Suite, tmp_path: Path) -> None:
    request = ExploreRequest((suite.name,), executions=EXECUTIONS, seed=SEED, store=tmp_path)
    result = explore(request, lambda _: None)
    assert result.findings == []
    assert result.canary is True
    [figures] = result.suites
    assert figures.executions == EXECUTIONS
    assert result.control.unseen == result.control.shared_words == 0
    assert result.control.preemptions > EXECUTIONS
    assert result.control.judged == (EXECUTIONS if "linearizable" in suite.oracles else 0)
    assert result.control.undecided == 0
    unjudged = [name for name in suite.invariants if not figures.invariants.get(name)]
    assert not unjudged, f"{suite.name} names invariants that nothing judged: {unjudged}"


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: "drawn" if layout is None else str(layout))
def test_nothing_is_found_in_other_layouts(layout: Layout | None, tmp_path: Path) -> None:
    request = ExploreRequest((), executions=80, seed=SEED + 1, layout=layout, threads=4, store=tmp_path)
    result = explore(request, lambda _: None)
    assert result.findings == []
    assert {figures.executions for figures in result.suites} == {10}


@pytest.mark.parametrize("strategy", ["random", "pct", "pos", "surw", "guided"])
def test_nothing_is_found_by_any_strategy(strategy: str, tmp_path: Path) -> None:
    options = Options(strategy=strategy, check_every=64, plain_points=strategy == "random")
    names = ("expansion", "supply", "frees")
    result = explore(
        ExploreRequest(names, executions=90, seed=SEED + 2, options=options, store=tmp_path), lambda _: None
    )
    assert result.findings == []
