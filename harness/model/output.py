"""What every command prints with --json: one dataclass a command, made by it, and checked by `decode` in tests.

A value absent from the output is null, never left out; `build` is the identity of the library that was used.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from harness.model.documents import Defect, Invariant
from harness.model.finding import Finding
from harness.model.memory import Table


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


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutput(Output):
    """`racewash run`: `executions` over all suites, `again` the command that runs the same scenarios once more.

    `memory_model` says whose reorderings were met, `controlled` what the seed decides, `canary` whether the sanitizer
    reported the defect planted for it (null: no sanitizer), `notes` what did not go as asked, `path` the run's folder.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class TableOutput(Output, Table):
    """`racewash table`: the table itself beside the common fields."""

    build: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteLine:
    """An installed suite."""

    name: str
    purpose: str
    invariants: tuple[str, ...]
    modes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOutput(Output):
    """`racewash list`: the topics that were not asked for are null."""

    suites: tuple[SuiteLine, ...] | None = None
    defects: tuple[Defect, ...] | None = None
    invariants: tuple[Invariant, ...] | None = None
    findings: tuple[Finding, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that racewash can use: `fix` says in one sentence what to do where it is missing, else null."""

    name: str
    ok: bool
    fix: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorOutput(Output):
    """`racewash doctor`."""

    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOutput(Output):
    """`racewash report`: the run's folder and the page written."""

    run: str
    output: str


@dataclass(frozen=True, slots=True)
class Ratio:
    """One figure beside its aim; `low` and `high` are the extremes of the rounds whose median `value` is."""

    name: str
    value: float
    aim: str
    reached: bool
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerMemory:
    """Peak resident bytes of a worker of one build, whose core had `limit`."""

    build: str
    peak_rss: int
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchOutput(Output):
    """`racewash bench`."""

    build: str
    ratios: tuple[Ratio, ...]
    workers: tuple[WorkerMemory, ...]


OUTPUTS: dict[str, type[Output]] = {
    "run": RunOutput,
    "table": TableOutput,
    "list": ListOutput,
    "doctor": DoctorOutput,
    "report": ReportOutput,
    "bench": BenchOutput,
}


def decode(text: bytes | str) -> Output:
    """Decode what a command printed. Raises ValueError when it is not exactly what its dataclass says.

    >>> decode('{"command": "report", "version": "1", "run": "a", "output": "b"}').run
    'a'
    """
    plain = msgspec.json.decode(text)
    kind = OUTPUTS.get(str(plain.get("command"))) if isinstance(plain, dict) else None
    if kind is None:
        raise ValueError("no output of a command of racewash")
    output = msgspec.convert(plain, kind, strict=True)
    if msgspec.json.decode(msgspec.json.encode(output)) != plain:
        raise ValueError(f"the output of {kind.__name__} has fields that it does not state")
    return output
