"""Which scenarios a run executes: decided by its seed alone, however many workers share them out."""

from __future__ import annotations

from dataclasses import replace

from harness.model.rng import Rng
from harness.model.scenario import Scenario
from harness.model.suite import Shape, Suite


def scenario_seed(run_seed: int, suite: str, index: int) -> int:
    """Return the seed of a suite's scenario number `index`, from 0 to 2**63 - 1."""
    return Rng(run_seed).fork(suite).fork(str(index)).word() >> 1


def draw(suite: Suite, run_seed: int, index: int, shape: Shape, kind: str) -> Scenario:
    """Return scenario number `index` of a suite.

    In asan builds every second scenario makes each object a malloc of its own: only then LeakSanitizer knows it, and
    AddressSanitizer keeps it away from others for a while after its free. The scenarios between keep the real
    placement in chunks, where the allocator itself says what is live: that is what the core ships with. Objects of
    processes that share a core always lie in their mapping.
    """
    seed = scenario_seed(run_seed, suite.name, index)
    scenario = suite.generate(seed, shape)
    if kind == "asan" and index % 2 == 1 and not scenario.processes:
        scenario = suite.generate(seed, replace(shape, backing=1))
    return scenario
