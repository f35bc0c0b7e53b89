"""What `racewash run` prints with --json."""

from __future__ import annotations

from dataclasses import dataclass

from harness.model.finding import Finding
from harness.model.output.common import Output, SuiteFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutput(Output):
    """`racewash run`: `executions` over all suites, `again` the command that runs the same scenarios once more.

    `memory_model` says whose reorderings were met, `controlled` what the seed decides, `canary` whether the sanitizer
    reported the defect planted for it (null: no sanitizer), `notes` what did not go as asked, `path` the run's folder;
    `stored` is false when its run.json could not be written there.
    """

    build: str
    target: str
    sanitizer: str
    layout: str
    memory: int | None
    threads: int
    processes: int
    shared: int
    seed: int
    executions: int
    seconds: float
    suites: tuple[SuiteFigures, ...]
    findings: tuple[Finding, ...]
    memory_model: str
    controlled: tuple[str, ...]
    canary: bool | None
    interrupted: bool
    notes: tuple[str, ...]
    path: str
    again: str
    stored: bool = True
