"""What `racewash report` prints with --json."""

from __future__ import annotations

from dataclasses import dataclass

from harness.model.output.common import Output


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOutput(Output):
    """`racewash report`: the run's folder and the page written."""

    run: str
    output: str
