"""Sweeps: every allocation fails once, and from there on, under many schedules each."""

from __future__ import annotations

from harness.faults.request import SweepRequest
from harness.faults.result import SweepResult
from harness.faults.run import sweep

__all__ = ["SweepRequest", "SweepResult", "sweep"]
