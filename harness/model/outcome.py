"""What came of executions: figures of one, and of a suite's many."""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.model.fault import NO_COUNTS, NO_PROCESSES, FaultCounts, ProcessCounts
from harness.model.finding import Finding

Snapshot = dict[str, dict[str, dict[str, int]]]  # group -> name -> field -> value


@dataclass(frozen=True, slots=True)
class Violation:
    """One invariant found broken, as the target's check recorded it."""

    id: str
    text: str
    file: str
    line: int
    thread: int
    count: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """One execution: operations done, seconds from the barrier to the last thread's end, checks made, what broke."""

    status: str  # done, create-failed, attach-failed, child-died, stopped, system
    message: str
    ops: int
    seconds: float
    checks: dict[str, int]
    violations: tuple[Violation, ...]
    codes: dict[str, int]  # operations by return code
    latency: tuple[int, ...]  # sampled operations by floor(log2(ns))
    snapshot: Snapshot = field(default_factory=dict)
    faults: FaultCounts = NO_COUNTS
    processes: ProcessCounts = NO_PROCESSES


@dataclass(slots=True)
class SuiteResult:
    """A suite's part of a run, summed over executions and workers."""

    name: str
    executions: int = 0
    operations: int = 0
    seconds: float = 0.0
    invariants: dict[str, int] = field(default_factory=dict)  # id -> checks made
    codes: dict[str, int] = field(default_factory=dict)
    latency: list[int] = field(default_factory=list)
    peak_rss: int = 0  # bytes, the largest worker
    processes: ProcessCounts = NO_PROCESSES  # what plans did to them
    findings: list[Finding] = field(default_factory=list)

    @property
    def operations_per_second(self) -> float:
        """Operations a second of threads' running time; 0.0 before the first."""
        return self.operations / self.seconds if self.seconds else 0.0
