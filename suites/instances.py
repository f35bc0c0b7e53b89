"""Instances: caches are created and dropped while their pairs are read, written, washed and waited for."""

from __future__ import annotations

from racewash import Scenario, Shape, Suite
from suites._draw import scenario

CHURN = {"create_instance": 4, "drop_instance": 4, "put": 4, "get": 2}
TRAFFIC = {"put": 8, "get": 6, "erase": 2, "get_hold": 2, "hold_drop": 2}
HOLDER = {"get_hold": 3, "hold_verify": 3, "hold_drop": 3, "hv_hold": 2, "hv_drop": 2, "drop_instance": 1, "put": 4}
WASHER = {"wash": 4, "clean_garbage": 3, "erase_tenant": 1, "erase_cache": 1, "drop_instance": 1, "put": 4}


def generate(seed: int, shape: Shape) -> Scenario:
    """Few instances, so that most drops meet somebody inside."""
    return scenario("instances", seed, shape, (CHURN, TRAFFIC, HOLDER, WASHER), setup={"put": 1})


SUITE = Suite(
    name="instances",
    purpose="Instances are created and dropped under traffic: none goes while used, nothing of a dropped one stays.",
    oracles=("invariants", "accounting", "sanitizer"),
    invariants=("I10", "I13", "Q2", "Q3", "Q5", "Q7", "Q8", "Q9"),
    generate=generate,
    defect="upstream-W20",
    modes=("threads", "shared"),
)
