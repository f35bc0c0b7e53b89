"""The pull request's memory table, measured from real allocations of the core in both layouts."""

from __future__ import annotations

from harness.model.memory import Table
from harness.table.keep import keep
from harness.table.measure import BUCKETS_AFTER, BUCKETS_BEFORE, measure
from harness.table.text import to_text

__all__ = ["BUCKETS_AFTER", "BUCKETS_BEFORE", "Table", "keep", "measure", "to_text"]
