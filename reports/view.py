"""What the page shows, taken from the stored run, its findings and the newest table; nothing is measured here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.model.finding import KINDS
from reports.charts import RowChart, StepChart, bars, ranges, stairs

KIB, MIB = 1 << 10, 1 << 20
PERCENTILES = (("p50", 50.0), ("p99", 99.0), ("p99.9", 99.9))


@dataclass(frozen=True, slots=True)
class SuiteView:
    """One suite's line; latencies are upper edges of powers of two, in nanoseconds, None when none was sampled."""

    name: str
    executions: int
    operations: int
    per_second: float
    latency: tuple[int | None, ...]
    findings: int


@dataclass(frozen=True, slots=True)
class InvariantView:
    """One invariant: checks made in all, and the suites that made them."""

    id: str
    checks: int
    suites: str


@dataclass(frozen=True, slots=True)
class FindingView:
    """One finding with what its folder holds."""

    kind: str
    meaning: str
    message: str
    suite: str
    fingerprint: str
    invariant: str | None
    count: int
    seed: int | None
    bundle: str | None
    locations: tuple[str, ...]
    report: str
    scenario: str


@dataclass(frozen=True, slots=True)
class MemoryView:
    """The stored memory table and its charts."""

    title: str
    rows: tuple[dict[str, Any], ...]
    totals: tuple[dict[str, Any], ...]
    growth: tuple[dict[str, Any], ...]
    source: str
    before_after: RowChart
    staircase: StepChart


def suites_of(run: dict[str, Any]) -> tuple[SuiteView, ...]:
    """Return the suites of a stored run in its order."""
    counts: dict[str, int] = {}
    for finding in run.get("findings", []):
        counts[finding["suite"]] = counts.get(finding["suite"], 0) + 1
    return tuple(
        SuiteView(
            suite["name"],
            suite["executions"],
            suite["operations"],
            suite["operations_per_second"],
            tuple(percentile(suite.get("latency", []), share) for _, share in PERCENTILES),
            counts.get(suite["name"], 0),
        )
        for suite in run.get("suites", [])
    )


def invariants_of(run: dict[str, Any]) -> tuple[InvariantView, ...]:
    """Return the invariants that were checked, in the specification's order (I before Q, by number)."""
    checks: dict[str, int] = {}
    where: dict[str, list[str]] = {}
    for suite in run.get("suites", []):
        for name, count in suite.get("invariants", {}).items():
            if count:
                checks[name] = checks.get(name, 0) + count
                where.setdefault(name, []).append(suite["name"])
    total = len(run.get("suites", []))
    return tuple(
        InvariantView(name, checks[name], "all" if len(where[name]) == total > 1 else ", ".join(where[name]))
        for name in sorted(checks, key=lambda name: (name[:1], int(name[1:]) if name[1:].isdigit() else 0, name))
    )


def finding_of(finding: dict[str, Any], scenario: str) -> FindingView:
    """Return a finding as the page shows it."""
    places = tuple(
        f"{place['file']}:{place['line']}" + (f" in {place['function']}" if place.get("function") else "")
        for place in finding.get("locations", [])
    )
    return FindingView(
        finding["kind"], KINDS.get(finding["kind"], ""), finding["message"], finding["suite"], finding["fingerprint"],
        finding.get("invariant"), finding.get("count", 1), finding.get("seed"), finding.get("bundle"), places,
        finding.get("report", ""), scenario,
    )  # fmt: skip


def percentile(histogram: Sequence[int], share: float) -> int | None:
    """Return the upper edge (ns) of the bucket in which the share (percent) of a log2 histogram lies.

    >>> percentile([0, 3, 1], 50)
    4
    """
    total = sum(histogram)
    seen = 0
    for power, count in enumerate(histogram):
        seen += count
        if total and seen * 100 >= total * share:
            return 1 << (power + 1)
    return None


def latency_chart(suites: Sequence[SuiteView]) -> RowChart | None:
    """Return the chart of latency percentiles, None when nothing was sampled."""
    rows = [
        (suite.name, [(name, float(value or 0)) for (name, _), value in zip(PERCENTILES, suite.latency, strict=True)])
        for suite in suites
        if suite.latency[0] is not None
    ]
    if not rows:
        return None
    worst = max(rows, key=lambda row: row[1][-1][1])
    summary = (
        "Latency percentiles by suite on a logarithmic axis; "
        f"the largest p99.9 is {duration(worst[1][-1][1])} in {worst[0]}."
    )
    return ranges("Latency of one operation", summary, rows, duration)


def rate_chart(suites: Sequence[SuiteView]) -> RowChart | None:
    """Return the chart of operations a second, None when nothing ran."""
    if not suites:
        return None
    best = max(suites, key=lambda suite: suite.per_second)
    summary = f"Operations a second by suite; the most, {count(best.per_second)}, in {best.name}."
    return bars("Operations a second", summary, [(s.name, [("rate", s.per_second)]) for s in suites], count, count)


def memory_of(table: dict[str, Any]) -> MemoryView:
    """Return the stored table with its charts."""
    rows = tuple(table["labels"])
    charted = [row for row in rows if row.get("pull_request")]
    charted += [{**total, "label": f"total: {total['name']}"} for total in table["totals"]]
    data = [
        (row["label"], [("before", float(row["before"]["hold"])), ("after", float(row["after"]["hold"]))])
        for row in charted
    ]
    told = "; ".join(f"{name} from {amount(series[0][1])} to {amount(series[1][1])}" for name, series in data)
    growth = tuple(table["growth"])
    steps = sorted({point["step"] for point in growth[1:]})
    start = growth[0]["hold"] if growth else 0
    climbs = (
        f"Hold of CACHE_MB_HANDLE above the {amount(start)} it starts with, after each block of handles; "
        f"every step is {' or '.join(amount(step) for step in steps)}."
    )
    steady = [(point["count"], point["hold"] - start) for point in growth]
    title = "Hold by label, before and after"
    limit, cold = round_amount(table["memory"]), f"cold start of {table['instances']} instances"
    return MemoryView(
        title=f"Memory limit {limit}, {cold}, layout {table['layout']}",
        rows=rows,
        totals=tuple(table["totals"]),
        growth=growth,
        source=table["source"],
        before_after=bars(title, f"Hold at cold start: {told}.", data, amount, round_amount, MIB),
        staircase=stairs("Growth of CACHE_MB_HANDLE", climbs, steady, "blocks", amount, round_amount, KIB),
    )


def amount(size: float) -> str:
    """Return bytes as people read them (binary units)."""
    if abs(size) < 64 * KIB:
        return f"{size:,.0f} B"
    return f"{size / KIB:,.0f} KB" if abs(size) < MIB else f"{size / MIB:,.2f} MB"


def round_amount(size: float) -> str:
    """Return a grid line's bytes, or a memory size, without needless digits.

    >>> round_amount(2 * 1024**3)
    '2 GB'
    """
    for unit, name in ((MIB * KIB, "GB"), (MIB, "MB"), (KIB, "KB")):
        if abs(size) >= unit:
            return f"{size / unit:,.4g} {name}"
    return f"{size:,.0f} B"


def count(value: float) -> str:
    """Return a count as people read it.

    >>> count(1234567)
    '1.23 M'
    """
    for limit, unit in ((1e9, " G"), (1e6, " M"), (1e4, " k")):
        if value >= limit:
            return f"{value / (1e3 if unit == ' k' else limit):.3g}{unit}"
    return f"{value:,.0f}"


def duration(nanoseconds: float) -> str:
    """Return a duration with three digits at most.

    >>> duration(2048)
    '2.05 µs'
    """
    for limit, unit in ((1e9, "s"), (1e6, "ms"), (1e3, "µs")):
        if nanoseconds >= limit:
            return f"{nanoseconds / limit:.3g} {unit}"
    return f"{nanoseconds:.3g} ns"
