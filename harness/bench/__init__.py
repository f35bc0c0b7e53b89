"""Speed as ratios of things measured side by side in one run."""

from __future__ import annotations

from harness.bench.ratios import ROUNDS, Bencher, speed_ratios, worker_ratio
from harness.bench.real_threads import RealThreads, stock_ratio
from harness.bench.scheduled import growth_ratios, references, speeds
from harness.model.output.bench import Ratio

__all__ = [
    "ROUNDS",
    "Bencher",
    "Ratio",
    "RealThreads",
    "growth_ratios",
    "references",
    "speed_ratios",
    "speeds",
    "stock_ratio",
    "worker_ratio",
]
