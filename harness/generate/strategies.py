"""Hypothesis strategies that draw scenarios: Hypothesis chooses the seed, the suite's own generator does the rest."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from harness.model.scenario import Scenario
from harness.model.suite import Shape, Suite

MAX_SEED = (1 << 63) - 1


def seeds() -> st.SearchStrategy[int]:
    """Draw a seed as `racewash run --seed` takes it."""
    return st.integers(min_value=0, max_value=MAX_SEED)


def scenarios(suite: Suite, shapes: Sequence[Shape]) -> st.SearchStrategy[Scenario]:
    """Draw a scenario of a suite in one of the shapes.

    The example shows the seed inside the scenario, so a failure names what `racewash run --seed` needs.
    """
    return st.builds(suite.generate, seeds(), st.sampled_from(shapes))
