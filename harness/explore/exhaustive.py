"""Named scenarios of two and three threads, small enough that all their schedules can be walked through.

Known by name to `explore` and `replay`, left out when all suites are meant. The operations are the core's own; set-up
and judgement run in one thread and add no schedule.
"""

from __future__ import annotations

from functools import partial

from harness.model.layout import AFTER
from harness.model.scenario import Op, Program, Scenario
from harness.model.suite import Shape, Suite

_MIB = 1 << 20
SMALL = {  # the smallest that each part allows: what one thread does before and after adds no schedule, but time
    "memory_limit": 64 * _MIB, "max_cache_size": 64 * _MIB, "max_threads": 16, "qclock_slots": 64, "hv_slots": 4,
    "max_handles": 12, "handles_per_block": 3, "supply_num": 3, "retire_limit": 1, "wash_retire_limit": 1,
    "station_slots": 1, "block_size": 1024, "bucket_num": 5, "bucket_size": 2, "lock_stripes": 1, "hv_waiting": 1,
    "hp_cache": 2, "hp_batch": 1, "hp_per_block": 2, "node_block_size": 1024,
}  # fmt: skip
_SUPPLY = (Op("supply", (3,)),)
_PUT_NEIGHBOUR, _ERASE, _ERASE_NEIGHBOUR = Op("put", (0, 6, 16)), Op("erase", (0, 1)), Op("erase", (0, 10))

# name -> purpose, set-up, one program a thread. Keys 1, 6 and 10 lie in one bucket of five.
_SCENARIOS: dict[str, tuple[str, Program, tuple[Program, ...]]] = {
    "supply-2x1": ("Two threads supply handles once each.", (), (_SUPPLY, _SUPPLY)),
    "supply-3x1": ("Three threads supply handles once each.", (), (_SUPPLY, _SUPPLY, _SUPPLY)),
    "supply+traverse": (
        "A thread supplies handles while another looks at every one.", (), (_SUPPLY, (Op("traverse"),)),
    ),
    "protect+retire+reclaim": (
        "A pair is pinned while its block is retired and reclaimed.",
        (Op("put", (0, 1, 600)), Op("put", (0, 2, 600))),  # the second fills and closes the first one's block
        ((Op("get_hold", (0, 0, 1)), Op("hold_drop", (0,))), (Op("flush", (0,)),), (Op("reclaim"),)),
    ),
    "push+pop+push": (
        "Handles are given back and taken: the pool's list must not be confused by a handle that comes again.",
        (Op("alloc_mb", (0, 1024, 0)),),
        ((Op("alloc_mb", (0, 1024, 1)), Op("free_mb", (1,))), (Op("alloc_mb", (0, 1024, 2)),), (Op("purge"),)),
    ),
    "insert+delete-neighbours": (
        "A pair is inserted while its neighbours in the bucket are deleted.",
        (Op("put", (0, 1, 16)), Op("put", (0, 10, 16))),
        ((_PUT_NEIGHBOUR,), (_ERASE,), (_ERASE_NEIGHBOUR,)),
    ),
}  # fmt: skip


def generate(name: str, seed: int, shape: Shape) -> Scenario:
    """Return a named scenario: only the layout is the caller's."""
    _, setup, programs = _SCENARIOS[name]
    params = {**SMALL, **(shape.layout or AFTER).params()}
    return Scenario(suite=name, seed=seed, target="kvcache", params=params, programs=programs, setup=setup)


EXHAUSTIVE: dict[str, Suite] = {
    name: Suite(name, purpose, ("races", "heap", "invariants"), (), partial(generate, name))
    for name, (purpose, _, _) in _SCENARIOS.items()
}
