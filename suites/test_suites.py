"""Each suite on the correct core: seeds drawn by Hypothesis, executions in supervised workers, nothing found.

A worker that crashes or hangs is a finding like any other, so a test ends whatever the core does.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import racewash
from racewash import AFTER, BEFORE, Layout, RunResult, Suite, parse_layout
from suites import accounting, expansion, frees, instances, processes, supply, wash
from suites import map as map_suite

SUITES: list[Suite] = [
    module.SUITE for module in (expansion, supply, wash, frees, map_suite, instances, accounting, processes)
]
LAYOUTS = [AFTER, BEFORE, parse_layout("handles=flat,wash=preallocated"), parse_layout("buckets=fragmented")]
SECONDS = 1.2  # of one run: a hundred small executions, so that the rarest role has its turn on a slow machine too
SOAK_SECONDS = 60.0

each_suite = pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
seeds = st.integers(min_value=0, max_value=(1 << 63) - 1)
layouts = st.sampled_from(LAYOUTS)


def drawn(examples: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Settings of a test on real threads: nothing is shrunk, because a smaller seed is no simpler a schedule."""
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=[HealthCheck.too_slow],
    )


def judged(suite: Suite, outcome: RunResult) -> None:
    """The suite really ran, and each invariant that it names was judged."""
    [figures] = outcome.suites
    assert figures.operations > 0
    unjudged = [name for name in suite.invariants if not figures.invariants.get(name)]
    assert not unjudged, f"{suite.name} names invariants that nothing judged: {unjudged}"


@pytest.mark.contract
@each_suite
@drawn(3)
@given(seed=seeds, layout=layouts, threads=st.sampled_from([2, 4, 9]))
@racewash.stress(seconds=SECONDS)
def test_threads(suite: Suite, seed: int, layout: Layout, threads: int, outcome: RunResult) -> None:
    judged(suite, outcome)


@pytest.mark.contract
@each_suite
@drawn(2)
@given(seed=seeds, layout=layouts, shared=st.sampled_from([2, 3]))
@racewash.stress(seconds=SECONDS)
def test_forked_processes_on_one_core(suite: Suite, seed: int, layout: Layout, shared: int, outcome: RunResult) -> None:
    judged(suite, outcome)


@pytest.mark.contract
@pytest.mark.parametrize("sanitizer", ["tsan", "asan"])
@each_suite
@drawn(1)
@given(seed=seeds, layout=layouts)
@racewash.stress(seconds=2 * SECONDS)
def test_sanitizers(suite: Suite, sanitizer: str, seed: int, layout: Layout, outcome: RunResult) -> None:
    judged(suite, outcome)


@pytest.mark.contract
@each_suite
@drawn(1)
@given(seed=seeds, layout=layouts)
@racewash.stress(seconds=4 * SECONDS, memory=256 << 20)
def test_standard_sizes(suite: Suite, seed: int, layout: Layout, outcome: RunResult) -> None:
    """Longer than the others: creating such a core takes most of a second on a busy machine."""
    judged(suite, outcome)


@pytest.mark.soak
@pytest.mark.parametrize("sanitizer", ["none", "tsan", "asan"])
@each_suite
@drawn(2)
@given(seed=seeds, layout=layouts, shared=st.sampled_from([0, 4]))
@racewash.stress(seconds=SOAK_SECONDS, threads=16)
def test_long(suite: Suite, sanitizer: str, seed: int, layout: Layout, shared: int, outcome: RunResult) -> None:
    judged(suite, outcome)
