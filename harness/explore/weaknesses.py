"""The specification's weaknesses as scenarios: the smallest in which each shows on the form that the source has.

Known by name to `explore` and `replay` (`weakness-W2`), left out when all suites are meant. What each shows, and on
which patch, stands in docs/findings.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from harness.explore.exhaustive import SMALL
from harness.model.layout import AFTER, BEFORE
from harness.model.scenario import Op, Program, Scenario
from harness.model.suite import Shape, Suite

_D6 = "live/as_upstream/d6-W12-sync-wash.patch"
_ONE_A_BLOCK = 600  # bytes of a value of which a block holds one: the next put closes the block
_MUST = Op("must")


@dataclass(frozen=True, slots=True)
class Weakness:
    """A scenario. `patch` is the source's form, below native; `kinds`: what is found on it (empty: nothing is).

    `enough`: no more executions are needed, for one thread has one order. `step_bound`: as in Options, for a livelock.
    """

    purpose: str
    programs: tuple[Program, ...]
    kinds: frozenset[str]
    setup: Program = ()
    params: Mapping[str, int] = field(default_factory=dict)
    patch: str = ""
    enough: int = 1 << 62
    step_bound: int = 0


def _put(key: int, size: int = _ONE_A_BLOCK) -> Op:
    return Op("put", (0, key, size))


def _get(key: int) -> Op:
    return Op("get", (0, key))


def _upstream(number: int) -> str:
    return f"defects/upstream-W{number}.patch"


# Takes all the room of the chunk that there is: whole blocks by halves, then what is left in blocks begun.
_FULL = (
    Op("set_limit", (1,)),
    *(Op("la_alloc", (slot, 13, (8192 << (7 - slot)) - 128)) for slot in range(8)),
    *(Op("node_alloc", (slot, 4096 >> slot)) for slot in range(8)),
)
_OWN_BLOCK = Op("alloc_mb", (0, 1024, 0))
_FREED = frozenset({"use-after-free", "data-race", "invariant"})
_BROKEN = frozenset({"invariant"})

WEAKNESSES: dict[str, Weakness] = {
    "W1": Weakness(
        "A pair is erased while another thread looks for it: its node must stay as long as that may read it.",
        ((_get(1),), (Op("erase", (0, 1)),)), _FREED, setup=(_put(1, 16),), patch=_upstream(1),
    ),
    "W2": Weakness(
        "Two threads allocate while the last handles are supplied: there is one for each.",
        ((_MUST, _OWN_BLOCK), (_MUST, _OWN_BLOCK)), _BROKEN, params={"max_handles": 3}, patch=_upstream(2),
    ),
    "W3": Weakness(
        "Two threads allocate a block each: one supply of three handles is enough for both.",
        ((_OWN_BLOCK, Op("figure", (0, 0, 3))), (_OWN_BLOCK, Op("figure", (0, 0, 3)))), _BROKEN, patch=_upstream(2),
    ),
    "W4": Weakness(
        "A flush meets a block that another thread washes and whose handle it uses again.",
        ((Op("flush", (0,)),), (Op("sync_wash", (1,)), Op("purge"), _OWN_BLOCK, Op("free_mb", (0,)))), frozenset(),
        setup=(_put(1), _put(2), _put(3)), params={"max_handles": 3}, patch=_upstream(4),
    ),
    "W5": Weakness(
        "A wash of one block has chosen the coldest when that is washed and its handle gets a warm pair.",
        (
            (Op("wash", (1024,)),),  # a sync wash takes two at most, so one of the three cold blocks is always there
            (Op("sync_wash", (1,)), Op("purge"), _put(4), _put(6), *((Op("erase", (0, 9)),) * 10), _MUST, _get(4)),
        ), _BROKEN,
        setup=(*map(_put, (1, 2, 3, 5)), *map(_get, (1, 2, 3, 5, 5, 5, 5)), Op("refresh_score")),
        params={"supply_num": 4}, patch=_upstream(5),
    ),
    "W6": Weakness(
        "Two threads wash the list's blocks while handles come back into it.",
        (
            (Op("sync_wash", (1,)), Op("purge"), _OWN_BLOCK, Op("free_mb", (0,))),
            (Op("sync_wash", (1,)), Op("purge"), _OWN_BLOCK, Op("free_mb", (0,))),
        ), frozenset(),
        setup=(_put(1), _put(2), _put(3), _put(4)), params={"max_handles": 6}, patch=_upstream(6),
    ),
    "W8": Weakness(
        "A pair is pinned while its block is retired, and nobody reclaims before the shutdown.",
        ((Op("get_hold", (0, 0, 1)), Op("hold_drop", (0,))), (Op("flush", (0,)),)),
        frozenset({"leak", "accounting", "invariant"}), setup=(_put(1), _put(2)), patch=_upstream(8),
    ),
    "W9": Weakness(
        "A thread whose pins use up the hazard pointers, with no memory for another, cleans the map.",
        ((_put(1, 16), Op("get_hold", (0, 0, 1)), *_FULL, *(Op("get_hold", (slot, 0, 1)) for slot in range(1, 8)),
          Op("clean_garbage")),), frozenset({"livelock"}), params={"hp_per_block": 1, "hp_cache": 1},
        patch=_upstream(9), enough=10, step_bound=20_000,
    ),
    "W10": Weakness(
        "A pair is read while its block is retired and freed.",
        ((_get(1),), (Op("flush", (0,)),)), frozenset({"data-race"}), setup=(_put(1), _put(2)), patch=_upstream(10),
    ),
    "W11": Weakness(
        "Two threads get the same pair.", ((_get(1),), (_get(1),)), frozenset({"data-race"}), setup=(_put(1, 16),),
        patch=_upstream(11),
    ),
    "W12": Weakness(
        "A block was retired while its pair was pinned; the pin has gone when a sync wash wants more.",
        ((_MUST, Op("sync_wash", (900,))), (_get(2),)), _BROKEN,
        setup=(_put(1), _put(2), Op("get_hold", (0, 0, 1)), Op("flush", (0,)), Op("hold_drop", (0,))), patch=_D6,
    ),
    "W14": Weakness(
        "A wash of less than a block publishes what could be washed, as any other wash does.",
        ((Op("wash", (1,)), Op("figure", (1, 1, 1 << 30))),), frozenset(),
        setup=(_put(1), _put(2), _get(1), Op("refresh_score")), enough=10,
    ),
    "W16": Weakness(
        "A pin is shared by a second holder while its block is being retired.",
        ((Op("get_hold", (0, 0, 1)), Op("hold_share", (0, 1)), Op("hold_drop", (0,)), Op("hold_drop", (1,)), _get(2)),
         (Op("flush", (0,)),)), frozenset(), setup=(_put(1), _put(2)), patch=_upstream(16),
    ),
    "W17": Weakness(
        "A block is closed by one thread while another one washes it and uses its handle again.",
        ((_put(2),), (Op("flush", (0,)), Op("purge"), _OWN_BLOCK)), _BROKEN,
        setup=(_put(1), _get(1), Op("refresh_score")), params={"max_handles": 3}, patch=_upstream(17),
    ),
    "W18": Weakness(
        "A pair is put into a block whose handle has been retired 2^31 times.",
        ((_put(1, 16), _MUST, _get(1)),), _BROKEN, patch=_upstream(18), enough=10,
    ),
    "W19": Weakness(
        "With reference counts a protection fails just when the block's last other count goes.",
        ((Op("traverse"),), (Op("flush", (0,)),)), _BROKEN, setup=(_put(1), _put(2)), params={"protect": 1},
        patch=_upstream(19),
    ),
    "W20": Weakness(
        "An instance is dropped while a reader holds its erased node back.",
        ((_get(1), Op("hv_hold"), Op("hv_drop"), Op("erase_all")), (Op("drop_instance", (0,)),)), _FREED,
        setup=(_put(1, 16),), patch=_upstream(20),
    ),
    "W21": Weakness(
        "A pair is replaced by a newer one while another thread looks for it: it is there all the time.",
        ((_MUST, _get(1)), (_put(1, 16),)), _BROKEN, setup=(_put(1, 16), _put(2, 16)),  # both in bucket 0 of five
        patch=_upstream(21),
    ),
    "W22": Weakness(
        "A flush gives back the last block of an instance that is being dropped.",
        ((Op("flush", (0,)),), (Op("drop_instance", (0,)), Op("drop_instance", (0,)))), _FREED,
        setup=(_put(1), _put(2)), params=BEFORE.params(), patch=_upstream(22),
    ),
}  # fmt: skip
"""By the numbers of the specification's chapter 8; from 21 on ours. W7, W13 and W15 are no searches: see the tests."""


def generate(name: str, seed: int, shape: Shape) -> Scenario:
    """Return a weakness's scenario: only the layout is the caller's."""
    weakness = WEAKNESSES[name]
    params = {**SMALL, **(shape.layout or AFTER).params(), **weakness.params}
    return Scenario(
        suite=f"weakness-{name}",
        seed=seed,
        target="kvcache",
        params=params,
        programs=weakness.programs,
        setup=weakness.setup,
    )


SUITES: dict[str, Suite] = {
    f"weakness-{name}": Suite(
        f"weakness-{name}", weakness.purpose, ("races", "heap", "invariants"), (), partial(generate, name)
    )
    for name, weakness in WEAKNESSES.items()
}
