"""The memory table as values: what was measured, beside what the pull request states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

MIN_MEMORY = 64 << 20  # bytes: the specification's least limit of a core
MAX_MEMORY = 1 << 40  # bytes: the largest limit that our core takes


@dataclass(frozen=True, slots=True)
class Bytes:
    """Bytes asked for and bytes taken from the system."""

    used: int
    hold: int

    @property
    def ratio(self) -> float:
        """Used / hold; 1.0 when nothing is held."""
        return self.used / self.hold if self.hold else 1.0


@dataclass(frozen=True, slots=True)
class Stated:
    """What the pull request says of a label, in its own words."""

    before: str
    after: str


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One accounting label at cold start; `part_of` names the label whose figure contains this one."""

    label: str
    before: Bytes
    after: Bytes
    pull_request: Stated | None = None
    part_of: str | None = None


@dataclass(frozen=True, slots=True)
class TotalRow:
    """A sum of labels, or what the allocator took in chunks (there `used` is what the labels hold)."""

    name: str
    before: Bytes
    after: Bytes
    pull_request: Stated | None = None


@dataclass(frozen=True, slots=True)
class AloneRow:
    """One optimisation alone: its label and the total, all other parts in the layout before."""

    part: str
    label: str
    before: Bytes
    after: Bytes
    total_before: Bytes
    total_after: Bytes


@dataclass(frozen=True, slots=True)
class BucketRow:
    """CACHE_MAP_BKT with a number of buckets on each side; totals are of the whole layouts."""

    name: str
    buckets_before: int
    buckets_after: int
    before: Bytes
    after: Bytes
    total_before: Bytes
    total_after: Bytes


@dataclass(frozen=True, slots=True)
class NodeRow:
    """CACHE_MAP_NODE with so many instances of one pair each."""

    instances: int
    before: Bytes
    after: Bytes


@dataclass(frozen=True, slots=True)
class GrowthPoint:
    """CACHE_MB_HANDLE after `count` blocks or supplies; `step`: bytes of hold more than at the point before."""

    count: int
    handles: int
    used: int
    hold: int
    step: int


@dataclass(frozen=True, slots=True)
class WashFigures:
    """KvstCachWashStr at rest, and its peak while a wash of `bytes` ran."""

    bytes: int
    rest_before: Bytes
    rest_after: Bytes
    peak_before: Bytes
    peak_after: Bytes


@dataclass(frozen=True, slots=True)
class DatabaseFigures:
    """Figures of the real database, measured at one memory limit. Bytes, but for handles and buckets.

    `node_bytes` are the node allocators of all caches that have a block, `node_block` one block of theirs; both are
    also what the database says in SQL.
    """

    version: str
    memory_limit: int
    max_handles: int
    handle: int
    handles_and_slots: int
    pool_slots: int
    supplied: int
    block: int
    buckets: int
    caches: int
    node_block: int
    node_bytes: int
    node_bytes_sql: int


@dataclass(frozen=True, slots=True)
class AgainstRow:
    """A figure (bytes, or a number) of our core in the layout before, and the same of the real database."""

    name: str
    core: int
    database: int


@dataclass(frozen=True, slots=True)
class Against:
    """The real database at its own memory limit; every figure is measured."""

    name: str
    memory: int
    rows: tuple[AgainstRow, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Everything that `racewash table` measures."""

    memory: int
    layout: str
    instances: int
    buckets_before: int
    buckets_after: int
    labels: tuple[LabelRow, ...]
    totals: tuple[TotalRow, ...]
    alone: tuple[AloneRow, ...]
    buckets: tuple[BucketRow, ...]
    nodes: tuple[NodeRow, ...]
    growth: tuple[GrowthPoint, ...]
    supplies: tuple[GrowthPoint, ...]
    wash: WashFigures
    source: str
    against: Against | None = None

    def label(self, name: str) -> LabelRow:
        """Return a label's row. Raises KeyError when it was not measured."""
        for row in self.labels:
            if row.label == name:
                return row
        raise KeyError(name)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        data: dict[str, Any] = msgspec.to_builtins(self)
        return data
