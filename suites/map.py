"""Map: readers without locks against every writer of a chain, and against wash that takes the pairs away."""

from __future__ import annotations

from racewash import Scenario, Shape, Suite
from suites._draw import scenario

READER = {"get": 10, "get_hold": 3, "hold_verify": 3, "hold_drop": 3, "hv_hold": 1, "hv_drop": 1}
WRITER = {"put": 10, "put_absent": 4, "erase": 4, "get": 6}
CLEANER = {"clean_garbage": 4, "replace_fragments": 4, "wash": 2, "put": 2, "erase_cache": 1, "erase_tenant": 1}
WASHER = {"wash": 4, "sync_wash": 2, "put": 6, "get": 6, "clean_garbage": 2, "erase_all": 1}

FILL = {"put": 6, "get": 4}  # gets make pairs hot: they move to LFU blocks


def generate(seed: int, shape: Shape) -> Scenario:
    """A handful of keys in a handful of buckets: chains are changed under most readers' eyes."""
    return scenario("map", seed, shape, (READER, WRITER, CLEANER, WASHER), setup=FILL)


SUITE = Suite(
    name="map",
    purpose="put, get, erase, overwrite, move, replace and clean race and meet wash: a reader sees whole nodes only.",
    oracles=("invariants", "accounting", "sanitizer", "linearizable"),
    invariants=("I6", "I7", "I8", "I10", "I12", "I13", "Q3", "Q4", "Q6", "Q9"),
    generate=generate,
    defect="map-overwrite-counts-twice",
    modes=("threads", "shared"),
)
