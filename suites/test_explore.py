"""Each suite under the scheduled runtime: a short budget finds nothing, and judges what the suite names."""

from __future__ import annotations

import pytest

import racewash
from racewash import BEFORE, ExploreResult, Layout, Suite, parse_layout
from suites import accounting, expansion, frees, instances, processes, supply, wash
from suites import map as map_suite

SUITES: list[Suite] = [
    module.SUITE for module in (expansion, supply, wash, frees, map_suite, instances, accounting, processes)
]
LAYOUTS = [None, BEFORE, parse_layout("handles=flat,wash=preallocated"), parse_layout("buckets=fragmented")]
SEED = 838
EXECUTIONS = 60  # a smoke: the acceptance has the stated counts
RANDOM = racewash.Options("random", check_every=64, plain_points=True)
OTHERS = [racewash.Options(strategy, check_every=64) for strategy in ("pct", "pos", "surw", "guided")]

pytestmark = pytest.mark.contract


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
@racewash.explore(executions=EXECUTIONS, seed=SEED)
def test_nothing_is_found(suite: Suite, outcome: ExploreResult) -> None:
    assert outcome.canary is True
    [figures] = outcome.suites
    assert outcome.control.unseen == outcome.control.shared_words == 0
    assert outcome.control.preemptions > figures.executions
    assert outcome.control.judged == (EXECUTIONS if "linearizable" in suite.oracles else 0)
    assert outcome.control.undecided == 0
    unjudged = [name for name in suite.invariants if not figures.invariants.get(name)]
    assert not unjudged, f"{suite.name} names invariants that nothing judged: {unjudged}"


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: "drawn" if layout is None else str(layout))
@racewash.explore(SUITES, executions=80, threads=4, seed=SEED + 1)
def test_nothing_is_found_in_other_layouts(layout: Layout | None, outcome: ExploreResult) -> None:
    assert outcome.request.layout == layout


@pytest.mark.parametrize("options", [RANDOM, *OTHERS], ids=lambda options: options.strategy)
@racewash.explore(["expansion", "supply", "frees"], executions=90, seed=SEED + 2)
def test_nothing_is_found_by_any_strategy(options: racewash.Options, outcome: ExploreResult) -> None:
    assert outcome.request.options == options
