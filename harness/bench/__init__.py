"""Speed as ratios of things measured side by side in one run."""

from __future__ import annotations

from harness.bench.ratios import ROUNDS, Bencher, speed_ratios, worker_ratio
from harness.bench.scheduled import growth_ratios, references, speeds
from harness.model.output import Ratio

__all__ = ["ROUNDS", "Bencher", "Ratio", "growth_ratios", "references", "speed_ratios", "speeds", "worker_ratio"]
