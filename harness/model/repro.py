"""What it takes to see a finding again: scenario, schedule, options and the build that showed it."""

from __future__ import annotations

from dataclasses import dataclass

from harness.model.scenario import Scenario
from harness.model.schedule import REAL, Options, Schedule
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
    beginnings of the identity and the name that they stand for. `kind` is the kind of build, `target` what was raced.
    What real threads did has no schedule (the strategy REAL): only its scenario is known, and a replay is some tries.
    """

    origin: Origin | None
    digest: str
    options: Options
    schedule: Schedule
    build: str
    fingerprint: str
    kind: str = "sched"
    target: str = "kvcache"

    @property
    def scheduled(self) -> bool:
        """Whether the interleaving is known too, and not only the scenario."""
        return self.schedule.strategy != REAL


def on_threads(origin: Origin | None, digest: str, build: str, fingerprint: str, kind: str, target: str) -> Repro:
    """Return the repro of what real threads did in a build of this kind."""
    return Repro(origin, digest, Options(), Schedule(REAL, 0), build, fingerprint, kind, target)


@dataclass(frozen=True, slots=True)
class Whole:
    """A repro that needs neither a suite nor a bundle: its scenario stands beside it."""

    repro: Repro
    scenario: Scenario
