"""Suites for the tests of supervision: each asks the fake library of fake_worker.py for one way to misbehave."""

from __future__ import annotations

from functools import partial

from harness.model.scenario import Op, Scenario
from harness.model.suite import Shape, Suite


def generate(what: str, seed: int, shape: Shape) -> Scenario:
    programs = ((Op(what, (seed % 1000,)), Op("fine")),) * shape.threads
    return Scenario(suite=what, seed=seed, target="fake", params={}, programs=programs, processes=shape.shared)


def generate_sometimes(what: str, seed: int, shape: Shape) -> Scenario:
    """One seed in four misbehaves."""
    return generate(what if seed % 4 == 0 else "fine", seed, shape)


def suite(what: str) -> Suite:
    return Suite(what, "a test", (), (), partial(generate, what), ("threads", "shared"))


def sometimes(what: str) -> Suite:
    return Suite(f"sometimes-{what}", "a test", (), (), partial(generate_sometimes, what))
