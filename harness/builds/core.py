"""A created core on which single operations are run from Python, one after another, each judged as it ends."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from harness.builds.build import get_build
from harness.builds.library import Library, load
from harness.builds.opened import plain
from harness.builds.plan import Plan, read_snapshot, read_violation
from harness.builds.target import INSTANT, QUIESCENT
from harness.model.layout import AFTER, Layout
from harness.model.outcome import Snapshot, Violation
from harness.model.problem import Problem
from harness.model.scenario import Scenario

_MIB = 1 << 20
# Few of everything, so that creating and judging it takes no time, but room for some hundred pairs.
SMALL: Mapping[str, int] = {
    "memory_limit": 64 * _MIB, "max_cache_size": 64 * _MIB, "max_threads": 16, "qclock_slots": 64, "station_slots": 4,
    "max_handles": 64, "handles_per_block": 4, "supply_num": 8, "retire_limit": 2, "block_size": 8192,
    "bucket_num": 13, "bucket_size": 4, "lock_stripes": 5, "hv_slots": 8, "hv_waiting": 4, "node_block_size": 2048,
}  # fmt: skip
_TEXT, _MAX_VIOLATIONS, _MAX_CELLS = 512, 64, 4096


@functools.cache
def _library(patches: tuple[Path, ...]) -> Library:
    """The library of these patches, looked for once: there may be thousands of cores in one process."""
    return load(get_build("native", patches))


class Violated(AssertionError):
    """An invariant or the contract of an operation was found broken; the message says what was met."""

    def __init__(self, after: str, violations: Sequence[Violation]) -> None:
        self.violations = tuple(violations)
        told = "; ".join(f"{one.id}: {one.text} ({one.file}:{one.line})" for one in violations)
        super().__init__(f"{after}: {told}")


class Core:
    """A core, and contexts of threads that use it.

    Think of each context as a thread that stands still between two of its operations: what one holds (a pin, a block, a
    hazard version) is held while another one works. All of them are run by the Python thread that calls. `params` are
    the target's creation parameters by name, over those of a small core; `patches` are applied to the C sources first.
    A crash of the core is one of this process.

    >>> with Core({"bucket_num": 5}) as core:
    ...     core.run("put", 0, 7, 100), core.run("get", 0, 7), core.run("get", 0, 8)
    ('OK', 'OK', 'NOT_FOUND')
    """

    def __init__(
        self, params: Mapping[str, int] | None = None, *, layout: Layout = AFTER, patches: Sequence[Path] = ()
    ) -> None:
        self._open = False
        library = _library(tuple(patches))
        self._ffi, self._table = library.ffi, library.table
        self._threads: dict[int, Any] = {}
        self.target = library.target
        self.params = {**SMALL, **layout.params(), **(params or {})}
        plan = Plan(self._ffi, self.target, Scenario("core", 0, self.target.name, self.params, programs=((),)))
        said: Any = self._ffi.new("char[]", _TEXT)
        self._core = self._table.create(plan.struct.params, plan.struct.param_cnt, 0, said, _TEXT)
        if self._core == self._ffi.NULL:
            raise Problem(f"the core can't be created: {plain(self._ffi, said)}")
        self._open = True

    def run(self, name: str, *args: int, thread: int = 0) -> str:
        """Run an operation in a thread's context and return the name of its return code. Raises Violated."""
        known = self.target.ops.get(name)
        if known is None:
            raise Problem(
                f"the target {self.target.name} has no operation {name!r}; it has {', '.join(self.target.ops)}"
            )
        if len(args) != known.arg_cnt:
            raise Problem(f"the operation {name} takes {known.arg_cnt} arguments ({', '.join(known.args)}), "
                          f"not {len(args)}")  # fmt: skip
        try:
            op = self._ffi.new("rw_op *", (known.code, 0, args))
        except OverflowError as error:
            raise Problem(f"an argument of {name} doesn't fit 64 bits: {error}") from error
        code = int(self._table.run(self._context(thread), op))
        if code < 0:
            raise Violated(f"{name}{args} of thread {thread}", self.violations())
        return self.target.codes[code]

    def check(self) -> None:
        """Judge every invariant that holds at any instant or at rest. Raises Violated."""
        self._alive()
        self._table.check(self._core, INSTANT)
        if self._table.check(self._core, QUIESCENT):
            raise Violated("at rest", self.violations())

    def checks(self) -> dict[str, int]:
        """Return how often each invariant has been judged."""
        self._alive()
        return {name: int(self._table.checks(self._core, i)) for i, name in enumerate(self.target.invariants)}

    def snapshot(self) -> Snapshot:
        """Return the figures of every part: `snapshot()["labels"]["CACHE_MAP_NODE"]["used"]`."""
        self._alive()
        cells: Any = self._ffi.new("rw_cell[]", _MAX_CELLS)
        count = int(self._table.snapshot(self._core, cells, _MAX_CELLS))
        return read_snapshot(self._ffi, cells, min(count, _MAX_CELLS))

    def figures(self, group: str) -> dict[str, dict[str, int]]:
        """Return one group of the snapshot, in a tenth of the time that all of it takes."""
        self._alive()
        cells: Any = self._ffi.new("rw_cell[]", _MAX_CELLS)
        count = min(int(self._table.snapshot(self._core, cells, _MAX_CELLS)), _MAX_CELLS)
        size = self._ffi.sizeof("rw_cell")
        raw, head = (
            bytes(self._ffi.buffer(cells, count * size)),
            group.encode() + b"\0",
        )  # `group` is a cell's first field
        found: dict[str, dict[str, int]] = {}
        for place in (place for place in range(count) if raw.startswith(head, place * size)):
            name, field = plain(self._ffi, cells[place].name), plain(self._ffi, cells[place].field)
            found.setdefault(name, {})[field] = int(cells[place].value)
        return found

    def violations(self) -> tuple[Violation, ...]:
        """Return what was found broken so far."""
        found: Any = self._ffi.new("rw_violation[]", _MAX_VIOLATIONS)
        count = int(self._table.violations(self._core, found, _MAX_VIOLATIONS))
        return tuple(read_violation(self._ffi, found[i]) for i in range(count))

    def detach(self, thread: int) -> None:
        """Let a thread go: what it holds is verified and given back. Its next operation has a new context."""
        context = self._threads.pop(thread, None)
        if context is not None:
            self._table.detach(context)

    def close(self) -> None:
        """Let all threads go, judge, destroy, and judge what must hold afterwards. Raises Violated."""
        if not self._open:
            return
        for thread in list(self._threads):
            self.detach(thread)
        self._table.check(self._core, QUIESCENT)
        self._table.close(self._core)
        found = self.violations()
        self._open = False
        self._table.destroy(self._core)
        if found:
            raise Violated("at the end", found)

    def __enter__(self) -> Core:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except Violated:
            if error is None:  # else the first error says more
                raise

    def _context(self, thread: int) -> Any:
        self._alive()
        if thread not in self._threads:
            context = self._table.attach(self._core, thread)
            if context == self._ffi.NULL:
                raise Problem(f"the core has no room for thread {thread}: max_threads is {self.params['max_threads']}")
            self._threads[thread] = context
        return self._threads[thread]

    def _alive(self) -> None:
        if not self._open:
            raise Problem("the core has been closed")
