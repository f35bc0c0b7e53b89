"""The store: runs and findings on disk, written whole or not at all; nothing of it is ever deleted."""

from __future__ import annotations

from harness.store.read import bundles, newest_run, read_findings, read_run, store_findings
from harness.store.write import RunStore, add_shrunk, new_run, report_unfinished

__all__ = [
    "RunStore",
    "add_shrunk",
    "bundles",
    "new_run",
    "newest_run",
    "read_findings",
    "read_run",
    "report_unfinished",
    "store_findings",
]
