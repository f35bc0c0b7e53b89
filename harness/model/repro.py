"""What it takes to see a finding again: scenario, schedule, options and the build that showed it."""

from __future__ import annotations

from dataclasses import dataclass

from harness.model.scenario import Scenario
from harness.model.schedule import Options, Schedule
from harness.model.suite import Shape


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a scenario was drawn from: the suite by its name, the seed, and what was asked of it."""

    suite: str
    seed: int
    shape: Shape


@dataclass(frozen=True, slots=True)
class Repro:
    """A finding's scenario, by origin and digest, and its schedule.

    `origin` None: nothing draws the scenario again, it stands in the bundle. `build` and `fingerprint` may be only the
    beginnings of the identity and the name that they stand for.
    """

    origin: Origin | None
    digest: str
    options: Options
    schedule: Schedule
    build: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Whole:
    """A repro that needs neither a suite nor a bundle: its scenario stands beside it."""

    repro: Repro
    scenario: Scenario
