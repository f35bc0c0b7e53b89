"""What `racewash sweep` prints with --json."""

from __future__ import annotations

from dataclasses import dataclass

from harness.model.finding import Finding
from harness.model.output.common import Output, SuiteFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepFigures:
    """One suite, layout and mode of a sweep: fault points counted and made to fail; `complete`: all of them.

    Of threads that stop also what they hold. `hit`: executions with a fault; `blocked`: in which all others waited for
    what a thread held that was stopped for ever, `unjudged`: in which only the judgement at the end would have.
    """

    suite: str
    layout: str
    mode: str
    points: int
    swept: int
    complete: bool
    executions: int
    holding: str = ""
    hit: int = 0
    blocked: int = 0
    unjudged: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockedFigures:
    """A thread stopped for ever, what it held, and in how many executions all others waited for it: as they should."""

    holder: str
    executions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteFigures:
    """A place that allocates (FILE:LINE); `core`: of the core, not of its adapter."""

    site: str
    function: str
    core: bool
    reached: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BenignFigures:
    """A scope that may keep silent about a failure in `function`, and how often it did; `op` empty: any operation."""

    op: str
    function: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepOutput(Output):
    """`racewash sweep`: `sites` is the coverage table, `never_failed` those of the core in it that never failed.

    `complete`: every fault point of every sweep was made to fail; else --resume goes on. `resumed`: executions of
    earlier parts, whose coverage and findings are included.
    """

    build: str
    target: str
    fault: str
    strategy: str
    layouts: tuple[str, ...]
    threads: int
    ops: int
    jobs: int
    seed: int
    schedules: int
    executions: int
    seconds: float
    suites: tuple[SuiteFigures, ...]
    sweeps: tuple[SweepFigures, ...]
    sites: tuple[SiteFigures, ...]
    never_failed: tuple[str, ...]
    benign: tuple[BenignFigures, ...]
    blocked: tuple[BlockedFigures, ...]
    findings: tuple[Finding, ...]
    memory_model: str
    controlled: tuple[str, ...]
    canary: bool | None
    complete: bool
    resumed: int
    interrupted: bool
    notes: tuple[str, ...]
    path: str
    again: str
    stored: bool = True
