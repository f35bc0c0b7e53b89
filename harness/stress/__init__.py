"""Real threads in supervised worker processes: whatever a worker does, it ends as figures or as a finding."""

from __future__ import annotations

from harness.stress.request import RunRequest
from harness.stress.result import RunResult
from harness.stress.run import RunFailed, run

__all__ = ["RunFailed", "RunRequest", "RunResult", "run"]
