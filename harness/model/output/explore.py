"""What `racewash explore` prints with --json."""

from __future__ import annotations

from dataclasses import dataclass

from harness.model.finding import Finding
from harness.model.output.common import Output, SuiteFigures
from harness.model.output.shrink import ShrunkFinding


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """What the scheduled runtime controlled, over all executions.

    `points` by kind: where it could act; `decisions`: where more than one outcome was possible. `distinct`: different
    schedules, at least: of each scenario the batch with most, added up. `coverage`: different reads-from pairs.
    `plain_accesses`: reads and writes that were no points. `shared_words`: words that two threads touched with nothing
    between them that orders them; `foreign_accesses`: of memory that is not judged; `unseen`: calls that went to the
    system. `exhausted` of `batches` saw every schedule of their scenario, up to `preemption_bound` (-1: without a
    bound). `bounded`: executions in which fairness was forced, `demotions`: spinning threads put back. `threads` and
    `max_steps`: the most of one execution. `judged`: histories held against sequential models; `undecided`: those that
    were too long or too entangled.
    """

    points: dict[str, int]
    threads: int
    decisions: int
    switches: int
    preemptions: int
    distinct: int
    coverage: int
    plain_accesses: int
    shared_words: int
    foreign_accesses: int
    unseen: int
    bounded: int
    demotions: int
    max_steps: int
    batches: int
    exhausted: int
    preemption_bound: int = -1
    judged: int = 0
    undecided: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfCheck:
    """Seeds run twice in different processes: how many, and of how many the two trace hashes differed.

    `divergences`: for the first of them, the first event that differed, and its cause.
    """

    seeds: int
    different: int
    divergences: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExploreOutput(Output):
    """`racewash explore`: as `run`, but the interleaving too is the seed's, and `control` says what that means.

    `canary`: whether the race planted for the runtime was found. `self_check` is null unless it was asked for.
    """

    build: str
    target: str
    strategy: str
    layout: str
    threads: int
    ops: int
    jobs: int
    seed: int
    executions: int
    seconds: float
    suites: tuple[SuiteFigures, ...]
    findings: tuple[Finding, ...]
    memory_model: str
    controlled: tuple[str, ...]
    control: Control
    canary: bool | None
    self_check: SelfCheck | None
    shrunk: tuple[ShrunkFinding, ...]
    interrupted: bool
    notes: tuple[str, ...]
    path: str
    again: str
    stored: bool = True
