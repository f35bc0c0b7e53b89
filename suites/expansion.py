"""Expansion: threads make the same handle blocks exist while others read every published block."""

from __future__ import annotations

from racewash import Scenario, Shape, Suite
from suites._draw import scenario

EXPANDER = {"ensure": 10, "supply": 1, "block_pointers": 1}
SUPPLIER = {"supply": 4, "ensure": 4, "block_pointers": 1}
TRAVERSER = {"block_pointers": 4, "traverse": 4, "ensure": 1, "check_now": 1}

CHOICES = {"max_handles": (5, 9, 13, 41, 150)}  # none a multiple of 4: the last block is short


def generate(seed: int, shape: Shape) -> Scenario:
    """Blocks are few and every thread asks for overlapping ranges, up to the short last one."""
    return scenario("expansion", seed, shape, (EXPANDER, SUPPLIER, TRAVERSER), choices=CHOICES)


SUITE = Suite(
    name="expansion",
    purpose="ensure_blocks races itself, suppliers and traversers: each block is published once, whole, and for good.",
    oracles=("invariants", "accounting", "sanitizer"),
    invariants=("I1", "I2", "I3", "Q5"),
    generate=generate,
    defect="expansion-plain-store",
    modes=("threads", "shared"),
)
