"""The exploring worker, started as `python -m harness.explore.worker FD`: Python is entered once a batch.

Its commands come on stdin; its messages go out on the descriptor FD.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from harness.builds import Build, Runtime, load_runtime
from harness.explore.messages import (
    Explore,
    Explored,
    Failed,
    Force,
    Load,
    Measured,
    Ready,
    Replay,
    Show,
    ToWorker,
    to_worker,
)
from harness.model.batch import DONE, Batch
from harness.model.problem import Problem
from harness.stress.messages import receive, send
from harness.stress.worker import die_with


def serve(fd: int, loader: Callable[[Build], Runtime]) -> None:
    """Work until the supervisor closes stdin. Raises nothing: an error is told and ends the process."""
    try:
        load = receive(sys.stdin.buffer, to_worker)
        if not isinstance(load, Load):
            return
        die_with(load.parent)
        runtime = loader(load.build)
        names = (runtime.strategies(), runtime.memory_models(), runtime.event_kinds(), runtime.codes())
        send(fd, Ready(runtime.canary(), *names))
        area = mmap.mmap(load.progress, 0)
        while (order := receive(sys.stdin.buffer, to_worker)) is not None:
            if isinstance(order, Show):
                with contextlib.suppress(
                    FileNotFoundError
                ):  # the run that wanted it has ended already, without a batch
                    area = _mapped(order.area)
            else:
                send(fd, Explored(_obeyed(fd, runtime, order, area)))
    except Problem as problem:
        send(fd, Failed(str(problem), problem=True))
    except Exception:
        send(fd, Failed(traceback.format_exc(), problem=False))


def _mapped(path: str) -> mmap.mmap:
    with open(path, "r+b") as file:
        return mmap.mmap(file.fileno(), 0)


def _obeyed(fd: int, runtime: Runtime, order: ToWorker, area: mmap.mmap) -> Batch:
    match order:
        case Explore():
            return _explored(fd, runtime, order, area)
        case Replay():
            return runtime.replay(order.scenario, order.options, order.choices, order.seed, tolerant=order.tolerant,
                                  trace=order.trace, trace_all=order.trace_all, progress=area)  # fmt: skip
        case Force():
            return runtime.force(order.scenario, order.options, order.legs, trace=order.trace, progress=area)
        case _:
            raise RuntimeError(f"a worker was told {type(order).__name__} in the middle of its work")


def _explored(fd: int, runtime: Runtime, order: Explore, area: mmap.mmap) -> Batch:
    more: dict[str, Any] = {"progress": area, "hashes": order.hashes, "trace": order.trace,
                            "first_only": order.first_only}  # fmt: skip
    if not order.measure or order.executions == 1:
        return runtime.explore(order.scenario, order.options, order.first_seed, order.executions,
                               milliseconds=order.milliseconds, calibration=order.calibration, **more)  # fmt: skip
    first = runtime.explore(order.scenario, order.options, order.first_seed, 1, **more)
    send(fd, Measured(first))
    if first.status != DONE:
        return replace(Batch(first.status, first.message), memory_model=first.memory_model)
    left = max(0, order.executions - 1)
    return runtime.explore(order.scenario, order.options, order.first_seed + 1, left,
                           milliseconds=order.milliseconds, calibration=first.calibration, **more)  # fmt: skip


if __name__ == "__main__":
    serve(int(sys.argv[1]), load_runtime)
    os._exit(0)  # nothing of the interpreter's end is of interest
