"""What `racewash replay` prints with --json."""

from __future__ import annotations

from dataclasses import dataclass

from harness.model.finding import Finding
from harness.model.output.common import Output


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """Where a replay first left what was recorded, in a sentence; `step` is null when it isn't known."""

    step: int | None
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOutput(Output):
    """`racewash replay`: `rate` is how often the finding was seen, of how many tries.

    `recorded` is the build that showed it, `same_build` whether this one is the same. `findings` are all that were
    seen, the one looked for among them when `reproduced`. `trace` and `state` (where each thread stands at a step) are
    null unless they were asked for.
    """

    build: str
    recorded: str
    same_build: bool
    suite: str
    seed: int | None
    strategy: str
    memory_model: str
    fingerprint: str
    reproduced: bool
    rate: tuple[int, int]
    diverged: Divergence | None
    findings: tuple[Finding, ...]
    trace: tuple[str, ...] | None
    state: tuple[str, ...] | None
    notes: tuple[str, ...]
