"""What the outputs of all commands have in common, and a suite's part of those that execute."""

from __future__ import annotations

from dataclasses import dataclass

from harness.model.outcome import SuiteResult


@dataclass(frozen=True, kw_only=True)  # without slots: TableOutput has a second base that has some
class Output:
    """What all have in common."""

    command: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteFigures:
    """One suite's part of a run; `invariants`: checks made, by id."""

    name: str
    executions: int
    operations: int
    operations_per_second: float
    invariants: dict[str, int]


def suite_figures(suite: SuiteResult) -> SuiteFigures:
    """Return what a suite's part of a run or an exploration says of itself."""
    return SuiteFigures(
        name=suite.name,
        executions=suite.executions,
        operations=suite.operations,
        operations_per_second=suite.operations_per_second,
        invariants=suite.invariants,
    )
