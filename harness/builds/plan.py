"""Between a scenario and the driver's structures, and from what the driver leaves to an outcome."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

from cffi import FFI

from harness.builds.target import Target
from harness.model.fault import ALLOC, ANY, KINDS, STRIKES, Fault, FaultCounts, ProcessCounts, parse_plan
from harness.model.outcome import Outcome, Snapshot, Violation
from harness.model.problem import Problem
from harness.model.scenario import Program, Scenario

OTHER_CODES = "other"  # what the driver doesn't count one by one: negative codes, and those past its table
_KINDS = dict(zip(KINDS, (0, 1, 2, 10, 11, 12), strict=True))  # RW_FAULT_ALLOC, ...
STATUSES = ("done", "create-failed", "attach-failed", "child-died", "stopped", "system")


@contextmanager
def fitting(what: str) -> Iterator[None]:
    """Say in a sentence that `what` has a number too large, or too small, for the structure's field. Raises Problem."""
    try:
        yield
    except OverflowError as error:
        raise Problem(f"{what} has a number that doesn't fit its place: {error}") from error


class Plan:
    """An rw_plan of a scenario, with everything that it points to kept alive."""

    def __init__(self, ffi: FFI, target: Target, scenario: Scenario) -> None:
        self._ffi = ffi
        self._target = target
        self._kept: list[Any] = []
        self.struct = self._new("rw_plan *", None)
        if scenario.target != target.name:
            raise Problem(f"the scenario is for the target {scenario.target!r}; this library has {target.name!r}")
        with fitting("the scenario"):
            self._fill(scenario)

    def _fill(self, scenario: Scenario) -> None:
        plan = self.struct
        plan.params, plan.param_cnt = self._params(scenario.params)
        plan.thread_cnt = plan.program_cnt = len(scenario.programs)
        plan.programs = self._new("rw_program[]", [self._program(ops) for ops in scenario.programs])
        plan.setup = self._program(scenario.setup)
        plan.process_cnt = scenario.processes
        plan.rounds = scenario.rounds
        plan.shared_bytes = scenario.shared_bytes
        plan.check_every_ms = scenario.check_every_ms
        plan.faults, plan.fault_cnt = self._faults(scenario.faults)

    def _params(self, params: dict[str, int]) -> tuple[Any, int]:
        for name in params:
            if name not in self._target.params:
                known = ", ".join(self._target.params)
                raise Problem(f"the target {self._target.name} has no parameter {name!r}; it has: {known}")
        values = [(self._new("char[]", name.encode()), value) for name, value in params.items()]
        return self._new("rw_param[]", values), len(values)

    def _faults(self, texts: tuple[str, ...]) -> tuple[Any, int]:
        plan = parse_plan(texts)
        if any(fault.kind == ALLOC for fault in plan) and not self._target.sites:
            raise Problem(f"the target {self._target.name} has no allocations that can be made to fail")
        faults = [self._fault(fault) for fault in plan]
        return self._new("rw_fault[]", faults), len(faults)

    def _fault(self, fault: Fault) -> dict[str, Any]:
        file, line = fault.file_line
        if fault.site and not any(line == site.line and site.file.endswith(file) for site in self._target.sites):
            raise Problem(f"the fault '{fault}' names no place that allocates; `racewash list sites` prints them all")
        who = fault.process if fault.kind in STRIKES else fault.thread
        return {
            "kind": _KINDS[fault.kind],
            "thread": -2 if who is None else who,  # RW_ANY_THREAD
            "label": self._new("char[]", fault.label.encode()) if fault.label else self._ffi.NULL,
            "file": self._new("char[]", file.encode()) if file else self._ffi.NULL,
            "line": line,
            "skip": fault.skip,
            "every": fault.every,
            "budget": fault.budget,
            "chance": fault.chance,
            "seed": fault.seed,
            "jump": fault.jump,
            "steps": fault.steps,
            "hold": self._hold(fault),
            "ops": fault.ops,
            "within": fault.within,
            "room": fault.room,
        }

    def _hold(self, fault: Fault) -> int:
        if fault.holding == ANY:
            return -1  # RW_ANY_HOLD
        if fault.holding not in self._target.holds:
            known = ", ".join((*self._target.holds, ANY))
            raise Problem(
                f"the fault '{fault}' names nothing that a thread of {self._target.name} holds; it may be {known}"
            )
        return self._target.holds.index(fault.holding)

    def _program(self, program: Program) -> tuple[Any, int, int]:
        ops = []
        for op in program:
            known = self._target.ops.get(op.name)
            if known is None:
                raise Problem(f"the target {self._target.name} has no operation {op.name!r}")
            if len(op.args) != known.arg_cnt:
                raise Problem(f"the operation {op.name} takes {known.arg_cnt} arguments, not {len(op.args)}")
            ops.append((known.code, 0, op.args))
        return self._new("rw_op[]", ops), len(ops), 0

    def _new(self, kind: str, value: Any) -> Any:
        self._kept.append(self._ffi.new(kind, value))
        return self._kept[-1]


def read_outcome(ffi: FFI, target: Target, raw: Any, threads: int, cells: Any, cell_cnt: int) -> Outcome:
    """Decode an rw_outcome of so many threads, and the cells of its snapshot."""
    names = list(target.codes)[: len(raw.stats[0].codes) - 1]
    codes: Counter[str] = Counter()
    latency = [0] * len(raw.stats[0].latency)
    for i in range(threads):
        stats = raw.stats[i]
        for code, count in enumerate(ffi.unpack(stats.codes, len(stats.codes))):
            codes[names[code] if code < len(names) else OTHER_CODES] += count
        latency = [left + right for left, right in zip(latency, ffi.unpack(stats.latency, len(latency)), strict=True)]
    status = int(raw.status)
    return Outcome(
        status=STATUSES[status] if status < len(STATUSES) else f"status {status}",
        message=_text(ffi, raw.message),
        ops=int(raw.ops),
        seconds=raw.nanoseconds / 1e9,
        checks={name: int(raw.checks[i]) for i, name in enumerate(target.invariants)},
        violations=tuple(read_violation(ffi, raw.violations[i]) for i in range(raw.violation_cnt)),
        codes={name: count for name, count in codes.items() if count},
        latency=tuple(latency),
        snapshot=read_snapshot(ffi, cells, cell_cnt),
        faults=read_faults(target, raw.faults),
        processes=ProcessCounts(*(int(getattr(raw.processes, name.name)) for name in fields(ProcessCounts))),
    )


def read_faults(target: Target, raw: Any) -> FaultCounts:
    """Decode an rw_fault_counts."""
    sites, scopes = range(len(target.sites)), range(len(target.benign))
    return FaultCounts(
        points=int(raw.points),
        failed=int(raw.failed),
        hit=int(raw.hit),
        reached=tuple(int(raw.reached[i]) for i in sites),
        failing=tuple(int(raw.failing[i]) for i in sites),
        benign=tuple(int(raw.benign[i]) for i in scopes),
        met=tuple(int(raw.met[i]) for i in range(len(raw.met))),
        blocked=int(raw.blocked),
        unjudged=int(raw.unjudged),
    )


def read_violation(ffi: FFI, raw: Any) -> Violation:
    """Decode an rw_violation."""
    return Violation(
        id=_text(ffi, raw.id),
        text=_text(ffi, raw.text),
        file=_text(ffi, raw.file),
        line=int(raw.line),
        thread=int(raw.thread),
        count=int(raw.count),
    )


def read_snapshot(ffi: FFI, cells: Any, count: int) -> Snapshot:
    """Decode the cells of a snapshot."""
    snapshot: Snapshot = {}
    for i in range(count):
        cell = cells[i]
        names = snapshot.setdefault(_text(ffi, cell.group), {})
        names.setdefault(_text(ffi, cell.name), {})[_text(ffi, cell.field)] = int(cell.value)
    return snapshot


def _text(ffi: FFI, raw: Any) -> str:
    value = ffi.string(raw)
    return value.decode(errors="replace") if isinstance(value, bytes) else value
