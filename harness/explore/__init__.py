"""Scheduled runs in batches: every choice is a seeded strategy's, so that whatever is found can be seen again."""

from __future__ import annotations

from harness.explore.request import ExploreRequest
from harness.explore.result import ExploreResult
from harness.explore.run import explore

__all__ = ["ExploreRequest", "ExploreResult", "explore"]
