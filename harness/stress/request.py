"""What a user asks of a run, and what of it can't be done."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.builds import Kind
from harness.model.fault import CLOCK, SPACE, STRIKES, parse_plan
from harness.model.layout import AFTER, Layout
from harness.model.memory import MIN_MEMORY
from harness.model.problem import Problem
from harness.model.suite import Shape, Suite

SANITIZERS: dict[str, Kind] = {"none": "native", "tsan": "tsan", "asan": "asan"}  # as users say it -> kind of build
OWN = "kvcache"
TARGETS = (OWN, "seekdb")
MAX_SEED = (1 << 63) - 1
MAX_THREADS, MAX_PROCESSES = 256, 64


@dataclass(frozen=True, slots=True)
class RunRequest:
    """One run. `suites` empty: all of the target's that are installed. `layout` None: every scenario draws its own.

    `processes` are independent workers; `shared` > 0 lets so many forked processes share each core. `memory` None: the
    suites' own small cores. `seed` None: drawn. `hang_after`: seconds without progress. `patches` are applied to the
    C sources before they are built. `faults`: what fails in every execution (harness.model.fault). `ops`: about so many
    operations a thread.
    """

    suites: tuple[str, ...] = ()
    target: str = "kvcache"
    seconds: float = 30.0
    threads: int = 4
    processes: int = 1
    shared: int = 0
    layout: Layout | None = AFTER
    memory: int | None = None
    sanitizer: str = "none"
    seed: int | None = None
    store: Path = Path(".racewash")
    hang_after: float = 30.0
    patches: tuple[Path, ...] = ()
    faults: tuple[str, ...] = ()
    ops: int = Shape().ops

    @property
    def shape(self) -> Shape:
        """What is asked of every scenario."""
        return Shape(threads=self.threads, shared=self.shared, layout=self.layout, memory=self.memory,
                     ops=self.ops, faults=self.faults)  # fmt: skip


def check(request: RunRequest) -> None:
    """Raise Problem with one sentence when a figure is out of its range."""
    if not (math.isfinite(request.seconds) and request.seconds > 0):
        raise Problem(f"seconds is {request.seconds}, must be a number above 0")
    if not (math.isfinite(request.hang_after) and request.hang_after > 0):
        raise Problem(f"hang-after is {request.hang_after}, must be a number of seconds above 0")
    _range("threads", request.threads, 1, MAX_THREADS)
    _range("processes", request.processes, 1, MAX_PROCESSES)
    _range("shared", request.shared, 0, MAX_PROCESSES)
    _range("seed", request.seed or 0, 0, MAX_SEED)
    if request.shared > request.threads:
        raise Problem(f"shared is {request.shared}, but there are only {request.threads} threads for the processes")
    if request.memory is not None and request.memory < MIN_MEMORY:
        raise Problem(f"memory is {request.memory} bytes, must be at least {MIN_MEMORY} (64M)")
    if request.sanitizer not in SANITIZERS:
        raise Problem(f"sanitizer {request.sanitizer!r} is unknown; use one of {', '.join(SANITIZERS)}")
    if request.target not in TARGETS:
        raise Problem(f"the target {request.target!r} is unknown; use one of {', '.join(TARGETS)}")
    if request.target != OWN and (request.sanitizer != "none" or request.shared or request.memory is not None):
        raise Problem("the target seekdb has no --sanitizer, --shared or --memory: its code is compiled as it is")
    _check_faults(request)


def _check_faults(request: RunRequest) -> None:
    for fault in parse_plan(request.faults):
        if fault.kind == CLOCK:
            raise Problem("the clock of real threads is the system's: its faults need `racewash explore`")
        if fault.kind in STRIKES and not request.shared:
            raise Problem(f"the fault '{fault}' needs processes that share a core: give --shared 2 or more")
        if fault.kind in STRIKES and fault.process is not None and fault.process >= request.shared:
            raise Problem(f"the fault '{fault}' names process {fault.process}, there are 0 to {request.shared - 1}")
        if fault.kind == SPACE and request.shared:
            raise Problem(f"the fault '{fault}' needs threads: a shared core has all its memory before processes start")
        if fault.kind == SPACE and request.sanitizer != "none":
            raise Problem(f"the fault '{fault}' can't be had with --sanitizer {request.sanitizer}: a sanitizer's own "
                          "memory takes nearly all of the address space")  # fmt: skip


def chosen(request: RunRequest, known: Mapping[str, Suite]) -> tuple[Suite, ...]:
    """Return the suites to run. Raises Problem on a name that isn't known, or that can't be run as asked."""
    unknown = [name for name in request.suites if name not in known]
    if unknown:
        raise Problem(f"there is no suite {unknown[0]!r}; the suites are {', '.join(known)}")
    mode = "shared" if request.shared else "threads"
    names = tuple(dict.fromkeys(request.suites)) or tuple(name for name, suite in known.items() if mode in suite.modes)
    unfit = [name for name in names if mode not in known[name].modes]
    if unfit:
        raise Problem(
            f"the suite {unfit[0]!r} can't be run {'with --shared' if request.shared else 'without --shared'}"
        )
    if not names:
        raise Problem("no suite is installed; install racewash again")
    return tuple(known[name] for name in names)


def _range(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise Problem(f"{name} is {value}, must be from {low} to {high}")
