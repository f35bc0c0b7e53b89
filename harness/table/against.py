"""The memory table's column of the real database: its figures beside those of our core in the layout before."""

from __future__ import annotations

from typing import Protocol

from harness.model.layout import BEFORE
from harness.model.memory import Against, AgainstRow, DatabaseFigures
from harness.model.outcome import Outcome, Snapshot
from harness.model.scenario import Op, Scenario

POINTER = 8


class Executor(Protocol):
    """What is needed of a loaded build."""

    def execute(self, scenario: Scenario) -> Outcome:
        """Run one execution."""
        ...


def against(library: Executor, figures: DatabaseFigures) -> Against:
    """Measure our core, layout before, at the database's memory limit, and put the two beside each other."""
    core = _core(library, figures.memory_limit)
    handles, slots = core["labels"]["CACHE_MB_HANDLE"]["used"], core["handles"]["pool_slots"]["used"]
    maximum = slots // POINTER
    rows = (
        AgainstRow("maximum of handles", maximum, figures.max_handles),
        AgainstRow("a handle", (handles - slots) // maximum, figures.handle),
        AgainstRow("handles and pool slots", handles, figures.handles_and_slots),
        AgainstRow("pool slots", slots, figures.pool_slots),
        AgainstRow("a memory block", core["labels"]["KVSTORE_CACHE"]["used"], figures.block),
        AgainstRow("buckets", core["map"]["buckets"]["number"], figures.buckets),
        AgainstRow("a node block", core["labels"]["CACHE_MAP_NODE"]["used"], figures.node_block),
    )
    return Against(f"seekdb {figures.version}", figures.memory_limit, rows)


def _core(library: Executor, memory: int) -> Snapshot:
    """One instance with one pair: one memory block, one node block."""
    params = {"memory_limit": memory, "max_cache_size": memory, **BEFORE.params()}
    outcome = library.execute(Scenario("table", 0, "kvcache", params, programs=((Op("put", (0, 0, 64)),),)))
    if outcome.status != "done" or outcome.violations:
        raise RuntimeError(f"measuring ended as {outcome.status}: {outcome.message or outcome.violations}")
    return outcome.snapshot
