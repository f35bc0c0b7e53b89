"""Runs one sequence of operations on the database's store and on our core, and finds the first number that differs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.builds import Library
from harness.builds.plan import Plan
from harness.model.problem import Problem
from harness.model.scenario import Op, Scenario

_HEAD, _HANDLE, _MOST_HANDLES = 64, 13, 512  # numbers of a record, at most
_TEXT = 300


@dataclass(frozen=True, slots=True)
class Found:
    """Where two runs part: after which step, in what, and what each side has there."""

    step: int
    what: str
    database: int
    core: int

    @property
    def field(self) -> str:
        """What differs, without the number of the handle or cache."""
        return self.what.split(" ", 1)[0]


class Pair:
    """The database's store and our core, each made anew for each sequence."""

    def __init__(self, database: Library, core: Library, steps: int) -> None:
        self._sides = (database, core)
        self._room = steps * (_HEAD + _HANDLE * _MOST_HANDLES)
        self._out = tuple(side.ffi.new("int64_t[]", self._room) for side in self._sides)

    def compare(self, ops: Sequence[Op], max_handles: int) -> Found | None:
        """Run a sequence on both; None when no number differs after any step."""
        core = self._sides[1]
        (steps, length), other = (
            _run(side, ops, max_handles, out, self._room) for side, out in zip(self._sides, self._out, strict=True)
        )
        if (steps, length) != other:
            raise RuntimeError(f"{steps} records of {length} numbers beside {other[0]} of {other[1]}")
        at = int(core.lib.rw_conform_compare(self._out[0], self._out[1], steps, length))
        if at < 0:
            return None
        said = core.ffi.new("char[]", _TEXT)
        core.lib.rw_conform_name(at % length, said, _TEXT)
        return Found(at // length, _text(core, said), int(self._out[0][at]), int(self._out[1][at]))


def _run(side: Library, ops: Sequence[Op], max_handles: int, out: Any, room: int) -> tuple[int, int]:
    scenario = Scenario("conform", 0, side.target.name, {"max_handles": max_handles}, (tuple(ops),))
    plan = Plan(side.ffi, side.target, scenario)
    program = plan.struct.programs[0]
    length, said = side.ffi.new("int64_t *"), side.ffi.new("char[]", _TEXT)
    steps = int(side.lib.rw_conform_run(side.table, plan.struct.params, plan.struct.param_cnt, program.ops,
                                        program.op_cnt, out, room, length, said, _TEXT))  # fmt: skip
    if steps < 0:
        raise Problem(f"a sequence can't be run on {side.target.name}: {_text(side, said)}")
    return steps, int(length[0])


def _text(side: Library, said: Any) -> str:
    value = side.ffi.string(said)
    return value.decode() if isinstance(value, bytes) else value
