"""What is asked of a replay, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.builds import Build
from harness.model.finding import Finding
from harness.model.output.replay import Divergence
from harness.repro.resolve import Recorded

HANG_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """What is replayed: a token or a bundle's folder. `times` 0: a few, more on another build than recorded.

    `until`: tell where each thread stands at this step. `gdb`, `rr`: stop there, or at the failing step, in the
    debugger.
    """

    given: str
    times: int = 0
    trace: bool = False
    store: Path = Path(".racewash")
    hang_after: float = HANG_SECONDS
    patches: tuple[Path, ...] = ()
    until: int | None = None
    gdb: bool = False
    rr: bool = False


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """How often what was recorded was seen (`seen` of `tries`), and all that was seen.

    `state`: each thread's place at the step asked for, as lines.
    """

    recorded: Recorded
    build: Build
    same_build: bool
    seen: int
    tries: int
    diverged: Divergence | None
    findings: tuple[Finding, ...]
    trace: tuple[str, ...] | None
    notes: tuple[str, ...]
    state: tuple[str, ...] | None = None
