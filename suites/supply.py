"""Supply: threads hand handle ranges to the pool while others take handles, give them back and look at all of them."""

from __future__ import annotations

from racewash import Scenario, Shape, Suite
from suites._draw import scenario

SUPPLIER = {"supply": 8, "ensure": 1, "alloc_mb": 2, "free_mb": 2}
TAKER = {"alloc_mb": 6, "fill_mb": 2, "free_mb": 5, "supply": 1}
GIVER = {"alloc_mb": 6, "recycle": 4, "reclaim": 1, "purge": 1, "check_now": 1}
LOOKER = {"traverse": 6, "mb_info": 1, "alloc_mb": 1, "check_now": 1}

CHOICES = {"max_handles": (2, 2, 3, 3, 4, 6, 9, 16, 37)}  # a lap of the pool is short


def generate(seed: int, shape: Shape) -> Scenario:
    """More slots than handles: the pool is often empty, and soon everything is supplied."""
    return scenario("supply", seed, shape, (SUPPLIER, TAKER, GIVER, LOOKER, GIVER), choices=CHOICES)


SUITE = Suite(
    name="supply",
    purpose="Supply races itself, traversers and the pool's takers and givers: no handle is lost, doubled or early.",
    oracles=("invariants", "accounting", "sanitizer", "linearizable"),
    invariants=("I1", "I3", "I4", "I5", "I11", "Q1", "Q2"),
    generate=generate,
    defect="supply-one-too-many",
    modes=("threads", "shared"),
)
