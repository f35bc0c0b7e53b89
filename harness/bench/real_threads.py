"""Workload B by the scheduled runtime against the same on real threads under the stock sanitizer.

A round takes short slices of both in turn and keeps the fastest of each: four threads are disturbed sooner than one.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Protocol

from harness.bench.ratios import at_least
from harness.bench.scheduled import MEASURE_SECONDS, Explorer, references
from harness.builds import fixed_addresses, get_build
from harness.model.output.bench import Ratio
from harness.model.scenario import Scenario
from harness.model.schedule import Options
from harness.stress.process import launch_of

PROCESS = "harness.bench.stock"
FIRST = 20  # executions, to see how long they take
SLICES = 5  # of a round, of each side
NAME = "B, executions/s: scheduled with races / stock sanitizer on real threads"


class Stock(Protocol):
    """What is needed of the stock sanitizer's side."""

    def executions(self, n: int) -> int:
        """Return nanoseconds that n executions of workload B took."""
        ...


class RealThreads:
    """A process with the tsan build, to be used in a `with` statement."""

    def __enter__(self) -> RealThreads:
        launch = launch_of(get_build("tsan"), module=PROCESS)
        with fixed_addresses():
            self._process = subprocess.Popen(
                launch.command, env=launch.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.communicate()

    def executions(self, n: int) -> int:
        """Return nanoseconds that n executions of workload B took."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{n}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("the process with the stock sanitizer ended in the middle of a measurement")
        return int(answer)


def stock_ratio(
    runtime: Explorer, workload: Scenario, stock: Stock, notify: Callable[[str], None], rounds: int
) -> Ratio:
    """Measure how many more executions of workload B the scheduled runtime makes in the same time.

    By the clock on the wall on both sides: real threads have all cores, ours has one. The aim is the ratio of the
    prototype's figures.
    """
    notify("workload B on real threads under the stock sanitizer")
    options = Options(strategy="random", races=True)

    def ours(n: int) -> float:
        return runtime.explore(workload, options, 1, n, coverage=False).seconds

    def theirs(n: int) -> float:
        return stock.executions(n) / 1e9

    many, few = (max(1, int(FIRST * MEASURE_SECONDS / SLICES / side(FIRST))) for side in (ours, theirs))
    values = []
    for _ in range(rounds):
        slices = [(ours(many), theirs(few)) for _ in range(SLICES)]
        fastest, their_fastest = (min(side) for side in zip(*slices, strict=True))
        values.append((many / fastest) / (few / their_fastest))
    return at_least(NAME, values, _prototype())


def _prototype() -> float:
    """Return the prototype's ratio: its own median over the best of what the stock sanitizer reached beside it."""
    figures = [one for one in references() if (one.workload, one.what) == ("B", "executions/s, races")]
    [prototype] = [one.value for one in figures if one.tool.startswith("prototype")]
    [stock] = [one.value for one in figures if one.tool.startswith("stock")]
    return prototype / stock
