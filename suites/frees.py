"""Frees: what allocators take back (blocks, hazard pointers, nodes, objects) against those who still look at it."""

from __future__ import annotations

from racewash import Scenario, Shape, Suite
from suites._draw import scenario

BLOCKS = {"alloc_mb": 10, "fill_mb": 2, "free_mb": 2, "recycle": 5, "reclaim": 1, "flush": 1}
HOLDERS = {"put": 4, "get_hold": 6, "hold_share": 4, "hold_verify": 4, "hold_drop": 8, "hp_wash": 3, "share_retired": 2}
NODES = {"node_alloc": 8, "node_free": 8, "put": 2, "erase": 2, "replace_fragments": 1}
OBJECTS = {"la_alloc": 8, "la_free": 8, "la_wash": 1, "reclaim": 1}
TRAVERSER = {"traverse": 6, "refresh_score": 1, "mb_info": 1, "hp_wash": 2, "reclaim": 1, "flush": 2, "check_now": 1}

# A hazard pointers' block is soon wholly free, a handle soon used again: the pool has hardly any others.
CHOICES = {
    "hp_cache": (2, 2, 4), "hp_batch": (1, 1, 2), "hp_per_block": (2, 2, 3), "max_handles": (2, 3, 4, 9),
    "retire_limit": (1,),
}  # fmt: skip


def generate(seed: int, shape: Shape) -> Scenario:
    """Every allocator's units are so small that most frees end a block's life."""
    # Threads take neighbours: blocks are mostly freed under a traverser's eyes, nodes by two at a time.
    roles = (BLOCKS, TRAVERSER, HOLDERS, BLOCKS, TRAVERSER, NODES, NODES, OBJECTS)
    return scenario("frees", seed, shape, roles, choices=CHOICES, setup={"put": 1}, setup_ops=12)


SUITE = Suite(
    name="frees",
    purpose="Frees of blocks, hazard pointers, nodes, objects race traversal and reuse: nothing goes while seen.",
    oracles=("invariants", "accounting", "sanitizer", "linearizable"),
    invariants=("I4", "I6", "I9", "I11", "Q1", "Q5", "Q6", "Q7", "Q8"),
    generate=generate,
    defect="frees-node-block-kept",
    modes=("threads", "shared"),
)
