"""The runtime's own workloads as suites: known by name to `explore` and `replay`, left out when all suites are meant.

A: two threads, five atomic increments each. B: three suppliers of a segmented array and one thread that traverses it;
each of its variants has one seeded defect.
"""

from __future__ import annotations

from functools import partial

from harness.model.scenario import Op, Scenario
from harness.model.suite import Shape, Suite

INCREMENTS, SEGMENTS = "increments", "segments"
DEFECTS = {
    "count-early": "the count is advanced before the blocks exist",
    "publish-early": "a block is published before its handles are initialised",
    "loser-leaks": "whoever loses the race to publish a block forgets to free its own",
    "plain-store": "a block is published by a plain store instead of a compare-exchange",
    "relaxed-publish": "a block is published without release order",
}
_SUPPLIERS, _ROUNDS, _SUPPLY = 3, 2, 64
_ADDERS, _ADDS = 2, 5


def increments(seed: int, shape: Shape) -> Scenario:
    """Return workload A, whatever is asked: it is a measure."""
    programs = ((Op("add", (_ADDS,)),),) * _ADDERS
    params = {"expected": _ADDERS * _ADDS}
    return Scenario(suite=INCREMENTS, seed=seed, target=INCREMENTS, params=params, programs=programs)


def segments(seed: int, shape: Shape, *, defect: int = 0, name: str = SEGMENTS) -> Scenario:
    """Return workload B with a defect by its number, whatever is asked."""
    supplier = (Op("supply", (_SUPPLY,)),) * _ROUNDS
    programs = (*((supplier,) * _SUPPLIERS), (Op("traverse"),))
    return Scenario(suite=name, seed=seed, target=SEGMENTS, params={"defect": defect}, programs=programs)


def _defective(number: int, name: str, claim: str) -> Suite:
    generate = partial(segments, defect=number, name=name)
    return Suite(name, f"Workload B with a seeded defect: {claim}.", ("races", "heap"), (), generate)


WORKLOADS: dict[str, Suite] = {
    suite.name: suite
    for suite in (
        Suite(INCREMENTS, "Workload A: two threads increment a counter.", ("invariants",), (), increments),
        Suite(SEGMENTS, "Workload B: suppliers race to grow a segmented array that another thread traverses.",
              ("races", "heap"), (), segments),
        *(_defective(number, f"{SEGMENTS}-{name}", claim) for number, (name, claim) in enumerate(DEFECTS.items(), 1)),
    )
}  # fmt: skip
