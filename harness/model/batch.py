"""What a batch of scheduled executions brings: figures, what was seen, and the events of a traced execution."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from harness.model.fault import NO_COUNTS, FaultCounts
from harness.model.history import Done
from harness.model.schedule import NO_CALIBRATION, Calibration, Choice

DONE, BAD_REQUEST, NO_MEMORY, DIVERGED, STOPPED = "done", "bad-request", "no-memory", "diverged", "stopped"
DIED = "died"  # of a batch whose process has ended: what it left of the execution under way


@dataclass(frozen=True, slots=True)
class Stack:
    """Return addresses, innermost first, as offsets in the library's file (0: outside of it).

    `what` says what was done there; `thread` is the index of a program, -1 the thread that creates and checks.
    """

    what: str
    thread: int
    pcs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Observation:
    """What the runtime saw in one execution or more, not yet symbolised. `kind`: a kind of harness.model.finding.

    `name` is the runtime's own, finer word. `confirmed`: replaying the choices has shown it again.
    """

    kind: str
    name: str
    message: str
    invariant: str
    file: str
    line: int
    seed: int
    step: int
    address: int
    count: int
    confirmed: bool
    choices: tuple[Choice, ...]
    trace_hash: int
    strategy: str
    calibration: Calibration
    stacks: tuple[Stack, ...]
    model: str = ""  # of operations that have no sequential order, and those operations
    window: tuple[Done, ...] = ()
    window_left: int = 0  # further ones


class Event(NamedTuple):
    """One point of a traced execution. `chosen`: the thread was switched to just before."""

    step: int
    thread: int
    kind: str
    size: int
    chosen: bool
    address: int
    value: int
    pc: int


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch at its end. Counts are sums over its executions; see rs_result in native/sched/sched_api.h."""

    status: str
    message: str
    observations: tuple[Observation, ...] = ()
    executions: int = 0
    finding_total: int = 0  # executions with a finding
    distinct: int = 0
    distinct_full: bool = False
    exhausted: bool = False
    points: dict[str, int] = field(default_factory=dict)  # by kind
    decisions: int = 0
    switches: int = 0
    preemptions: int = 0
    max_steps: int = 0
    bounded: int = 0
    demotions: int = 0
    plain_accesses: int = 0
    foreign_accesses: int = 0
    shared_words: int = 0
    unseen: int = 0
    coverage: int = 0
    thread_max: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0  # of the thread that ran it
    checks: dict[str, int] = field(default_factory=dict)  # by invariant
    operations: int = 0
    judged: int = 0  # histories that were found to have an order, or none
    undecided: int = 0
    trace_hash: int = 0
    batch_hash: int = 0
    calibration: Calibration = NO_CALIBRATION
    memory_model: str = ""
    diverged_at: int = -1
    choices: tuple[Choice, ...] = ()
    events: tuple[Event, ...] = ()
    event_count: int = 0
    history: tuple[Done, ...] = ()  # of the last execution, when asked for
    faults: FaultCounts = NO_COUNTS  # of plans with faults
    hashes: bytes = b""  # a trace hash for each seed, 8 bytes little-endian

    @property
    def findings(self) -> list[Observation]:
        """The observations that are findings."""
        return [seen for seen in self.observations if seen.kind]

    @property
    def obstacle(self) -> str:
        """Why an execution could not be made at all, empty when each could."""
        return next((f"({seen.name}): {seen.message}" for seen in self.observations if not seen.kind), "")
