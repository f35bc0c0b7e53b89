"""Workload B on real threads under the stock sanitizer, in a process that has it preloaded.

The scheduled runtime's executions of the same workload are measured in turn with these, so that a slow moment of the
machine hits both. Started as a program, this module is that process: it is asked by numbers of executions on stdin.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Protocol

from harness.bench.ratios import at_least
from harness.bench.scheduled import MEASURE_SECONDS, Explorer, references
from harness.builds import fixed_addresses, get_build, load
from harness.model.output import Ratio
from harness.model.scenario import Scenario
from harness.model.schedule import Options
from harness.stress.process import launch_of

THREADS = 4  # of workload B
FIRST = 20  # executions, to see how long they take
NAME = "B, executions/s: scheduled with races / stock sanitizer on real threads"


class Stock(Protocol):
    """What is needed of the stock sanitizer's side."""

    def executions(self, n: int) -> int:
        """Return nanoseconds that n executions of workload B took."""
        ...


class RealThreads:
    """A process with the tsan build, to be used in a `with` statement."""

    def __enter__(self) -> RealThreads:
        launch = launch_of(get_build("tsan"), module=__name__)
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

    many, few = (max(1, int(FIRST * MEASURE_SECONDS / side(FIRST))) for side in (ours, theirs))
    values = [(many / ours(many)) / (few / theirs(few)) for _ in range(rounds)]
    return at_least(NAME, values, _prototype())


def _prototype() -> float:
    """Return the prototype's ratio: its own median over the best of what the stock sanitizer reached beside it."""
    figures = [one for one in references() if (one.workload, one.what) == ("B", "executions/s, races")]
    [prototype] = [one.value for one in figures if one.tool.startswith("prototype")]
    [stock] = [one.value for one in figures if one.tool.startswith("stock")]
    return prototype / stock


def _main() -> None:
    library = load(get_build("tsan"))
    for line in sys.stdin:
        print(library.bench("segments", THREADS, int(line)), flush=True)


if __name__ == "__main__":
    _main()
