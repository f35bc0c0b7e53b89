"""What a test explores: a suite, a suite's name, a scenario, or several; all become suites that have a name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness.explore.named import NAMED
from harness.generate import discover
from harness.model.problem import Problem
from harness.model.scenario import Scenario
from harness.model.suite import Shape, Suite

What = Suite | Scenario | str
PREFIX = "test/"  # how the name of a suite begins that only a test has
ARGUMENTS = ("scenario", "suite")  # by which a test gives what its decorator leaves open


def suites_of(what: What | Sequence[What] | None, arguments: Mapping[str, Any]) -> tuple[Suite, ...]:
    """Return the suites that a decorator names, or else the test's own arguments. Raises Problem."""
    if what is None:
        what = next((arguments[name] for name in ARGUMENTS if name in arguments), None)
    if what is None:
        raise Problem("the decorator names no suite: give one, or let the test take `suite` or `scenario`")
    several: Iterable[What] = (what,) if isinstance(what, Suite | Scenario | str) else what
    return tuple({suite.name: suite for suite in map(_suite_of, several)}.values())


def _suite_of(one: What) -> Suite:
    match one:
        case Suite():
            return one
        case Scenario():
            return suite_of_scenario(one)
        case str():
            return find_suite(one)
        case _:
            raise Problem(f"{type(one).__name__} can't be explored by a test: give a Suite, its name, or a Scenario")


def find_suite(name: str) -> Suite:
    """Return an installed suite, or one of the runtime's own, by its name. Raises Problem when there is none.

    >>> find_suite("increments").purpose
    'Workload A: two threads increment a counter.'
    """
    known = {**NAMED, **discover()}
    if name in known:
        return known[name]
    raise Problem(f"there is no suite {name!r}; the suites are {', '.join(known)}")


def suite_of_scenario(scenario: Scenario) -> Suite:
    """Return a suite that always draws this scenario, under a name that no installed suite has."""
    name = scenario.suite if scenario.suite.startswith(PREFIX) else PREFIX + scenario.suite
    whole = replace(scenario, suite=name)

    def generate(seed: int, shape: Shape) -> Scenario:
        return whole

    return Suite(name, "A scenario that a test gives.", ("races", "heap", "invariants"), (), generate)
