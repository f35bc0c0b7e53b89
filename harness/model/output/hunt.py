"""What `racewash hunt` prints with --json."""

from __future__ import annotations

from dataclasses import dataclass

from harness.model.finding import Finding
from harness.model.output.common import Output


@dataclass(frozen=True, slots=True, kw_only=True)
class HuntOutput(Output):
    """`racewash hunt`: the failure of `bundle` under the scheduler, with `token` to see it again; null: not found.

    `match` says by what it is the same one; `findings` are all that were seen, `scenarios` how many were tried.
    `bundle` is null when only a token was given.
    """

    build: str
    bundle: str | None
    fingerprint: str
    seed: int
    found: Finding | None
    match: str
    token: str | None
    findings: tuple[Finding, ...]
    scenarios: int
    executions: int
    seconds: float
    canary: bool | None
    interrupted: bool
    notes: tuple[str, ...]
    path: str
    again: str
