"""What shrinking a finding gives, as `racewash shrink` and `racewash explore` print it."""

from __future__ import annotations

from dataclasses import dataclass

from harness.model.finding import Finding
from harness.model.output.common import Output


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseSize:
    """How large what shows a finding is: the scenario's threads, their operations, its set-up, and its schedule.

    `choices` that differ from the default order, `preemptions` among them; `faults`: those that are no choice of a
    thread, and entries of the fault plan. `parameters` of the configuration that are not left at their standard value.
    """

    threads: int
    operations: int
    setup: int
    preemptions: int
    choices: int
    faults: int
    parameters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShrunkFinding:
    """The smallest case found of a finding: sizes before and after, and how it is seen again.

    `tries`: executions; `whole` false: the time was over before nothing helped any more. `rate`: replays in fresh
    processes that showed it, of how many. `bundle` is null when it could not be written.
    """

    finding: Finding
    before: CaseSize
    after: CaseSize
    whole: bool
    tries: int
    seconds: float
    token: str
    bundle: str | None
    rate: tuple[int, int]
    story: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShrinkOutput(Output):
    """`racewash shrink`."""

    build: str
    suite: str
    shrunk: ShrunkFinding
    interrupted: bool
    notes: tuple[str, ...]
