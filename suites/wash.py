"""Wash: traversals that score, retire and reclaim blocks, against supply and against traffic that fills new ones."""

from __future__ import annotations

from racewash import Scenario, Shape, Suite
from suites._draw import scenario

WASHER = {"wash": 6, "refresh_score": 3, "traverse": 1, "mb_info": 1, "set_priority": 1, "set_hold_size": 1}
SYNC_WASHER = {"sync_wash": 6, "flush": 1, "reclaim": 2, "purge": 1, "supply": 1}
TRAFFIC = {"put": 10, "get": 6, "erase": 1, "get_hold": 2, "hold_verify": 2, "hold_drop": 2}
SUPPLIER = {"supply": 2, "alloc_mb": 6, "fill_mb": 2, "free_mb": 2, "recycle": 3, "mb_info": 1}

FILL = {"put": 8, "get": 3, "refresh_score": 1}  # blocks have scores from the start
CHOICES = {"max_handles": (4, 6, 9, 16), "retire_limit": (1,)}  # so that a handle is soon another incarnation


def generate(seed: int, shape: Shape) -> Scenario:
    """Blocks are full from the start, so that every kind of wash finds victims and meets the others at them."""
    return scenario("wash", seed, shape, (WASHER, TRAFFIC, SYNC_WASHER, TRAFFIC, SUPPLIER), choices=CHOICES, setup=FILL)


SUITE = Suite(
    name="wash",
    purpose="wash, refresh_score, sync wash and flush race supply and traffic: a protected block never goes.",
    oracles=("invariants", "accounting", "sanitizer"),
    invariants=("I4", "I5", "I6", "I8", "I11", "I13", "Q1", "Q2", "Q4", "Q10"),
    generate=generate,
    defect="wash-heap-kept",
    modes=("threads", "shared"),
)
