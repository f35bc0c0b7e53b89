"""From a token or a bundle back to the execution: replay, and orders written by hand."""

from __future__ import annotations

from harness.repro.force import Forced, force, to
from harness.repro.replay import replay
from harness.repro.reproduce import Reproduced, reproduce
from harness.repro.result import ReplayRequest, ReplayResult

__all__ = ["Forced", "ReplayRequest", "ReplayResult", "Reproduced", "force", "replay", "reproduce", "to"]
