"""Seed -> scenario: find the suites that are installed.

Property tests draw their scenarios through `harness.generate.strategies`, which brings Hypothesis with it.
"""

from __future__ import annotations

from harness.generate.installed import discover

__all__ = ["discover"]
