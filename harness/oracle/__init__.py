"""What judges an execution: a sanitizer's text, the target's violations, the way a worker ended."""

from __future__ import annotations

from harness.oracle.death import (
    Death,
    crash_finding,
    exit_finding,
    flood_finding,
    garbled_finding,
    hang_finding,
    left_behind_finding,
    oom_finding,
)
from harness.oracle.outcome import outcome_findings
from harness.oracle.sanitizer import Report, parse_reports, report_finding
from harness.oracle.scheduled import observed

__all__ = [
    "Death",
    "Report",
    "crash_finding",
    "exit_finding",
    "flood_finding",
    "garbled_finding",
    "hang_finding",
    "left_behind_finding",
    "observed",
    "oom_finding",
    "outcome_findings",
    "parse_reports",
    "report_finding",
]
