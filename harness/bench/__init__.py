"""Speed as ratios of things measured side by side in one run."""

from __future__ import annotations

from harness.bench.ratios import ROUNDS, Bencher, Ratio, speed_ratios, worker_ratio

__all__ = ["ROUNDS", "Bencher", "Ratio", "speed_ratios", "worker_ratio"]
