"""What `racewash table` prints with --json."""

from __future__ import annotations

from dataclasses import dataclass

from harness.model.memory import Table
from harness.model.output.common import Output


@dataclass(frozen=True, slots=True, kw_only=True)
class TableOutput(Output, Table):
    """`racewash table`: the table itself beside the common fields."""

    build: str
