"""Suites of the target seekdb: four on a private store of the database's own code, one on an open database."""

from __future__ import annotations

from collections.abc import Sequence

from racewash import Op, Program, Rng, Scenario, Shape, Suite

BLOCK = 2_080_768  # the database's block size
SLOTS = 4
ORACLES = ("invariants",)
JUDGED = ("I3", "I4", "I5", "I6", "I7", "I8", "Q1", "Q2", "Q6", "Q8", "Q9")
Role = dict[str, int]  # operation -> weight

SUPPLIER: Role = {"supply": 8, "alloc_mb": 2, "free_mb": 2}
TAKER: Role = {"alloc_mb": 6, "fill_mb": 2, "free_mb": 5, "supply": 1}
GIVER: Role = {"alloc_mb": 3, "free_mb": 3, "reclaim": 3, "purge": 3, "check_now": 1}
HOLDER: Role = {"hold_mb": 6, "hold_seq": 2, "hold_share": 4, "hold_verify": 4, "hold_drop": 8, "hp_wash": 1}
RETIRER: Role = {"alloc_mb": 6, "fill_mb": 3, "set_full": 4, "retire": 6, "free_mb": 3, "reclaim": 3, "purge": 1}
WASHER: Role = {"wash": 5, "refresh_score": 3, "traverse": 1, "mb_info": 1, "set_priority": 1}
SYNC_WASHER: Role = {"sync_wash": 5, "flush": 2, "reclaim": 2, "purge": 1}
LIVE_SUPPLIER: Role = {"supply": 1, "alloc_mb": 6, "fill_mb": 2, "free_mb": 6, "check_now": 1}
FILLER: Role = {"alloc_mb": 10, "fill_mb": 2, "set_full": 9, "hit": 4}
TRAFFIC: Role = {"alloc_mb": 8, "fill_mb": 4, "set_full": 7, "hit": 6, "free_mb": 1, "hold_mb": 2, "hold_drop": 2}


def _arguments(rng: Rng, name: str, live: bool) -> tuple[int, ...]:
    slot, other, index = rng.below(SLOTS), rng.below(SLOTS), rng.below(96)
    return {
        "supply": (rng.pick((0, 1) if live else (0, 1, 1, 3, 128)),),  # live, nothing is ever taken back
        "alloc_mb": (rng.below(2), BLOCK + rng.pick((0, 0, 0, 8192)), slot),
        "fill_mb": (slot, rng.pick((1, 3, 20))),
        "free_mb": (slot,),
        "set_full": (slot, rng.pick((0, 0, 10, 500, 2000))),
        "retire": (index,),
        "hit": (index, rng.pick((1, 5))),
        "hold_mb": (slot, index),
        "hold_seq": (slot, index, rng.below(2)),
        "hold_verify": (slot,),
        "hold_share": (slot, other),
        "hold_drop": (slot,),
        "wash": (rng.pick((5, 6, 8, 16)) * BLOCK,),
        "sync_wash": (rng.pick((1, BLOCK, 3 * BLOCK)),),
        "flush": (rng.below(2),),
        "set_priority": (rng.below(2), rng.pick((1, 2, 10))),
    }.get(name, ())


def _program(rng: Rng, role: Role, length: int, live: bool) -> Program:
    weighted = [(weight, name) for name, weight in role.items()]
    return tuple(Op(name, _arguments(rng, name, live)) for name in (rng.weighted(weighted) for _ in range(length)))


def _scenario(name: str, seed: int, shape: Shape, roles: Sequence[Role], *, live: bool = False) -> Scenario:
    rng = Rng(seed).fork(name)
    first = rng.below(len(roles))
    programs = tuple(
        _program(rng.fork(f"thread{i}"), roles[(first + i) % len(roles)], shape.ops, live) for i in range(shape.threads)
    )
    params = {"store": 1} if live else {"store": 0, "max_handles": rng.pick((129, 160, 200, 300, 512))}
    rounds, checks = rng.pick((16, 64) if live else (1, 4, 16)), rng.pick((0, 1, 5))
    return Scenario(name, seed, "seekdb", params, programs, rounds=rounds, check_every_ms=checks)


def _supply(seed: int, shape: Shape) -> Scenario:
    return _scenario("supply", seed, shape, (SUPPLIER, TAKER, GIVER))


def _frees(seed: int, shape: Shape) -> Scenario:
    return _scenario("frees", seed, shape, (RETIRER, HOLDER, GIVER))


def _wash(seed: int, shape: Shape) -> Scenario:
    return _scenario("wash", seed, shape, (WASHER, TRAFFIC, SYNC_WASHER, RETIRER))


def _with_sql(seed: int, shape: Shape) -> Scenario:
    """Every second scenario washes by itself; in the others blocks pile up until the database has to."""
    if Rng(seed).fork("pressure").chance(1, 2):
        return _scenario("with-sql", seed, shape, (FILLER, HOLDER, FILLER, LIVE_SUPPLIER), live=True)
    roles = (TRAFFIC, LIVE_SUPPLIER, WASHER, HOLDER, SYNC_WASHER, RETIRER)
    return _scenario("with-sql", seed, shape, roles, live=True)


def _capacity(seed: int, shape: Shape) -> Scenario:
    """All of the first supply is in use; what is left is enough for every thread."""
    rng = Rng(seed).fork("capacity")
    drain: Program = (Op("alloc_mb", (0, BLOCK, 0)), Op("set_full", (0, 0))) * 128
    take: Program = (Op("alloc_mb", (0, BLOCK, 0)), Op("alloc_mb", (0, BLOCK, 1)))
    left = 128 + rng.pick((2 * shape.threads, 128))
    return Scenario("capacity", seed, "seekdb", {"store": 0, "max_handles": left}, (take,) * shape.threads, drain)


SUPPLY = Suite(
    name="supply",
    purpose="try_supply_mb of the database races itself and the pool's takers and givers, up to a low maximum.",
    oracles=ORACLES,
    invariants=JUDGED,
    generate=_supply,
)
FREES = Suite(
    name="frees",
    purpose="Retirement, reclaim and reuse in the database race protections of every kind.",
    oracles=ORACLES,
    invariants=JUDGED,
    generate=_frees,
)
WASH = Suite(
    name="wash",
    purpose="wash, refresh_score, sync wash and flush of the database race blocks that are filled and closed.",
    oracles=ORACLES,
    invariants=JUDGED,
    generate=_wash,
)
CAPACITY = Suite(
    name="capacity",
    purpose="The last supply: threads that find the pool empty while handles are on their way must not fail (W2).",
    oracles=ORACLES,
    invariants=("L1", "I3", "I4", "Q1", "Q2"),
    generate=_capacity,
)
WITH_SQL = Suite(
    name="with-sql",
    purpose="All of it on the store of an open database, beside its own threads and SQL traffic.",
    oracles=ORACLES,
    invariants=("I3", "I4", "I5", "I6", "I7", "I8", "Q1", "Q2", "Q9"),
    generate=_with_sql,
)
