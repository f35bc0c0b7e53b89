"""Processes: everything the other suites mix, by forked processes on one core in a shared mapping."""

from __future__ import annotations

from racewash import Scenario, Shape, Suite
from suites._draw import scenario

TRAFFIC = {"put": 8, "get": 8, "erase": 2, "get_hold": 2, "hold_verify": 2, "hold_drop": 2}
WASHER = {"wash": 3, "sync_wash": 2, "refresh_score": 1, "mb_info": 1, "clean_garbage": 1, "replace_fragments": 1}
BLOCKS = {"supply": 2, "ensure": 2, "alloc_mb": 4, "fill_mb": 3, "free_mb": 4, "reclaim": 1, "purge": 1}
MEMORY = {"la_alloc": 4, "la_free": 4, "node_alloc": 3, "node_free": 3, "read_accounts": 1, "hp_wash": 1}
CHURN = {"create_instance": 2, "drop_instance": 2, "put": 6, "erase_cache": 1, "flush": 1, "traverse": 2}

DEFAULT_PROCESSES = 2


def generate(seed: int, shape: Shape) -> Scenario:
    """Threads are shared out over the processes: two, unless the shape asks for more."""
    roles = (TRAFFIC, WASHER, BLOCKS, MEMORY, CHURN)
    return scenario(
        "processes",
        seed,
        shape,
        roles,
        setup={"put": 1},
        processes=shape.shared or min(DEFAULT_PROCESSES, shape.threads),
    )


SUITE = Suite(
    name="processes",
    purpose="Forked processes race one core in a shared mapping with the mix of all suites: it stays as exact.",
    oracles=("invariants", "accounting", "sanitizer"),
    invariants=("I1", "I3", "I4", "I9", "I12", "Q1", "Q2", "Q3", "Q5", "Q6", "Q8", "Q9"),
    generate=generate,
    defect="processes-lost-update",
    modes=("shared", "threads"),
)
