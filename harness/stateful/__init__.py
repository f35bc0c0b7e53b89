"""Stateful tests of the core: a sequential reference model, and Hypothesis machines that compare the core with it."""

from __future__ import annotations

from harness.stateful.machine import KvCacheMachine
from harness.stateful.reference import Reference

__all__ = ["KvCacheMachine", "Reference"]
