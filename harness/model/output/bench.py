"""What `racewash bench` prints with --json."""

from __future__ import annotations

from dataclasses import dataclass

from harness.model.output.common import Output


@dataclass(frozen=True, slots=True)
class Ratio:
    """One figure beside its aim; `low` and `high` are the extremes of the rounds whose median `value` is."""

    name: str
    value: float
    aim: str
    reached: bool
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A figure of another tool, measured on another machine: for orientation, in no ratio."""

    workload: str
    what: str
    tool: str
    value: float
    machine: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """A speed of the scheduled runtime: the median of the rounds. `aim` and `reached` are null where none is stated."""

    workload: str
    what: str
    value: float
    aim: float | None
    reached: bool | None
    low: float
    high: float
    references: tuple[Reference, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerMemory:
    """Peak resident bytes of a worker of one build, whose core had `limit`."""

    build: str
    peak_rss: int
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchOutput(Output):
    """`racewash bench`."""

    build: str
    ratios: tuple[Ratio, ...]
    workers: tuple[WorkerMemory, ...]
    speeds: tuple[Speed, ...]
