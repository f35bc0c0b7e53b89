"""A build loaded into this process: its target's tables, and executions of scenarios."""

from __future__ import annotations

import ctypes
import functools
import mmap
from typing import Any

from cffi import FFI

from harness.builds.build import Build
from harness.builds.declare import HEADERS
from harness.builds.opened import open_library, plain
from harness.builds.plan import Plan, read_outcome
from harness.builds.target import Target, read_target
from harness.model.outcome import Outcome
from harness.model.problem import Problem
from harness.model.scenario import Scenario

LATENCY_EVERY = 64
_MAX_CELLS = 4096
# How a library names its instrumentation, and a function that only the sanitizer's run time has.
_INSTRUMENTATION = {
    "native": ("none", ""),
    "tsan": ("thread", "__tsan_init"),
    "asan": ("address", "__asan_init"),
    "sched": ("thread", ""),
}


OWN = "kvcache"  # the target that every build has: our core
_TABLES = {OWN: "rw_target_get", "seekdb": "rw_live_get", "model": "rw_model_get"}
_TEXT_LEN = 512


@functools.cache
def load(build: Build, target: str = OWN) -> Library:
    """Load a build into this process; the same build and target give the same Library.

    A tsan or asan build only loads in a process that was started with its `worker_environment`.
    """
    return Library(build, target)


class Library:
    """A loaded build. Every call into it releases the interpreter's lock.

    cffi does that around each call of a C function, in the ABI mode used here too, so that a supervisor's thread in the
    same process goes on while an execution runs.
    """

    def __init__(self, build: Build, target: str = OWN) -> None:
        instrumentation, needed = _INSTRUMENTATION[build.kind]
        if needed and not hasattr(ctypes.CDLL(None), needed):
            raise RuntimeError(f"a {build.kind} library loads only in a process started with its worker_environment")
        opened = open_library(build, HEADERS, instrumentation, _TABLES[target])
        self._ffi, self._lib, self._table = opened.ffi, opened.lib, opened.table
        self.build = build
        self.kind = build.kind
        self.target: Target = read_target(self._ffi, self._table)

    def execute(self, scenario: Scenario, progress: Any = None, *, deadline_ms: int = 0,
                latency_every: int = LATENCY_EVERY, check_leaks: bool = True) -> Outcome:  # fmt: skip
        """Run one execution of a scenario and return what came of it.

        `progress` is the buffer of a `Progress` that another process may watch. No operation is started after
        `deadline_ms` (0: no deadline); one operation in `latency_every` is timed (0: none). In an asan build
        LeakSanitizer looks afterwards, unless `check_leaks` is False. Raises Problem when the scenario doesn't fit the
        target.
        """
        threads, most = len(scenario.programs), self._lib.RW_MAX_THREADS
        if not 1 <= threads <= most:
            raise Problem(f"a scenario has 1 to {most} programs, one for each thread, not {threads}")
        plan = Plan(self._ffi, self.target, scenario)
        plan.struct.deadline_ms, plan.struct.latency_every = deadline_ms, latency_every
        plan.struct.check_leaks = check_leaks
        # Forked processes write to it too: it is a shared mapping even when nobody watches.
        buffer = mmap.mmap(-1, self._ffi.sizeof("rw_progress")) if progress is None else progress
        area = self._view(buffer)
        area.seed = scenario.seed
        outcome, count = self._ffi.new("rw_outcome *"), self._ffi.new("int32_t *")
        cells = self._ffi.new("rw_cell[]", _MAX_CELLS)
        self._lib.rw_execute(self._table, plan.struct, area, outcome, cells, _MAX_CELLS, count)
        if count[0] >= _MAX_CELLS:  # the driver writes no more than there is room for
            raise RuntimeError(f"the target's snapshot has {_MAX_CELLS} cells or more: some may be missing")
        return read_outcome(self._ffi, self.target, outcome, threads, cells, count[0])

    def canary(self) -> None:
        """Commit the defect that this build's sanitizer must report; a native build has nothing to show."""
        if self.kind == "tsan":
            self._lib.rw_canary_race()
        elif self.kind == "asan":
            self._lib.rw_canary_overflow()

    def bench(self, kind: str, threads: int, n: int) -> int:
        """Return nanoseconds that `n` operations by each of `threads` took."""
        took = int(self._lib.rw_bench(kind.encode(), threads, n, self._ffi.NULL, 0))
        if took < 0:
            raise RuntimeError(f"the library can't measure {kind!r} with {threads} threads")
        return took

    @property
    def ffi(self) -> FFI:
        """The interface as cffi knows it."""
        return self._ffi

    @property
    def lib(self) -> Any:
        """The library's functions, for what has no method here."""
        return self._lib

    @property
    def table(self) -> Any:
        """The target's table of functions."""
        return self._table

    def find_database(self) -> None:
        """Raise Problem when the database's module isn't loaded in this process, or isn't what is known."""
        said = self._ffi.new("char[]", _TEXT_LEN)
        if not self._lib.rw_live_find(said, _TEXT_LEN):
            raise Problem(f"the database can't be used: {plain(self._ffi, said)}")

    def _view(self, buffer: Any) -> Any:
        return self._ffi.from_buffer("rw_progress *", buffer, require_writable=True)
