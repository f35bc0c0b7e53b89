"""From a finding to the smallest case that shows it: fewer threads, operations, faults, preemptions; and its story."""

from __future__ import annotations

from harness.shrink.auto import shrink_findings
from harness.shrink.bundle import contents, keep
from harness.shrink.run import ShrinkRequest, Shrunk, shrink
from harness.shrink.story import Story
from harness.shrink.table import story_text

__all__ = ["ShrinkRequest", "Shrunk", "Story", "contents", "keep", "shrink", "shrink_findings", "story_text"]
