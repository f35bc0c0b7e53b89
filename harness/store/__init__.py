"""The store: runs and findings on disk, written whole or not at all; nothing of it is ever deleted."""

from __future__ import annotations

from harness.store.bundle import bundled
from harness.store.intent import Intents, read_intents
from harness.store.read import bundles, newest_run, read_finding, read_findings, read_run, store_findings
from harness.store.write import RUNS, RunStore, add_shrunk, keep_file, mark_reported, new_run, unfinished_runs

__all__ = [
    "RUNS",
    "Intents",
    "RunStore",
    "add_shrunk",
    "bundled",
    "bundles",
    "keep_file",
    "mark_reported",
    "new_run",
    "newest_run",
    "read_finding",
    "read_findings",
    "read_intents",
    "read_run",
    "store_findings",
    "unfinished_runs",
]
