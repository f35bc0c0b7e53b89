"""Which scenarios a run executes: decided by its seed alone, however many workers share them out."""

from __future__ import annotations

from dataclasses import replace

from harness.model.rng import Rng
from harness.model.scenario import Scenario
from harness.model.suite import Shape, Suite

ROUNDS = (1, 1, 2, 8)  # factors of a scenario's own


def scenario_seed(run_seed: int, suite: str, index: int) -> int:
    """Return the seed of a suite's scenario number `index`, from 0 to 2**63 - 1.

    The first is the run's own, so that a run with a finding's seed begins with the scenario of the finding.
    """
    if index == 0:
        return run_seed
    return Rng(run_seed).fork(suite).fork(str(index)).word() >> 1


def draw(suite: Suite, run_seed: int, index: int, shape: Shape, kind: str) -> Scenario:
    """Return scenario number `index` of a suite.

    Programs are run several times in some scenarios of small cores: a fresh one races at what happens once, a used one
    at the rest, and a round costs a small part of what drawing and creating does.

    In asan builds half of the scenarios make each object a malloc of its own: only then LeakSanitizer knows it, and
    AddressSanitizer keeps it away from others for a while after its free. LeakSanitizer's look takes longer than a
    small execution, so only these get one. The others keep the real placement in chunks, where the allocator itself
    says what is live: that is what the core ships with. Objects of processes that share a core always lie in their
    mapping.

    In tsan builds each thread of a shared core is a process of its own: between two threads of one process libtsan
    would miss the order that a third thread in another process made, and report races that are none.
    """
    seed = scenario_seed(run_seed, suite.name, index)
    scenario = suite.drawn(seed, shape)
    if kind == "asan" and not scenario.processes and Rng(seed).fork("backing").chance(1, 2):
        scenario = suite.drawn(seed, replace(shape, backing=1))
    if kind == "tsan" and scenario.processes:
        scenario = replace(scenario, processes=len(scenario.programs))
    if shape.memory is None:
        scenario = replace(scenario, rounds=scenario.rounds * Rng(seed).fork("rounds").pick(ROUNDS))
    return scenario


def objects_apart(scenario: Scenario) -> bool:
    """Whether each object is a malloc of its own, so that LeakSanitizer can tell it from others."""
    return scenario.params.get("backing") == 1
