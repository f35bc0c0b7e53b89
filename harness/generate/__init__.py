"""Seed -> scenario: find the suites that are installed, draw their scenarios in property tests."""

from __future__ import annotations

from harness.generate.installed import discover
from harness.generate.strategies import scenarios, seeds

__all__ = ["discover", "scenarios", "seeds"]
