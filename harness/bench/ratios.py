"""Ratios of the core's speed: each side measured in turn, round by round, and the median of the rounds' ratios.

Interleaving lets a slow moment of the machine hit both sides alike; the median leaves out rounds where it did not.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Protocol

from harness.model.output.bench import Ratio

ROUNDS = 15
FINE = 20  # times the rounds where a few per cent decide: one round differs from the next by more
SLICES = 10  # of a measurement of scaling
MEASURE_NS = 20_000_000  # length of one measurement: long against the clock, short against the machine's moods
FIRST_N, MOST_N = 1_000, 1 << 32
WORKER_ROOM = 150 << 20  # bytes a native worker may take above the core's own limit


class Bencher(Protocol):
    """What is needed of a loaded build."""

    def bench(self, kind: str, threads: int, n: int) -> int:
        """Return nanoseconds for `n` operations by each of `threads`."""
        ...


def speed_ratios(bencher: Bencher, notify: Callable[[str], None], rounds: int = ROUNDS) -> list[Ratio]:
    """Measure every ratio of speed; `notify` is told what is measured now."""
    notify("driver against a bare loop of the same calls")
    driver = _paired(bencher, ("driver", 1), ("bare", 1), FINE * rounds)
    notify("segmented traversal against flat")
    traversal = _paired(bencher, ("traverse-segmented", 1), ("traverse-flat", 1), rounds)
    notify("scaling of get from 1 to 2 threads, against a counting loop")
    gets, relative = _scaling(bencher, rounds)
    return [
        at_most("driver / bare loop, time", driver, 1.05),
        at_most("segmented / flat traversal, time", traversal, 1.10),
        at_least("get, throughput of 2 threads / 1", gets, 1.7),
        at_least("scaling of get / scaling of a counting loop", relative, 0.85),
    ]


def worker_ratio(peak_rss: int, limit: int) -> Ratio:
    """Return a worker's peak memory as a part of what it may take: its core's limit and 150 MB."""
    value = peak_rss / (limit + WORKER_ROOM)
    return at_most("worker's memory / (core's limit + 150 MB)", [value], 1.0)


def _paired(bencher: Bencher, left: tuple[str, int], right: tuple[str, int], rounds: int) -> list[float]:
    """Time of left / time of right, one value a round; who goes first alternates."""
    n = min(_calibrate(bencher, *left), _calibrate(bencher, *right))
    values = []
    for turn in range(rounds):
        sides = {side: bencher.bench(*side, n) for side in ((left, right) if turn % 2 == 0 else (right, left))}
        values.append(sides[left] / sides[right])
    return values


def _scaling(bencher: Bencher, rounds: int) -> tuple[list[float], list[float]]:
    """Throughput of two threads over one, of get, and relative to that of the counting loop in the same round.

    Two threads are disturbed as soon as either core is: a round takes short slices of all four measurements in turn and
    keeps the fastest of each.
    """
    gets, relative = [], []
    n = {kind: max(1, _calibrate(bencher, kind, 1) // SLICES) for kind in ("get", "count")}
    sides = [(kind, threads) for kind in n for threads in (1, 2)]
    for _ in range(rounds):
        slices = [{side: bencher.bench(*side, n[side[0]]) for side in sides} for _ in range(SLICES)]
        fastest = {side: min(taken[side] for taken in slices) for side in sides}
        scaling = 2 * fastest["get", 1] / fastest["get", 2]
        gets.append(scaling)
        relative.append(scaling / (2 * fastest["count", 1] / fastest["count", 2]))
    return gets, relative


def _calibrate(bencher: Bencher, kind: str, threads: int) -> int:
    """Return a number of operations that takes about MEASURE_NS."""
    n = FIRST_N
    while n < MOST_N:
        took = bencher.bench(kind, threads, n)
        if took * 2 >= MEASURE_NS:
            return max(1, n * MEASURE_NS // max(1, took))
        n *= 4
    return n


def at_most(name: str, values: list[float], aim: float) -> Ratio:
    """Return a ratio whose median must not be above the aim."""
    value = median(values)
    return Ratio(name, round(value, 4), f"<= {aim:.2f}", value <= aim, round(min(values), 4), round(max(values), 4))


def at_least(name: str, values: list[float], aim: float) -> Ratio:
    """Return a ratio whose median must not be below the aim."""
    value = median(values)
    return Ratio(name, round(value, 4), f">= {aim:.2f}", value >= aim, round(min(values), 4), round(max(values), 4))
