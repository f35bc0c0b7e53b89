"""The lines of a traced execution, under the name by which what replays and shrinks knows them."""

from __future__ import annotations

from harness.explore.trace import trace_lines

__all__ = ["trace_lines"]
