"""The public names of racewash: suites and users import only this module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.builds import SMALL, Core, Violated, sources
from harness.explore.request import ExploreRequest
from harness.explore.result import ExploreResult
from harness.explore.run import explore as explore_suites
from harness.faults import SweepRequest, SweepResult, sweep
from harness.model.documents import Defect, parse_defect
from harness.model.finding import KINDS, Finding, Location, fingerprint_of
from harness.model.layout import AFTER, BEFORE, PARTS, Layout, parse_layout
from harness.model.outcome import Outcome, Snapshot, SuiteResult, Violation
from harness.model.problem import Problem
from harness.model.rng import Rng
from harness.model.scenario import Op, Program, Scenario, scenario_from_json
from harness.model.schedule import Choice, Options
from harness.model.suite import Shape, Suite
from harness.pytest_plugin.decorators import explore, stress
from harness.pytest_plugin.failure import Found
from harness.pytest_plugin.subject import find_suite
from harness.repro import Forced, ReplayRequest, ReplayResult, Reproduced, force, replay, reproduce, to
from harness.stress.failure import RunFailed
from harness.stress.request import RunRequest
from harness.stress.result import RunResult
from harness.stress.run import run
from harness.version import VERSION as __version__

if TYPE_CHECKING:
    from harness.generate.strategies import shrinkable_scenarios as scenarios
    from harness.pytest_plugin.races import KvCacheRaces, Races
    from harness.stateful import KvCacheMachine

__all__ = [
    "AFTER",
    "BEFORE",
    "KINDS",
    "PARTS",
    "SMALL",
    "Choice",
    "Core",
    "Defect",
    "ExploreRequest",
    "ExploreResult",
    "Finding",
    "Forced",
    "Found",
    "KvCacheMachine",
    "KvCacheRaces",
    "Layout",
    "Location",
    "Op",
    "Options",
    "Outcome",
    "Problem",
    "Program",
    "Races",
    "ReplayRequest",
    "ReplayResult",
    "Reproduced",
    "Rng",
    "RunFailed",
    "RunRequest",
    "RunResult",
    "Scenario",
    "Shape",
    "Snapshot",
    "Suite",
    "SuiteResult",
    "SweepRequest",
    "SweepResult",
    "Violated",
    "Violation",
    "__version__",
    "explore",
    "explore_suites",
    "find_suite",
    "fingerprint_of",
    "force",
    "parse_defect",
    "parse_layout",
    "replay",
    "reproduce",
    "run",
    "scenario_from_json",
    "scenarios",
    "sources",
    "stress",
    "sweep",
    "to",
]

# Names that bring Hypothesis with them, which workers and most tests don't need: imported when they are asked for.
_LATER = {
    "KvCacheMachine": ("harness.stateful", "KvCacheMachine"),
    "KvCacheRaces": ("harness.pytest_plugin.races", "KvCacheRaces"),
    "Races": ("harness.pytest_plugin.races", "Races"),
    "scenarios": ("harness.generate.strategies", "shrinkable_scenarios"),
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'racewash' has no attribute {name!r}")
    from importlib import import_module

    module, attribute = _LATER[name]
    return getattr(import_module(module), attribute)
