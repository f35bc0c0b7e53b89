"""What one call of a decorated test may use up of the session's budget, and its seed when Hypothesis drives it."""

from __future__ import annotations

import sys
from typing import Any

from harness.model.problem import Problem
from harness.model.rng import Rng
from harness.pytest_plugin.session import Session


def share(options: dict[str, Any], session: Session | None, standard: dict[str, Any]) -> dict[str, Any]:
    """Return a test's options with its share of the budget in place of its own figures.

    `standard` is what a test gets that says nothing; its keys are the measures that it knows. A test that Hypothesis
    calls many times shares its part out among the calls.

    >>> from pathlib import Path
    >>> from harness.pytest_plugin.session import Budget
    >>> session = Session(1, Path("."), budget=Budget(seconds=60), shares=3)
    >>> share({"executions": 500, "threads": 2}, session, {"executions": 1000})
    {'threads': 2, 'seconds': 20.0}
    """
    budget = session.budget if session else None
    if session and budget and budget.seconds is not None:
        rest = {name: value for name, value in options.items() if name != "executions"}
        return {**rest, "seconds": budget.seconds / session.shares / _calls()}
    if session and budget and budget.executions is not None and "executions" in standard:
        rest = {name: value for name, value in options.items() if name != "seconds"}
        return {**rest, "executions": max(1, budget.executions // session.sharing // _calls())}
    return options if {"executions", "seconds"} & options.keys() else {**standard, **options}


def steady_seed(digest: str) -> int:
    """Return the seed with which a drawn scenario is explored: its own, whatever the session.

    Hypothesis runs an example again to shrink it, and in a later session from its database: each time it must end the
    same way.
    """
    return Rng(int(digest, 16)).word() >> 1


def driven() -> bool:
    """Whether Hypothesis calls the test that is running."""
    hypothesis = sys.modules.get("hypothesis")
    return hypothesis is not None and bool(hypothesis.currently_in_test_context())


def _calls() -> int:
    """How often the test that is running may be called."""
    if not driven():
        return 1
    from hypothesis import settings

    return max(1, settings().max_examples)


def refuse_deadline() -> None:
    """Raise Problem where Hypothesis would take a search that lasts longer than usual for a failure."""
    if not driven():
        return
    from hypothesis import settings

    usual = settings.get_profile("default").deadline
    if usual is not None and settings().deadline == usual:
        raise Problem(f"Hypothesis allows each example {usual.total_seconds():g} s, and a search takes as long as it "
                      "takes: decorate the test with @settings(deadline=None)")  # fmt: skip
