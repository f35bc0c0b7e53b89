"""The public names of racewash: suites and users import only this module."""

from __future__ import annotations

from harness.builds import sources
from harness.explore import ExploreRequest, ExploreResult, explore
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
from harness.repro import Forced, ReplayRequest, ReplayResult, force, replay, to
from harness.stress import RunFailed, RunRequest, RunResult, run
from harness.version import VERSION as __version__

__all__ = [
    "AFTER",
    "BEFORE",
    "KINDS",
    "PARTS",
    "Choice",
    "Defect",
    "ExploreRequest",
    "ExploreResult",
    "Finding",
    "Forced",
    "Layout",
    "Location",
    "Op",
    "Options",
    "Outcome",
    "Problem",
    "Program",
    "ReplayRequest",
    "ReplayResult",
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
    "Violation",
    "__version__",
    "explore",
    "fingerprint_of",
    "force",
    "parse_defect",
    "parse_layout",
    "replay",
    "run",
    "scenario_from_json",
    "sources",
    "sweep",
    "to",
]
