"""Suites as generators: pure, within the target's own tables, tidy at the end."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.builds import get_build, load
from harness.generate import discover
from harness.generate.strategies import scenarios, seeds
from harness.model.layout import AFTER, BEFORE
from harness.model.problem import Problem
from harness.model.scenario import Program, Scenario, scenario_from_json
from harness.model.suite import Shape, Suite

pytestmark = pytest.mark.contract

NAMES = ["accounting", "expansion", "frees", "instances", "map", "processes", "supply", "wash"]
SHAPES = [
    Shape(),
    Shape(threads=1, ops=20),
    Shape(threads=16, layout=None, backing=1),
    Shape(threads=4, shared=2, layout=BEFORE),
    Shape(threads=3, memory=2 << 30),
]
OPENERS = {
    "get_hold": (0, "hold_drop"),
    "alloc_mb": (2, "free_mb"),
    "node_alloc": (0, "node_free"),
    "la_alloc": (0, "la_free"),
}
CLOSERS = {closer: opener for opener, (_, closer) in OPENERS.items()}


@pytest.fixture(scope="module")
def suites() -> dict[str, Suite]:
    return discover()


def test_the_stable_names_are_installed(suites: dict[str, Suite]) -> None:
    assert [name for name in suites if name in NAMES] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_each_says_in_one_sentence_what_it_races(name: str, suites: dict[str, Suite]) -> None:
    suite = suites[name]
    assert suite.purpose.endswith(".")
    assert suite.purpose.count(". ") == 0
    assert suite.invariants
    assert set(suite.modes) == {"threads", "shared"}


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_only_known_operations_and_parameters(name: str, data: st.DataObject) -> None:
    target = load(get_build("native")).target
    scenario = data.draw(scenarios(discover()[name], SHAPES))
    for op in (*scenario.setup, *(op for program in scenario.programs for op in program)):
        assert op.name in target.ops, f"{op.name} is no operation of the target"
        assert len(op.args) == target.ops[op.name].arg_cnt, f"{op.name} takes {target.ops[op.name].arg_cnt} arguments"
    for parameter, value in scenario.params.items():
        described = target.params[parameter]
        assert described.min <= value <= described.max, f"{parameter} = {value}"


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15, deadline=None)
@given(seed=seeds(), shape=st.sampled_from(SHAPES))
def test_seed_and_shape_alone_decide(name: str, seed: int, shape: Shape) -> None:
    suite = discover()[name]
    scenario = suite.generate(seed, shape)
    assert scenario == suite.generate(seed, shape)
    assert scenario_from_json(scenario.to_json()) == scenario
    assert (scenario.suite, scenario.seed) == (name, seed)
    assert len(scenario.programs) == shape.threads
    assert scenario.params["backing"] == shape.backing
    assert scenario.processes == (shape.shared or scenario.processes if name == "processes" else shape.shared)
    assert (scenario.shared_bytes > scenario.params["memory_limit"]) == bool(scenario.processes)
    if shape.memory:
        assert scenario.params["memory_limit"] == shape.memory
        assert "handles_per_block" not in scenario.params, "a stated memory means the standard sizes"
    if shape.layout:
        assert {part: scenario.params[part] for part in shape.layout.params()} == shape.layout.params()
    for program in scenario.programs:
        assert shape.ops <= len(program) < shape.ops + 24


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15, deadline=None)
@given(seed=seeds(), shape=st.sampled_from(SHAPES))
def test_programs_give_back_what_they_hold(name: str, seed: int, shape: Shape) -> None:
    scenario = discover()[name].generate(seed, shape)
    for program in (*scenario.programs, scenario.setup):
        left = left_behind(program, scenario)
        assert not left, f"left at the end: {left}"


def left_behind(program: Program, scenario: Scenario) -> set[tuple[str, int]]:
    """Run the slots of a program in mind; every opening must meet an empty slot."""
    held: set[tuple[str, int]] = set()
    for op in program:
        opener, slot = op.name, -1
        if op.name in OPENERS:
            slot = op.args[OPENERS[op.name][0]]
        elif op.name == "hold_share":
            assert ("get_hold", op.args[0]) in held
            opener, slot = "get_hold", op.args[1]
        elif op.name == "hv_hold":
            opener, slot = "hv_hold", 0
        elif op.name == "set_limit":
            held.add(("set_limit", 0))
            if op.args[0] == scenario.params["memory_limit"]:
                held.discard(("set_limit", 0))
        elif op.name == "hv_drop":
            held.discard(("hv_hold", 0))
        elif op.name in CLOSERS:
            held.discard((CLOSERS[op.name], op.args[0]))
        if slot >= 0:
            assert (opener, slot) not in held, f"{op} into a filled slot"
            held.add((opener, slot))
    return held


def test_both_layouts_and_mixtures_are_drawn() -> None:
    drawn = Counter(
        str({part: scenario.params[part] for part in AFTER.params()})
        for scenario in (discover()["map"].generate(seed, Shape(layout=None, ops=1)) for seed in range(60))
    )
    assert {str(AFTER.params()), str(BEFORE.params())} < set(drawn)


def test_boundaries_are_met_often() -> None:
    """The last block is short, the pool is smaller than what programs take, buckets are few, limits are reached."""
    made = [discover()["expansion"].generate(seed, Shape()) for seed in range(40)]
    short = [one for one in made if one.params["max_handles"] % one.params["handles_per_block"]]
    assert len(short) > 20
    to_the_end = [
        one
        for one in made
        if any(
            op.name == "ensure" and op.args[1] == one.params["max_handles"]
            for program in one.programs
            for op in program
        )
    ]
    assert len(to_the_end) == len(made)
    limits = [
        op.args[0]
        for seed in range(10)
        for program in discover()["accounting"].generate(seed, Shape()).programs
        for op in program
        if op.name == "set_limit"
    ]
    assert min(limits) < 8 << 20 < max(limits)


def test_an_entry_that_is_no_suite_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import EntryPoint

    entry = EntryPoint("odd", "harness.model.rng:Rng", "racewash.suites")
    monkeypatch.setattr("harness.generate.installed.entry_points", lambda group: [entry])
    with pytest.raises(Problem, match="odd"):
        discover()
    missing = EntryPoint("gone", "suites.gone:SUITE", "racewash.suites")
    monkeypatch.setattr("harness.generate.installed.entry_points", lambda group: [missing])
    with pytest.raises(Problem, match="gone"):
        discover()
