"""Draws what suites have in common: a configuration with near boundaries, and programs from weighted operations.

A suite states *roles*: which operations a thread mixes, with which weights. `scenario` gives each role to at least one
thread (as far as threads go round) and draws every argument from the configuration, so that the same seed and shape
give the same scenario for ever. A slot is only filled when it is empty, and every program ends by emptying its slots.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from racewash import AFTER, BEFORE, Layout, Op, Program, Rng, Scenario, Shape

Role = Mapping[str, int]  # operation or sequence -> weight
Choices = Mapping[str, Sequence[int]]  # creation parameter -> values to draw from

KIB, MIB = 1 << 10, 1 << 20
SMALL_LIMIT = 64 * MIB  # the specification's minimum: a small core never asks for a tenth of it
BLOCK_HEADER, PAIR_OVERHEAD = 32, 24 + 16  # of a memory block; of a pair with its key
CACHES_PER_TENANT = 32
LABEL_USER = 13  # the label of objects that a program allocates itself
POLICIES = 2
SLOTS = 4  # of each kind that a program fills at a time
HOT = 3  # pairs of a scenario that its threads meet at

# Values around the boundaries that the specification's small tests ask for: the last block short, the pool soon at
# capacity, one retirement enough to wait for a grace period, few hazard pointers a block, few buckets.
SMALL: dict[str, tuple[int, ...]] = {
    "max_handles": (6, 9, 11, 16, 22, 37),
    "handles_per_block": (4, 4, 3, 5),
    "supply_num": (3, 3, 1, 5),
    "retire_limit": (1, 1, 2),
    "wash_retire_limit": (1, 4, 16),
    "station_slots": (1, 2, 4),
    "block_size": (1 * KIB, 2 * KIB, 4 * KIB, 8 * KIB),
    "bucket_num": (5, 5, 7, 13),
    "bucket_size": (2, 4),
    "lock_stripes": (1, 2, 5),
    "hv_waiting": (1, 2, 8),
    "hp_cache": (2, 4, 8),
    "hp_batch": (1, 2),
    "hp_per_block": (2, 3, 8),
    "node_block_size": (1 * KIB, 2 * KIB, 7936),
    "sync_wash_timeout_us": (2_000, 100_000),
    "sync_wash_steps": (1, 8, 512),
    "zero_score_millis": (0, 0, 500, 2_000),
}


@dataclass(frozen=True, slots=True)
class Config:
    """A core's parameters and what programs draw their arguments from."""

    params: dict[str, int]
    limit: int  # bytes
    handles: int  # indexes that programs address: the maximum, or a good part of a standard core's
    block: int  # bytes of a memory block, header included
    supply: int
    node_block: int
    instances: tuple[int, ...]
    keys: int
    hot: tuple[tuple[int, int], ...]  # (instance, key): what half of all operations on pairs are about


def draw_config(rng: Rng, shape: Shape, choices: Choices) -> Config:
    """Return a small configuration (or the standard sizes when the shape names a memory limit)."""
    layout = shape.layout or draw_layout(rng.fork("layout"))
    small = {name: rng.pick(values) for name, values in {**SMALL, **choices}.items()}
    tenants = rng.between(1, 3)
    caches = rng.between(1, 3)
    instances = tuple(cache + CACHES_PER_TENANT * tenant for tenant in range(tenants) for cache in range(caches))
    keys = rng.pick((4, 12, 40))
    hot = tuple((rng.pick(instances), rng.below(keys)) for _ in range(HOT))
    params = {"memory_limit": shape.memory or SMALL_LIMIT, **layout.params(), "backing": shape.backing}
    # A section of the retirement clock waits for a slot and sections nest: fewer slots than this could wait for ever.
    params["max_threads"] = max(16, shape.threads + 8)
    if shape.memory:
        params["max_cache_size"] = shape.memory
        return Config(params, shape.memory, 2_000, 2 * MIB - 16 * KIB, 128, 64 * KIB - 256, instances, 50 * keys,
                      hot)  # fmt: skip
    params.update(small)
    params["max_cache_size"] = SMALL_LIMIT
    params["qclock_slots"] = 4 * params["max_threads"]
    params["hv_slots"] = rng.pick((2, shape.threads, 2 * shape.threads + 2)) or 2
    return Config(params, SMALL_LIMIT, small["max_handles"], small["block_size"], small["supply_num"],
                  small["node_block_size"], instances, keys, hot)  # fmt: skip


def draw_layout(rng: Rng) -> Layout:
    """Return before, after, or (one time in five) a mixture of parts."""
    kind = rng.below(5)
    if kind < 4:
        return AFTER if kind < 2 else BEFORE
    return Layout(*(rng.below(2) for _ in range(4)))


class Writer:
    """Writes one thread's program: draws operations and arguments, keeps track of the slots it has filled.

    >>> from racewash import Rng, Shape
    >>> config = draw_config(Rng(1), Shape(), {})
    >>> [op.name for op in Writer(Rng(1), config).program({"get_hold": 1}, 1)]
    ['get_hold', 'hold_drop']
    """

    _OPENERS: Mapping[str, str] = {  # kind of slot -> operation that fills it
        "hold": "get_hold", "mb": "alloc_mb", "node": "node_alloc", "la": "la_alloc",
    }  # fmt: skip
    _CLOSERS: Mapping[str, str] = {  # kind of slot -> operation that empties it
        "hold": "hold_drop", "mb": "free_mb", "node": "node_free", "la": "la_free",
    }  # fmt: skip

    def __init__(self, rng: Rng, config: Config) -> None:
        self._rng = rng
        self._config = config
        self._ops: list[Op] = []
        self._filled: dict[str, list[int]] = {kind: [] for kind in self._CLOSERS}
        self._version_held = False
        self._limit_changed = False

    def program(self, role: Role, length: int) -> Program:
        """Return about `length` operations of a role, then those that give everything back."""
        weighted = [(weight, name) for name, weight in role.items()]
        while len(self._ops) < length:
            self.step(self._rng.weighted(weighted))
        self._finish()
        return tuple(self._ops)

    def step(self, name: str) -> None:
        """Append an operation, or those of a sequence; where it needs an empty or a filled slot, one is made first."""
        for part in _SEQUENCES.get(name, ()):
            self.step(part)
        if name in _SEQUENCES:
            return
        if name in _STORIES:
            _STORIES[name](self)
            return
        arguments = _ARGUMENTS.get(name)
        self._op(name, *(arguments(self) if arguments else ()))

    def _op(self, name: str, *args: int) -> None:
        self._ops.append(Op(name, args))

    def _finish(self) -> None:
        for kind, closer in self._CLOSERS.items():
            for slot in self._filled[kind]:
                self._op(closer, slot)
            self._filled[kind].clear()
        if self._version_held:
            self._op("hv_drop")
        if self._limit_changed:
            self._op("set_limit", self._config.limit)

    # ---- slots ----

    def fill(self, kind: str) -> int:
        """Return an empty slot, which the caller fills; gives one back first when all are full."""
        filled = self._filled[kind]
        if len(filled) == SLOTS:
            self._op(self._CLOSERS[kind], self.empty(kind))
        slot = self._rng.pick([slot for slot in range(SLOTS) if slot not in filled])
        filled.append(slot)
        return slot

    def empty(self, kind: str) -> int:
        """Return a filled slot that the caller empties; fills one first when none is."""
        filled = self._with_one(kind)
        return filled.pop(self._rng.below(len(filled)))

    def filled(self, kind: str) -> int:
        """Return a filled slot; fills one first when none is."""
        return self._rng.pick(self._with_one(kind))

    def _with_one(self, kind: str) -> list[int]:
        if not self._filled[kind]:
            self.step(self._OPENERS[kind])
        return self._filled[kind]

    # ---- arguments ----

    def instance(self) -> int:
        return self._rng.pick(self._config.instances)

    def key(self) -> int:
        """Half of all keys are among four, so that threads meet."""
        return self._rng.below(min(4, self._config.keys) if self._rng.chance(1, 2) else self._config.keys)

    def pair(self) -> tuple[int, int]:
        """Instance and key: half the time one of the few pairs that all threads of the scenario meet at."""
        return self._rng.pick(self._config.hot) if self._rng.chance(1, 2) else (self.instance(), self.key())

    def pair_bytes(self) -> int:
        """Value bytes: a few a block, one a block, sometimes just what an empty one holds, rarely more."""
        payload = self._config.block - BLOCK_HEADER
        largest = payload - PAIR_OVERHEAD
        kind = self._rng.below(16)
        if kind < 8:
            return self._rng.between(1, min(largest, 4 * KIB) // 8)
        if kind < 11:
            return self._rng.between(1, min(largest, 64 * KIB) // 2)
        if kind < 14:
            return self._rng.between(min(largest, 64 * KIB) // 2, min(largest, 64 * KIB))
        return largest if kind == 14 else payload + 1

    def wash_bytes(self) -> int:
        """0: what the policy computes; else a few blocks, sometimes less than one (a wash of no length)."""
        return self._rng.pick((0, 1, self._config.block, 2 * self._config.block, 8 * self._config.block))

    def block_bytes(self) -> int:
        return self._rng.pick((self._config.block, self._config.block, self._config.block // 2))

    def handle_range(self) -> tuple[int, int]:
        """Handle indexes [start, end): sometimes empty, sometimes to the very end."""
        start = self._rng.below(self._config.handles + 1)
        end = self._config.handles if self._rng.chance(1, 3) else self._rng.between(start, self._config.handles)
        return start, end

    def supply(self) -> int:
        return self._rng.pick((self._config.supply, self._config.supply, 1, 2 * self._config.supply + 1))

    def node_bytes(self) -> int:
        """Some as large as a node, some around the block's size (those get a block of their own)."""
        block = self._config.node_block
        return self._rng.pick((1, 80, 80, 96, block // 3, block - 64, block, block + 1))

    def object_bytes(self) -> int:
        """Around the allocator's boundaries: least object, one block with its overhead, whole blocks, a chunk."""
        kind = self._rng.below(24)
        if kind < 12:
            return self._rng.between(1, 700)
        if kind < 20:
            return self._rng.pick((16, 17, 4_000, 7_936, 8_128, 8_129))
        if kind < 23:
            return self._rng.between(8 * KIB, 200 * KIB)
        return self._rng.pick((2 * MIB - 16 * KIB - 64, 2 * MIB, 3 * MIB))

    def limit(self) -> int:
        """Most limits are near what a small core holds, so that the next chunk has to be washed free."""
        self._limit_changed = True
        return self._rng.pick((4, 6, 8, 10, 12, 16, 24, 64)) * MIB

    def hold_version(self) -> tuple[()]:
        """A hazard version is held once at a time."""
        if self._version_held:
            self._op("hv_drop")
        self._version_held = True
        return ()

    def drop_version(self) -> tuple[()]:
        if not self._version_held:
            self.step("hv_hold")
        self._version_held = False
        return ()

    def choose(self, *items: int) -> int:
        return self._rng.pick(items)

    def share(self) -> tuple[int, int]:
        """From a filled slot (filled first when none is) to an empty one."""
        self._with_one("hold")
        if len(self._filled["hold"]) == SLOTS:
            self._op("hold_drop", self.empty("hold"))
        source = self.filled("hold")
        return source, self.fill("hold")

    def share_retired(self) -> None:
        """A pin shared after its block was retired: only then two holders must share one hazard pointer."""
        while len(self._filled["hold"]) > SLOTS - 2:
            self._op("hold_drop", self.empty("hold"))
        instance, key, source = self.instance(), self.key(), self.fill("hold")
        self._op("put", instance, key, self._config.block)  # larger than a payload: a block of its own, full at once
        self._op("get_hold", source, instance, key)
        self._op("flush", 0)
        self._op("hold_share", source, self.fill("hold"))

    def cache(self) -> int:
        return self.instance() % CACHES_PER_TENANT

    def tenant(self) -> int:
        return self.instance() // CACHES_PER_TENANT


# Operations that seldom follow each other by chance, and whose order is a story of its own.
_SEQUENCES: dict[str, tuple[str, ...]] = {
    "recycle": ("free_mb", "reclaim", "purge"),  # a handle goes all the way back into the pool
}

# What each operation's arguments are drawn from; operations not named here take none.
_ARGUMENTS: dict[str, Callable[[Writer], tuple[int, ...]]] = {
    "put": lambda w: (*w.pair(), w.pair_bytes()),
    "put_absent": lambda w: (*w.pair(), w.pair_bytes()),
    "get": lambda w: w.pair(),
    "erase": lambda w: w.pair(),
    "get_hold": lambda w: (w.fill("hold"), *w.pair()),
    "hold_verify": lambda w: (w.filled("hold"),),
    "hold_share": lambda w: w.share(),
    "hold_drop": lambda w: (w.empty("hold"),),
    "erase_cache": lambda w: (w.cache(),),
    "erase_tenant": lambda w: (w.tenant(),),
    "drop_instance": lambda w: (w.instance(),),
    "create_instance": lambda w: (w.instance(),),
    "supply": lambda w: (w.supply(),),
    "ensure": lambda w: w.handle_range(),
    "alloc_mb": lambda w: (w.choose(*range(POLICIES)), w.block_bytes(), w.fill("mb")),
    "free_mb": lambda w: (w.empty("mb"),),
    "fill_mb": lambda w: (w.filled("mb"), w.choose(1, 3, 20)),
    "wash": lambda w: (w.wash_bytes(),),
    "sync_wash": lambda w: (max(1, w.wash_bytes()),),
    "flush": lambda w: (w.choose(0, 1),),
    "set_priority": lambda w: (w.cache(), w.choose(1, 2, 10)),
    "set_hold_size": lambda w: (w.cache(), w.wash_bytes()),
    "hv_hold": lambda w: w.hold_version(),
    "hv_drop": lambda w: w.drop_version(),
    "node_alloc": lambda w: (w.fill("node"), w.node_bytes()),
    "node_free": lambda w: (w.empty("node"),),
    "la_alloc": lambda w: (w.fill("la"), LABEL_USER, w.object_bytes()),
    "la_free": lambda w: (w.empty("la"),),
    "set_limit": lambda w: (w.limit(),),
}

# Operations that belong together because of the slots they use.
_STORIES: dict[str, Callable[[Writer], None]] = {"share_retired": lambda w: w.share_retired()}


def scenario(name: str, seed: int, shape: Shape, roles: Sequence[Role], *, choices: Choices | None = None,
             setup: Role | None = None, setup_ops: int = 30, processes: int | None = None) -> Scenario:  # fmt: skip
    """Return the scenario of a seed: a configuration, a program for every thread, a set-up program.

    Threads take the roles in turn, starting with a drawn one; in one scenario of four all take the same, since many
    operations race themselves. One in four starts on an empty core, where what happens once is still to come. `choices`
    narrow the small configuration.
    """
    rng = Rng(seed).fork(name)
    config = draw_config(rng.fork("config"), shape, choices or {})
    first, step = rng.below(len(roles)), 0 if rng.chance(1, 4) else 1
    programs = tuple(
        Writer(rng.fork(f"thread{i}"), config).program(roles[(first + step * i) % len(roles)], shape.ops)
        for i in range(shape.threads)
    )
    filled = setup is not None and not rng.chance(1, 4)
    before = Writer(rng.fork("setup"), config).program(setup, setup_ops) if setup and filled else ()
    count = shape.shared if processes is None else processes
    return Scenario(
        suite=name,
        seed=seed,
        target="kvcache",
        params=config.params,
        programs=programs,
        setup=before,
        processes=count,
        shared_bytes=mapping_bytes(config.limit) if count else 0,
        check_every_ms=rng.pick((0, 1, 5)),
    )


def mapping_bytes(limit: int) -> int:
    """Bytes of the shared mapping: the core's full limit, and room for the allocator's tables and rounding."""
    return limit + limit // 8 + 16 * MIB
