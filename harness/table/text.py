"""The memory table for people: rich tables on a terminal, Markdown tables otherwise (the README shows these)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Console
from rich.table import Table as RichTable

from harness.model.memory import Against, Bytes, GrowthPoint, Stated, Table
from harness.model.section import Section, markdown

KIB, MIB = 1 << 10, 1 << 20


def amount(count: int) -> str:
    """Return bytes as people read them: 8,000 B up to 64 KB, then KB, MB, GB (all binary)."""
    if abs(count) < 64 * KIB:
        return f"{count:,} B"
    if abs(count) < MIB:
        return f"{count / KIB:,.0f} KB"
    return f"{count / MIB:,.2f} MB" if abs(count) < KIB * MIB else f"{count / MIB / KIB:,.4g} GB"


def sections(table: Table) -> Iterator[Section]:
    """Return the table's parts in the order of reading."""
    yield _labels(table)
    yield Section(
        "Each optimisation alone (all other parts before)",
        ("part", "label", "hold before", "hold after", "total before", "total after"),
        tuple(
            (row.part, row.label, *_holds(row.before, row.after, row.total_before, row.total_after))
            for row in table.alone
        ),
    )
    yield Section(
        "CACHE_MAP_BKT: layout and bucket count",
        ("what changes", "buckets", "hold before", "hold after", "used/hold after", "total before", "total after"),
        tuple(
            (
                row.name,
                _change(row.buckets_before, row.buckets_after),
                *_holds(row.before, row.after),
                f"{row.after.ratio:.3f}",
                *_holds(row.total_before, row.total_after),
            )
            for row in table.buckets
        ),
    )
    yield Section(
        "CACHE_MAP_NODE by instances of one pair each",
        ("instances", "hold before", "hold after", "saved"),
        tuple(
            (str(row.instances), *_holds(row.before, row.after), amount(row.before.hold - row.after.hold))
            for row in table.nodes
        ),
    )
    wash = table.wash
    yield Section(
        f"KvstCachWashStr with a wash of {amount(wash.bytes)}",
        ("when", "used before", "hold before", "used after", "hold after"),
        (
            ("at rest", *_both(wash.rest_before), *_both(wash.rest_after)),
            ("peak", *_both(wash.peak_before), *_both(wash.peak_after)),
        ),
    )
    yield _curve("CACHE_MB_HANDLE block by block", "blocks", table.growth)
    yield _curve("CACHE_MB_HANDLE supply by supply", "supplies", table.supplies)
    if table.against is not None:
        yield against_section(table.against)


def against_section(against: Against) -> Section:
    """Return the real database's figures beside our core's."""
    return Section(
        f"Against {against.name} at {amount(against.memory)}, both in the layout before",
        ("figure", "our core", "the database"),
        tuple((row.name, f"{row.core:,}", f"{row.database:,}") for row in against.rows),
        "Both columns are measured: ours in the core's accounts, the database's in its live memory.",
    )


def to_text(table: Table) -> str:
    """Return the whole table as Markdown."""
    return "\n\n".join(markdown(section) for section in sections(table)) + "\n"


def summary(table: Table) -> str:
    """Return the first section alone as Markdown: what the README shows."""
    return markdown(_labels(table)) + "\n"


def show(table: Table, console: Console) -> None:
    """Print the table: drawn on a terminal, Markdown elsewhere."""
    if not console.is_terminal:
        console.print(to_text(table), markup=False, highlight=False, soft_wrap=True, end="")
        return
    for section in sections(table):
        drawn = RichTable(title=section.title, caption=section.note or None, box=box.SIMPLE_HEAD, title_justify="left")
        for index, column in enumerate(section.columns):
            drawn.add_column(column, justify="left" if index == 0 else "right")
        for row in section.rows:
            drawn.add_row(*row)
        console.print(drawn)


def _labels(table: Table) -> Section:
    rows = []
    for row in table.labels:
        name = f"(of it: {row.label})" if row.part_of else row.label
        rows.append((name, *_both(row.before), *_both(row.after), *_told(row.pull_request)))
    for total in table.totals:
        name = f"Total: {total.name}"
        rows.append((name, *_both(total.before), *_both(total.after), *_told(total.pull_request)))
    buckets = _change(table.buckets_before, table.buckets_after)
    return Section(
        f"Cold start at {amount(table.memory)}: {table.instances} instances of one pair each, {buckets} buckets",
        ("label", "used before", "hold before", "used after", "hold after", "PR: before", "PR: after"),
        tuple(rows),
        "PR: " + table.source,
    )


def _curve(title: str, unit: str, points: Sequence[GrowthPoint]) -> Section:
    return Section(
        title,
        (unit, "handles", "used", "hold", "step"),
        tuple((str(p.count), f"{p.handles:,}", f"{p.used:,} B", f"{p.hold:,} B", f"{p.step:,} B") for p in points),
    )


def _change(before: int, after: int) -> str:
    return f"{before:,}" if before == after else f"{before:,} -> {after:,}"


def _holds(*parts: Bytes) -> tuple[str, ...]:
    return tuple(amount(part.hold) for part in parts)


def _told(stated: Stated | None) -> tuple[str, str]:
    return (stated.before, stated.after) if stated else ("", "")


def _both(part: Bytes) -> tuple[str, str]:
    return amount(part.used), amount(part.hold)
