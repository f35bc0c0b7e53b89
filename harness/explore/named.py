"""The suites that belong to the runtime itself: they are explored only when they are named."""

from __future__ import annotations

from harness.explore.exhaustive import EXHAUSTIVE
from harness.explore.weaknesses import SUITES
from harness.explore.workloads import WORKLOADS

NAMED = {**WORKLOADS, **EXHAUSTIVE, **SUITES}
