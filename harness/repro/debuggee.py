"""The process that a debugger runs: one execution, and nothing else, as `python -m harness.repro.debuggee FILE`.

FILE has what is to be executed, and the step at which rs_stop_here is called.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec

from harness.builds import Build, load_runtime
from harness.explore.messages import Explore, Replay
from harness.stress.messages import encode, rich

TRACED = 1  # events are noted, so that steps are looked at; where they go is of no interest


class Debuggee(msgspec.Struct):
    """What a debugged process does."""

    build: Build
    order: Explore | Replay
    step: int


def write_debuggee(path: Path, debuggee: Debuggee) -> None:
    """Write FILE."""
    path.write_bytes(encode(debuggee)[4:])


def main(path: Path) -> None:
    """Execute what FILE says, and print what was found."""
    debuggee: Debuggee = msgspec.msgpack.decode(path.read_bytes(), type=Debuggee, dec_hook=rich)
    runtime, order = load_runtime(debuggee.build), debuggee.order
    runtime.stop_at(debuggee.step)
    if isinstance(order, Replay):
        batch = runtime.replay(order.scenario, order.options, order.choices, order.seed, trace=TRACED)
    else:
        batch = runtime.explore(order.scenario, order.options, order.first_seed, 1, calibration=order.calibration,
                                trace=TRACED)  # fmt: skip
    for seen in batch.observations:
        print(f"racewash: {seen.name} at step {seen.step}: {seen.message}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    os._exit(0)  # the interpreter's own end is nothing to debug
