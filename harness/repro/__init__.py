"""From a token or a bundle back to the execution: replay, and orders written by hand."""

from __future__ import annotations

from harness.repro.force import Forced, force, to
from harness.repro.replay import ReplayRequest, ReplayResult, replay

__all__ = ["Forced", "ReplayRequest", "ReplayResult", "force", "replay", "to"]
