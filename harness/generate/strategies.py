"""Hypothesis strategies that draw scenarios: Hypothesis chooses the seed, the suite's own generator does the rest.

Of a shrinkable scenario Hypothesis chooses the operations, too, out of those that the suite has drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import strategies as st

from harness.model.scenario import Op, Program, Scenario
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


FEW_SEEDS = st.integers(0, (1 << 16) - 1)  # a smaller seed is no simpler: Hypothesis is not to try for long
SHAPES = (Shape(threads=2, ops=6), Shape(threads=3, ops=6))


@st.composite
def shrinkable_scenarios(draw: st.DrawFn, suite: Suite, shapes: Sequence[Shape] = SHAPES) -> Scenario:
    """Draw a scenario of a suite whose programs Hypothesis makes shorter, fewer and simpler while a test fails.

    Each program is a list of operations that the suite has drawn for that thread; any such list can be run, because an
    operation that misses what another one should have left says so and does nothing. A shrunk scenario is no longer
    what the suite draws from its seed: it is kept whole, in the bundle and in Hypothesis's database.
    """
    whole = suite.generate(draw(FEW_SEEDS), draw(st.sampled_from(shapes)))
    setup = draw(_some_of(whole.setup))
    programs = tuple(draw(_some_of(program, at_least=int(place == 0))) for place, program in enumerate(whole.programs))
    return replace(whole, setup=setup, programs=tuple(program for program in programs if program))


def _some_of(program: Program, at_least: int = 0) -> st.SearchStrategy[Program]:
    if not program:
        return st.just(())
    operations: st.SearchStrategy[list[Op]] = st.lists(
        st.sampled_from(program), min_size=at_least, max_size=len(program)
    )
    return operations.map(tuple)
