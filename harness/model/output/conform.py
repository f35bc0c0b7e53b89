"""What `racewash conform` prints with --json."""

from __future__ import annotations

from dataclasses import dataclass

from harness.model.output.common import Output


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs between the database and our core, and the shortest sequence found that shows it.

    `what` names the number, or says that the database's process died; `operation` is the last of the sequence.
    """

    what: str
    operation: str
    database: int
    core: int
    max_handles: int
    sequence: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConformOutput(Output):
    """`racewash conform`: `differences` are those that are not declared."""

    build: str
    seed: int
    sequences: int
    steps: int
    seconds: float
    differences: tuple[Difference, ...]
