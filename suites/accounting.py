"""Accounting: objects of every size come and go, limits move, allocations wash the cache; every byte is accounted."""

from __future__ import annotations

from racewash import Scenario, Shape, Suite
from suites._draw import KIB, scenario

OBJECTS = {"la_alloc": 12, "la_free": 10, "read_accounts": 2, "la_wash": 1}
LIMITS = {"set_limit": 2, "la_alloc": 6, "la_free": 5, "read_accounts": 1}
TRAFFIC = {"put": 10, "get": 3, "alloc_mb": 3, "fill_mb": 2, "free_mb": 3, "erase": 1}
WASHER = {"wash": 2, "sync_wash": 1, "flush": 1, "la_wash": 2, "put": 6, "read_accounts": 2}

# Blocks so large that washing some frees a chunk or two: only then can an allocation at the limit succeed by washing.
CHOICES = {"block_size": (64 * KIB, 256 * KIB, 512 * KIB), "max_handles": (22, 37, 60)}


def generate(seed: int, shape: Shape) -> Scenario:
    """The limit is moved around what the core holds, with the cache full enough to pay for it."""
    roles = (OBJECTS, TRAFFIC, LIMITS, WASHER)
    return scenario("accounting", seed, shape, roles, choices=CHOICES, setup={"put": 1}, setup_ops=60)


SUITE = Suite(
    name="accounting",
    purpose="Allocations, frees, moved limits and the washes they start race cache traffic: used and hold stay exact.",
    oracles=("invariants", "accounting", "sanitizer"),
    invariants=("I9", "I13", "Q2", "Q5", "Q8", "Q10"),
    generate=generate,
    defect="accounting-hold-twice",
    modes=("threads", "shared"),
)
