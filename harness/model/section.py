"""A table with a title, as Markdown: what documents show of a measurement, and where in them it stands."""

from __future__ import annotations

from dataclasses import dataclass

from harness.model.problem import Problem


@dataclass(frozen=True, slots=True)
class Section:
    """One table of the output: a title, columns (the first is text, numbers follow), rows, a closing sentence."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def markdown(section: Section) -> str:
    """Return a section's title, table and closing sentence as Markdown, its columns aligned for reading as text."""
    table = [section.columns, *section.rows]
    widths = [max(3, *(len(row[i]) for row in table)) for i in range(len(section.columns))]
    lines = [_line(row, widths) for row in table]
    rule = "|".join(["-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:])])
    lines.insert(1, f"|{rule}|")
    note = ["", section.note] if section.note else []
    return "\n".join([f"**{section.title}**", "", *lines, *note])


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
    return "| " + " | ".join(cells) + " |"


def marked(document: str, name: str, path: str) -> tuple[str, str, str]:
    """Return a document before, between and after the marks `<!-- name: begin -->` and `<!-- name: end -->`.

    The marks stay with what is outside of them. Raises Problem when `path`, the document, has none of that name.

    >>> marked("a <!-- x: begin -->b<!-- x: end --> c", "x", "README.md")
    ('a <!-- x: begin -->', 'b', '<!-- x: end --> c')
    """
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    head, found, rest = document.partition(begin)
    shown, ended, tail = rest.partition(end)
    if not found or not ended:
        raise Problem(f"{path} has no section between the lines {begin} and {end}: put them where it shall stand")
    return head + begin, shown, end + tail
