"""Speed of the scheduled runtime on the two workloads, with race detection off and on, and what one fiber switch costs.

Measured by the time of the thread that runs the executions, so that a busy machine does not count. The figures of other
tools beside them were measured elsewhere: they stand in reference.json with their source and machine.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Protocol

from harness.bench.ratios import at_most
from harness.model.batch import Batch
from harness.model.output.bench import Ratio, Reference, Speed
from harness.model.scenario import Op, Scenario
from harness.model.schedule import Options

MEASURE_SECONDS = 0.25  # of one measurement
SWITCHES = 2_000_000
MOST = 1 << 30
# name -> strategy, races; the aims are those of the issue, None where it states none.
_RUNS: tuple[tuple[str, str, bool, float | None, float | None], ...] = (
    ("A", "random", False, 3e6, None),
    ("A", "random", True, None, None),
    ("B", "random", False, None, 60e6),
    ("B", "random", True, None, 25e6),
    ("B by PCT", "pct", False, None, None),
    ("B by PCT", "pct", True, None, None),
)


class Explorer(Protocol):
    """What is needed of a loaded runtime."""

    def explore(self, scenario: Scenario, options: Options, first_seed: int, executions: int, *,
                coverage: bool = True) -> Batch:  # fmt: skip
        """Explore executions."""
        ...

    def bench(self, kind: str, n: int) -> int:
        """Return nanoseconds for n repetitions."""
        ...


def speeds(
    runtime: Explorer, workloads: dict[str, Scenario], notify: Callable[[str], None], rounds: int
) -> list[Speed]:
    """Measure every speed; `workloads` are those named A and B."""
    found = []
    for name, strategy, races, executions_aim, points_aim in _RUNS:
        detection = ", races" if races else ""
        notify(f"workload {name}, race detection {'on' if races else 'off'}")
        batches = _batches(runtime, workloads[name[0]], Options(strategy=strategy, races=races), rounds)
        found += [
            _speed(name, f"executions/s{detection}", [one.executions / one.cpu_seconds for one in batches],
                   executions_aim),
            _speed(name, f"points/s{detection}", [_points(one) / one.cpu_seconds for one in batches], points_aim),
        ]  # fmt: skip
    notify("a fiber switch")
    took = [runtime.bench("switch", SWITCHES) / SWITCHES for _ in range(rounds)]
    found.append(_speed("switch", "ns", took, None))
    return found


def growth_ratios(runtime: Explorer, notify: Callable[[str], None], rounds: int) -> list[Ratio]:
    """Cost of a point in long executions over that in short ones, and with 64 threads over that with 2."""
    notify("cost of a point from 10 to 1,000,000 points, and from 2 to 64 threads")
    lengths, threads = [], []
    for _ in range(rounds):
        short, long = _cost(runtime, 2, 5), _cost(runtime, 2, 500_000)
        few, many = _cost(runtime, 2, 3_200), _cost(runtime, 64, 100)
        lengths.append(long / short)
        threads.append(many / few)
    return [
        at_most("cost of a point, 1,000,000 / 10 an execution", lengths, 2.0),
        at_most("cost of a point, 64 / 2 threads", threads, 2.0),
    ]


def references() -> list[Reference]:
    """Return the figures of reference.json."""
    data = json.loads(Path(__file__).with_name("reference.json").read_text(encoding="utf-8"))
    return [Reference(**figure) for figure in data["figures"]]


def _speed(workload: str, what: str, values: list[float], aim: float | None) -> Speed:
    value = median(values)
    beside = tuple(one for one in references() if (one.workload, one.what) == (workload, what))
    reached = None if aim is None else value >= aim
    return Speed(
        workload=workload,
        what=what,
        value=round(value, 2),
        aim=aim,
        reached=reached,
        low=round(min(values), 2),
        high=round(max(values), 2),
        references=beside,
    )


def _batches(runtime: Explorer, scenario: Scenario, options: Options, rounds: int) -> list[Batch]:
    executions = 100
    while executions < MOST:
        took = runtime.explore(scenario, options, 1, executions, coverage=False).cpu_seconds
        if took * 2 >= MEASURE_SECONDS:
            break
        executions *= 4
    return [runtime.explore(scenario, options, 1, executions, coverage=False) for _ in range(rounds)]


def _cost(runtime: Explorer, threads: int, adds: int) -> float:
    """Seconds of a point when so many threads add so often, without race detection."""
    program = (Op("add", (adds,)),)
    scenario = Scenario("bench", 0, "increments", {"expected": threads * adds}, (program,) * threads)
    executions = max(3, 200_000 // (threads * adds))
    options = Options(strategy="random", races=False, step_bound=8 * threads * adds + 1_000)
    batch = runtime.explore(scenario, options, 1, executions, coverage=False)
    return batch.cpu_seconds / _points(batch)


def _points(batch: Batch) -> int:
    return sum(batch.points.values())
