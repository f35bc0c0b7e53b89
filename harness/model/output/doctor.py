"""What `racewash doctor` prints with --json."""

from __future__ import annotations

from dataclasses import dataclass

from harness.model.output.common import Output


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that racewash can use: `fix` says in one sentence what to do where it is missing, else null."""

    name: str
    ok: bool
    fix: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorOutput(Output):
    """`racewash doctor`."""

    checks: tuple[Check, ...]
