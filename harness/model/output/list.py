"""What `racewash list` prints with --json."""

from __future__ import annotations

from dataclasses import dataclass

from harness.model.documents import Defect, Invariant
from harness.model.finding import Finding
from harness.model.output.common import Output


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyLine:
    """A way of choosing, as `explore --strategy` takes it."""

    name: str
    purpose: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteLine:
    """An installed suite."""

    name: str
    purpose: str
    invariants: tuple[str, ...]
    modes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteLine:
    """A place that allocates and can be made to fail: FILE:LINE."""

    site: str
    function: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationLine:
    """An operation that a target offers, or (`offered` false) that our core's target has and this one hasn't."""

    name: str
    purpose: str
    offered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOutput(Output):
    """`racewash list`: the topics that were not asked for are null."""

    target: str = "kvcache"
    operations: tuple[OperationLine, ...] | None = None

    suites: tuple[SuiteLine, ...] | None = None
    defects: tuple[Defect, ...] | None = None
    invariants: tuple[Invariant, ...] | None = None
    strategies: tuple[StrategyLine, ...] | None = None
    sites: tuple[SiteLine, ...] | None = None
    findings: tuple[Finding, ...] | None = None
