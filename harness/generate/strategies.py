"""Hypothesis strategies that draw scenarios: Hypothesis chooses the seed, the suite's own generator does the rest."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from harness.model.fault import CREATION, SURE, Fault
from harness.model.scenario import Scenario
from harness.model.suite import Shape, Suite

MAX_SEED = (1 << 63) - 1


def seeds() -> st.SearchStrategy[int]:
    """Draw a seed as `racewash run --seed` takes it."""
    return st.integers(min_value=0, max_value=MAX_SEED)


def faults(threads: int, labels: Sequence[str] = ()) -> st.SearchStrategy[str]:
    """Draw one fault (harness.model.fault); the simplest lets the first allocation fail.

    Each condition is left out when it can be: what is left in a minimal example is needed to see the failure.
    """
    small = st.integers(min_value=0, max_value=200)
    return st.builds(
        lambda **fields: str(Fault(**fields)),
        label=st.sampled_from(("", *labels)),
        thread=st.sampled_from((None, CREATION, *range(threads))),
        skip=small,
        every=st.integers(min_value=1, max_value=8),
        budget=st.sampled_from((1, 2, 3, 0)),
        chance=st.sampled_from((SURE, SURE // 2, SURE // 10)),
        seed=small,
    )


def plans(threads: int, labels: Sequence[str] = ()) -> st.SearchStrategy[tuple[str, ...]]:
    """Draw a scenario's `faults`: none at all is the simplest, so that a needless one is shrunk away."""
    return st.lists(faults(threads, labels), max_size=3).map(tuple)


def scenarios(suite: Suite, shapes: Sequence[Shape]) -> st.SearchStrategy[Scenario]:
    """Draw a scenario of a suite in one of the shapes.

    The example shows the seed inside the scenario, so a failure names what `racewash run --seed` needs.
    """
    return st.builds(suite.generate, seeds(), st.sampled_from(shapes))
