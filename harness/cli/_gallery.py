"""What a gallery says at its end, for people: the table, what was deferred, what could not be used, the counts."""

from __future__ import annotations

from collections.abc import Sequence

from harness.model.gallery import GalleryDefect, SuiteRow
from harness.model.output.gallery import GalleryOutput

HEAD = ("defect", "found", "by", "suite", "executions", "CPU s median", "worst", "replayed", "shrunk", "real threads",
        "ratio")  # fmt: skip


def summary(output: GalleryOutput) -> str:
    """Return the end of a gallery as lines of text."""
    lines = columns([HEAD, *(row(defect, output.budget) for defect in output.defects)]) if output.defects else []
    lines += _by_suite(output.by_suite)
    lines += [f"deferred: {one.name} ({one.category}): {one.reason}" for one in output.deferred]
    lines += [f"error: {one.name}: {one.message}" for one in output.errors]
    lines += closing(output)
    if output.interrupted:
        lines.append("interrupted: the same command goes on where it was")
    return "\n".join(lines)


def closing(output: GalleryOutput) -> list[str]:
    """Return the sentences of the counts: what was found, and what real threads took."""
    lines = [
        f"{output.found} of {output.total} found by every one of {output.seeds} seeds within {output.budget:g} CPU "
        f"seconds; {len(output.deferred)} deferred, {len(output.errors)} could not be used"
    ]
    if output.ratio is not None:
        bound = "at least " if output.at_least else ""
        lines.append(
            f"over the defects that need an interleaving real threads took {bound}{output.ratio:,.0f} times the CPU "
            f"time (median); they never found {output.never}"
        )
    return lines


def row(defect: GalleryDefect, budget: float) -> tuple[str, ...]:
    """Return a defect's line of the table."""
    found = "yes" if defect.found else f"{defect.seeds_found} of {len(defect.attempts)}"
    replayed = "" if defect.replayed is None else f"{defect.replayed[0]}/{defect.replayed[1]}"
    real, ratio = "", ""
    if defect.real_threads is not None:
        real = f"{'>= ' if defect.at_least else ''}{defect.real_threads.median:.1f}"
        real += f" ({defect.real_threads.found} of {defect.real_threads.seeds})"
    if defect.ratio is not None:
        ratio = times_text(defect.ratio, at_least=defect.at_least)
    worst = f"{'>= ' if defect.worst >= budget else ''}{defect.worst:.3f}"
    return (defect.name, found, defect.oracle or "", defect.suite or "", f"{defect.executions:,}",
            f"{defect.median:.3f}", worst, replayed, "" if defect.shrunk is None else str(defect.shrunk), real,
            ratio)  # fmt: skip


def times_text(ratio: float, *, at_least: bool) -> str:
    """Return a ratio as people read it: whether it is 0.2 or 0.7 matters more than the digits of a large one.

    >>> times_text(0.18, at_least=False), times_text(5451.2, at_least=True)
    ('0.2', '>= 5,451')
    """
    return f"{'>= ' * at_least}{ratio:,.{int(ratio < 10)}f}"


def _by_suite(rows: Sequence[SuiteRow] | None) -> list[str]:
    if rows is None:
        return []
    table = [("suite", "finds", "only it finds")]
    table += [(one.suite, str(len(one.finds)), ", ".join(one.alone) or "none") for one in rows]
    return ["", *columns(table), ""]


def columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return rows in columns; the last one is as long as it is.

    >>> columns([("a", "b"), ("long", "c")])
    ['a     b', 'long  c']
    """
    widths = [max(len(one[i]) for one in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(one, widths, strict=True)).rstrip() for one in rows]
