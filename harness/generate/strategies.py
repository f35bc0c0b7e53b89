"""Hypothesis strategies that draw scenarios: Hypothesis chooses the seed, the suite's own generator does the rest.

Of a shrinkable scenario Hypothesis chooses the operations, too, out of those that the suite has drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import strategies as st

from harness.model.fault import ANY, CLOCK, CREATION, STALL, SURE, Fault
from harness.model.scenario import Op, Program, Scenario
from harness.model.suite import Shape, Suite

MAX_SEED = (1 << 63) - 1


def seeds() -> st.SearchStrategy[int]:
    """Draw a seed as `racewash run --seed` takes it."""
    return st.integers(min_value=0, max_value=MAX_SEED)


def faults(threads: int, labels: Sequence[str] = (), holds: Sequence[str] = ()) -> st.SearchStrategy[str]:
    """Draw one fault (harness.model.fault) of an allocation, a thread or the clock; the simplest lets the first
    allocation fail. `holds`: what threads of the target hold.
    """
    return st.one_of(failures(threads, labels), stalls(threads, holds), clocks(threads))


def stalls(threads: int, holds: Sequence[str] = ()) -> st.SearchStrategy[str]:
    """Draw a thread that stops; the simplest does so at its first point, for one step."""
    return st.builds(
        lambda thread, holding, skip, steps: str(Fault(STALL, thread=thread, holding=holding, skip=skip, steps=steps)),
        st.sampled_from((None, *range(threads))),
        st.sampled_from((ANY, *holds)),
        st.integers(min_value=0, max_value=500),
        st.sampled_from((1, 20, 300, 5000, 0)),
    )


def clocks(threads: int) -> st.SearchStrategy[str]:
    """Draw a clock that jumps or stands still."""
    return st.builds(
        lambda thread, jump, skip, budget: str(Fault(CLOCK, thread=thread, jump=jump, skip=skip, budget=budget)),
        st.sampled_from((None, CREATION, *range(threads))),
        st.sampled_from((1_000_000, 3_600_000_000_000, -3_600_000_000_000, 0)),
        st.integers(min_value=0, max_value=50),
        st.sampled_from((1, 8, 0)),
    )


def failures(threads: int, labels: Sequence[str] = ()) -> st.SearchStrategy[str]:
    """Draw a failing allocation.

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


def plans(threads: int, labels: Sequence[str] = (), holds: Sequence[str] = ()) -> st.SearchStrategy[tuple[str, ...]]:
    """Draw a scenario's `faults`: none at all is the simplest, so that a needless one is shrunk away."""
    return st.lists(faults(threads, labels, holds), max_size=3).map(tuple)


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
