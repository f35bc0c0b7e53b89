"""Measure the memory table: run scenarios on the real core and read its label accounts."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from harness.model.layout import AFTER, BEFORE, PARTS, Layout
from harness.model.memory import (
    MIN_MEMORY,
    AloneRow,
    BucketRow,
    Bytes,
    GrowthPoint,
    LabelRow,
    NodeRow,
    Table,
    TotalRow,
    WashFigures,
)
from harness.model.outcome import Outcome, Snapshot
from harness.model.problem import Problem
from harness.model.scenario import Op, Program, Scenario
from harness.table.stated import stated

MIB = 1 << 20
BUCKETS_BEFORE, BUCKETS_AFTER = 786_433, 196_613
COLD_INSTANCES, MANY_INSTANCES = 13, 32
SUPPLY = 128  # handles a supply, as the store asks for
BLOCK_HANDLES = (8192 - 256) // 128  # what the growth curve asks for at a time; its steps show that it is one block
GROWTH_BLOCKS, GROWTH_SUPPLIES = 12, 5
FEW_BUCKETS = 5  # where the buckets are not what is measured
ROOM = 256 * MIB  # limit of the rows that need more blocks than a small memory has room for

NODE, BKT, HANDLE, WASH = "CACHE_MAP_NODE", "CACHE_MAP_BKT", "CACHE_MB_HANDLE", "KvstCachWashStr"
LABEL_OF_PART = {"buckets": BKT, "handles": HANDLE, "nodes": NODE, "wash": WASH}
PART_LABELS = (NODE, BKT, HANDLE, WASH)
NOT_METADATA = ("KVSTORE_CACHE", "USER")  # the pairs themselves, and what programs allocate
POOL_SLOTS = "handle pool slots"


class Executor(Protocol):
    """What is needed of a loaded build."""

    def execute(self, scenario: Scenario) -> Outcome:
        """Run one execution."""
        ...


def measure(library: Executor, memory: int, buckets: int | None = None, layout: Layout = AFTER) -> Table:
    """Measure the layout before the pull request against `layout`.

    `buckets` replaces both bucket counts. Raises Problem when memory is below the minimum or the core can't be created.
    """
    if memory < MIN_MEMORY:
        raise Problem(f"--memory {memory} is below the core's minimum of {MIN_MEMORY} bytes (64M)")
    if buckets is not None and buckets < 1:
        raise Problem(f"--buckets {buckets} must be at least 1")
    return _Measurement(library, memory, buckets or BUCKETS_BEFORE, buckets or BUCKETS_AFTER, layout).table()


class _Measurement:
    """One memory size on one library; snapshots of equal scenarios are taken once."""

    def __init__(self, library: Executor, memory: int, many: int, few: int, layout: Layout) -> None:
        self._library = library
        self._memory = memory
        self._many, self._few = many, few
        self._layout = layout
        self._seen: dict[str, Snapshot] = {}

    def table(self) -> Table:
        source, by_label, total = stated()
        before, after = self._cold(BEFORE, self._many), self._cold(self._layout, self._few)
        names = [*PART_LABELS, *(name for name in before["labels"] if name not in (*PART_LABELS, *NOT_METADATA))]
        labels = [LabelRow(name, _label(before, name), _label(after, name), by_label.get(name)) for name in names]
        slots = LabelRow(POOL_SLOTS, _slots(before), _slots(after), part_of=HANDLE)
        labels.insert(names.index(HANDLE) + 1, slots)
        totals = (
            TotalRow("the four labels", _total(before, PART_LABELS), _total(after, PART_LABELS), total),
            TotalRow("all metadata labels", _total(before), _total(after)),
        )
        return Table(
            memory=self._memory,
            layout=str(self._layout),
            instances=COLD_INSTANCES,
            buckets_before=self._many,
            buckets_after=self._few,
            labels=tuple(labels),
            totals=totals,
            alone=tuple(self._alone(part) for part in PARTS),
            buckets=self._bucket_rows(),
            nodes=tuple(self._nodes(count) for count in (COLD_INSTANCES, MANY_INSTANCES)),
            growth=self._growth(),
            supplies=self._supplies(),
            wash=self._wash(),
            source=source,
        )

    # ---- rows ----

    def _alone(self, part: str) -> AloneRow:
        """One part after, the others before; bucket count as before."""
        before = self._cold(BEFORE, self._many)
        after = self._cold(replace(BEFORE, **{part: 1}), self._many)
        name = LABEL_OF_PART[part]
        return AloneRow(part, name, _label(before, name), _label(after, name), _total(before), _total(after))

    def _bucket_rows(self) -> tuple[BucketRow, ...]:
        cases = [("layout alone", self._many, self._many)]
        if self._few != self._many:
            cases.append(("layout alone", self._few, self._few))
            cases.append(("layout and count", self._many, self._few))
        rows = []
        for name, left, right in cases:
            before, after = self._cold(BEFORE, left), self._cold(self._layout, right)
            rows.append(
                BucketRow(name, left, right, _label(before, BKT), _label(after, BKT), _total(before), _total(after))
            )
        return tuple(rows)

    def _nodes(self, instances: int) -> NodeRow:
        limit = max(self._memory, ROOM)
        before, after = (
            self._run(layout, FEW_BUCKETS, _one_pair_each(instances), limit) for layout in (BEFORE, self._layout)
        )
        return NodeRow(instances, _label(before, NODE), _label(after, NODE))

    def _growth(self) -> tuple[GrowthPoint, ...]:
        """The label after each block: nothing, then one more block at a time."""
        wanted = [blocks * BLOCK_HANDLES for blocks in range(GROWTH_BLOCKS + 1)]
        return self._curve([(count, end, (Op("ensure", (0, end)),)) for count, end in enumerate(wanted)])

    def _supplies(self) -> tuple[GrowthPoint, ...]:
        """The label after each supply, as the store makes them."""
        programs = [(count, count * SUPPLY, (Op("supply", (SUPPLY,)),) * count) for count in range(GROWTH_SUPPLIES + 1)]
        return self._curve(programs)

    def _curve(self, programs: list[tuple[int, int, Program]]) -> tuple[GrowthPoint, ...]:
        points: list[GrowthPoint] = []
        for count, handles, program in programs:
            figures = _label(self._run(self._layout, FEW_BUCKETS, program), HANDLE)
            step = figures.hold - points[-1].hold if points else 0
            points.append(GrowthPoint(count, handles, figures.used, figures.hold, step))
        return tuple(points)

    def _wash(self) -> WashFigures:
        """A wash of a tenth of the memory, the most that the policy asks for while the cache is within its limit."""
        size = self._memory // 10
        wash = (*_one_pair_each(1), Op("wash", (size,)))
        before, after = (self._run(layout, FEW_BUCKETS, wash) for layout in (BEFORE, self._layout))
        return WashFigures(
            size, _label(before, WASH), _label(after, WASH), _label(before, WASH, "peak_"), _label(after, WASH, "peak_")
        )

    # ---- executions ----

    def _cold(self, layout: Layout, buckets: int) -> Snapshot:
        """A core just started, with one pair in each instance."""
        return self._run(layout, buckets, _one_pair_each(COLD_INSTANCES))

    def _run(self, layout: Layout, buckets: int, program: Program, limit: int | None = None) -> Snapshot:
        params = {
            "memory_limit": limit or self._memory,
            "max_cache_size": self._memory,
            "bucket_num": buckets,
            **layout.params(),
        }
        scenario = Scenario("table", 0, "kvcache", params, programs=((Op("traverse"), *program),))
        if scenario.digest not in self._seen:
            outcome = self._library.execute(scenario)
            self._seen[scenario.digest] = _checked(outcome, self._memory)
        return self._seen[scenario.digest]


def _one_pair_each(instances: int) -> Program:
    return tuple(Op("put", (cache, 0, 64)) for cache in range(instances))


def _checked(outcome: Outcome, memory: int) -> Snapshot:
    """A figure counts only when the core was made, did all it was asked for, and is consistent with itself."""
    if outcome.status == "create-failed":
        raise Problem(f"the core can't be created with {memory} bytes: {outcome.message}")
    if outcome.status != "done":
        raise RuntimeError(f"measuring ended as {outcome.status}: {outcome.message}")
    if len([code for code, count in outcome.codes.items() if count]) > 1:
        raise Problem(f"{memory} bytes have no room for what is measured: operations ended as {outcome.codes}")
    if outcome.violations:
        first = outcome.violations[0]
        raise RuntimeError(f"the measured core broke {first.id}: {first.text}")
    return outcome.snapshot


def _label(snapshot: Snapshot, name: str, prefix: str = "") -> Bytes:
    account = snapshot["labels"][name]
    return Bytes(account[f"{prefix}used"], account[f"{prefix}hold"])


def _slots(snapshot: Snapshot) -> Bytes:
    part = snapshot["handles"]["pool_slots"]
    return Bytes(part["used"], part["hold"])


def _total(snapshot: Snapshot, names: tuple[str, ...] | None = None) -> Bytes:
    chosen = names or tuple(name for name in snapshot["labels"] if name not in NOT_METADATA)
    parts = [_label(snapshot, name) for name in chosen]
    return Bytes(sum(part.used for part in parts), sum(part.hold for part in parts))
