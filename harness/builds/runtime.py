"""The scheduled runtime loaded into this process: batches of executions, replays, hand-written orders, its canary.

Always called from one thread of the process: the code under test runs in fibers of it.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from harness.builds.black_box import CHOICES, EVENTS, BlackBox
from harness.builds.build import Build
from harness.builds.declare import SCHEDULED
from harness.builds.opened import open_library, plain
from harness.builds.plan import Plan, fitting
from harness.builds.scheduled import KINDS, event_kinds, read_batch
from harness.builds.target import Target, read_target
from harness.model.batch import Batch
from harness.model.fault import no_processes
from harness.model.problem import Problem
from harness.model.scenario import Scenario
from harness.model.schedule import NO_CALIBRATION, Calibration, Choice, Options

_FLAGS = {
    "races": "RS_RACES", "plain_points": "RS_PLAIN_POINTS", "weak_cas": "RS_WEAK_CAS", "timeouts": "RS_TIMEOUTS",
    "fail_alloc": "RS_FAIL_ALLOC", "attached": "RS_ATTACHED",
    "linearizable": "RS_HISTORY", "clocks": "RS_CLOCKS",
}  # fmt: skip
_WORKLOADS = ("increments", "segments")  # targets that every library has besides its own
_SENTENCE = 512
_NUMBERS = "an option or the schedule"  # what gives a call its numbers, besides the scenario


@functools.cache
def load_runtime(build: Build) -> Runtime:
    """Load a sched build into this process; the same build gives the same Runtime."""
    return Runtime(build)


class Runtime:
    """A loaded sched build. Every call into it releases the interpreter's lock."""

    def __init__(self, build: Build) -> None:
        opened = open_library(build, SCHEDULED, "thread")
        self._ffi, self._lib = opened.ffi, opened.lib
        self.build = build
        self.target = read_target(self._ffi, opened.table)
        self._targets: dict[str, tuple[Any, Target]] = {self.target.name: (opened.table, self.target)}
        self.kinds = {getattr(self._lib, name): kind for name, kind in KINDS.items()}

    # ---- what there is ----

    def strategies(self) -> dict[str, str]:
        """Return the strategies by name, each with its purpose."""
        names = self._names(self._lib.rs_strategy_name)
        return dict(zip(names, self._names(self._lib.rs_strategy_purpose), strict=True))

    def memory_models(self) -> list[str]:
        """Return the names of the memory models."""
        return self._names(self._lib.rs_memory_model_name)

    def point_kinds(self) -> list[str]:
        """Return the kinds of point, in the order of their numbers."""
        return self._names(self._lib.rs_point_name)

    def event_kinds(self) -> dict[int, str]:
        """Return the kinds of event by number: of points, and of what is noted with `trace_all` besides."""
        return event_kinds(self._ffi, self._lib)

    def codes(self) -> dict[str, tuple[str, ...]]:
        """Return the names of return codes, by target."""
        return {name: self.target_of(name).codes for name in (self.target.name, *_WORKLOADS)}

    def target_of(self, name: str) -> Target:
        """Return the tables of a target: the library's own, or a workload of the runtime."""
        return self._found(name)[1]

    # ---- executions ----

    def explore(
        self,
        scenario: Scenario,
        options: Options,
        first_seed: int,
        executions: int,
        *,
        milliseconds: int = 0,
        calibration: Calibration = NO_CALIBRATION,
        progress: Any = None,
        hashes: bool = False,
        trace: int = 0,
        coverage: bool = True,
        history: bool = False,
        first_only: bool = False,
    ) -> Batch:
        """Explore executions with the seeds from `first_seed` on.

        `progress`: a writable buffer that another process watches; if it is large enough for a BlackBox, choices and
        events are written there as they come. `hashes`: give each seed's trace hash. `trace`: give
        so many events of the last execution. `coverage`: count reads-from pairs. `history`: give the last execution's
        history, which the options must ask for. `first_only`: end at the first finding.
        """
        with fitting(_NUMBERS), _Call(self, scenario, options, trace) as call:
            given = call.options
            given.first_seed, given.executions, given.milliseconds = first_seed, executions, milliseconds
            given.calibration = calibration
            given.flags |= self._lib.RS_COVERAGE if coverage else 0
            given.flags |= self._lib.RS_FIRST_ONLY if first_only else 0
            call.show(progress)
            if hashes:
                given.trace_hashes = call.keep(self._ffi.new("uint64_t[]", executions))
            self._lib.rs_explore(call.table, call.plan, given, call.result)
            return call.batch(given.trace_hashes, executions if hashes else 0, history=history)

    def replay(
        self,
        scenario: Scenario,
        options: Options,
        choices: Sequence[Choice],
        seed: int,
        *,
        tolerant: bool = True,
        progress: Any = None,
        trace: int = 0,
        history: bool = False,
        trace_all: bool = False,
    ) -> Batch:
        """Run one execution by a list of choices. `tolerant`: where it doesn't fit, go on at random from `seed`.

        `trace_all`: the events given are also plain accesses, and where operations begin and end.
        """
        with fitting(_NUMBERS), _Call(self, scenario, options, trace) as call:
            call.options.first_seed = seed
            call.show(progress)
            if tolerant:
                call.options.flags |= self._lib.RS_TOLERANT
            if trace_all:
                call.options.flags |= self._lib.RS_TRACE_ALL
            listed = self._ffi.new("rs_choice[]", [tuple(choice) for choice in choices])
            self._lib.rs_replay(call.table, call.plan, call.options, listed, len(choices), call.result)
            return call.batch(history=history)

    def force(
        self,
        scenario: Scenario,
        options: Options,
        legs: Sequence[tuple[int, str, int]],
        *,
        trace: int = 0,
        progress: Any = None,
    ) -> Batch:
        """Run one execution by legs: which thread, up to how many points of which kind ("": of any; 0: to its end)."""
        kinds = {"": -1, **{name: number for number, name in enumerate(self.point_kinds())}}
        for thread, kind, _ in legs:
            if kind not in kinds:
                known = ", ".join(name for name in kinds if name)
                raise Problem(f"there is no kind of point {kind!r}; the kinds are {known}")
            if not 0 <= thread < len(scenario.programs):
                raise Problem(f"there is no thread {thread}: the scenario has {len(scenario.programs)}")
        with fitting(_NUMBERS), _Call(self, scenario, options, trace) as call:
            call.show(progress)
            listed = self._ffi.new("rs_leg[]", [(thread, kinds[kind], points) for thread, kind, points in legs])
            self._lib.rs_force(call.table, call.plan, call.options, listed, len(legs), call.result)
            return call.batch()

    def stop_at(self, step: int) -> None:
        """Let the next traced execution call rs_stop_here at this step: a debugger has its breakpoint there."""
        self._lib.rs_stop_at(step)

    def canary(self) -> str:
        """Look for the planted race; return nothing when it was found, else what went wrong."""
        message = self._ffi.new("char[]", _SENTENCE)
        found = self._lib.rs_canary(message, _SENTENCE)
        return "" if found else plain(self._ffi, message) or "the planted race was not found"

    def bench(self, kind: str, n: int) -> int:
        """Return nanoseconds that `n` repetitions took: of a "switch", a "point", a "plain" access, a "plain-race"."""
        took = int(self._lib.rs_bench(kind.encode(), n))
        if took < 0:
            raise RuntimeError(f"the runtime can't measure {kind!r}")
        return took

    # ---- parts ----

    def _found(self, name: str) -> tuple[Any, Target]:
        if name not in self._targets:
            table = self._lib.rs_workload(name.encode())
            if table == self._ffi.NULL:
                raise Problem(f"the scenario is for the target {name!r}; this library has {', '.join(self._targets)}")
            self._targets[name] = (table, read_target(self._ffi, table))
        return self._targets[name]

    def _names(self, function: Any) -> list[str]:
        names: list[str] = []
        while (name := function(len(names))) != self._ffi.NULL:
            names.append(plain(self._ffi, name))
        return names


class _Call:
    """The structures of one call, and everything that they point to, kept alive until what came of it is read."""

    def __init__(self, runtime: Runtime, scenario: Scenario, options: Options, trace: int) -> None:
        self._runtime = runtime
        self._kept: list[Any] = []
        ffi, lib = runtime._ffi, runtime._lib
        threads, most = len(scenario.programs), lib.RW_MAX_THREADS
        if not 1 <= threads <= most:
            raise Problem(f"a scenario has 1 to {most} programs, one for each thread, not {threads}")
        self.table, self._target = runtime._found(scenario.target)
        no_processes(scenario.faults, "the scheduled runtime")
        self._plan = Plan(ffi, self._target, scenario)
        self.plan = self._plan.struct
        self.result: Any = ffi.new("rs_result *")
        self.options: Any = ffi.new("rs_options *")
        given: Any = self.options
        given.strategy = self.keep(ffi.new("char[]", options.strategy.encode()))
        given.memory_model = self.keep(ffi.new("char[]", options.memory_model.encode()))
        for name, flag in _FLAGS.items():
            if getattr(options, name):
                given.flags |= getattr(lib, flag)
        given.depth, given.switch_probability = options.depth, options.switch_probability
        given.preemption_bound, given.check_every = options.preemption_bound, options.check_every
        given.step_bound = options.step_bound
        given.executions = 1  # a replay and a forced order are one
        if trace:
            given.events, given.event_max = self.keep(ffi.new("rs_event[]", trace)), trace

    def __enter__(self) -> _Call:
        return self

    def __exit__(self, *error: object) -> None:
        self._kept.clear()

    def show(self, progress: Any) -> None:
        """Let a buffer show how far the call has got; in a large one stands what is left of it if the process dies."""
        if progress is None:
            return
        given, ffi = self.options, self._runtime._ffi
        given.progress = ffi.from_buffer("rs_progress *", progress, require_writable=True)
        if len(progress) >= BlackBox.size(events=False):
            box = self.keep(BlackBox(progress))
            given.log, given.max_choices = ffi.cast("rs_choice *", box.choices), CHOICES
            if 0 < given.event_max <= EVENTS and len(progress) >= BlackBox.size():
                given.events = ffi.cast("rs_event *", box.events)

    def keep(self, value: Any) -> Any:
        """Keep something that a structure points to."""
        self._kept.append(value)
        return value

    def batch(self, hashes: Any = None, count: int = 0, *, history: bool = False) -> Batch:
        """Return what came of the call."""
        runtime = self._runtime
        return read_batch(runtime._ffi, self._target, self.result, self.options, runtime.kinds, runtime._lib,
                          bytes(runtime._ffi.buffer(hashes, 8 * count)) if count else b"", history)  # fmt: skip
