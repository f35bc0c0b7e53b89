"""A measured gallery as a section of a document: a table by class of defects, and a folded one of each defect."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

from harness.cli._gallery import HEAD, closing, row, times_text
from harness.model.documents import CATEGORIES
from harness.model.gallery import GalleryDefect, ratio_over
from harness.model.output.gallery import GalleryOutput
from harness.model.problem import Problem
from harness.model.section import Section, markdown, marked
from harness.store.disk import write_file

NAME = "gallery"
COLUMNS = ("class", "defects", "found", "CPU s median", "worst", "replayed", "real threads found", "ratio")


def write_into(path: Path, output: GalleryOutput, command: str) -> None:
    """Put the gallery between its marks in a document. Raises Problem when it has none, or can't be read or written."""
    try:
        before, _, after = marked(path.read_text(encoding="utf-8"), NAME, str(path))
        write_file(path, (before + "\n" + document(output, command) + after).encode())
    except OSError as error:
        raise Problem(f"the table can't be put into {path}: {error.strerror}") from error


def document(output: GalleryOutput, command: str) -> str:
    """Return both tables as Markdown, and the command that measures them."""
    by_class = Section(f"`{command}`", COLUMNS, tuple(_by_class(output.defects)), "\n".join(closing(output)))
    reasons = [f"- deferred: {one.name} ({one.category}): {one.reason}" for one in output.deferred]
    rows = tuple(row(defect, output.budget) for defect in output.defects)
    each = Section("Each defect", HEAD, rows, "\n".join(reasons))
    folded = f"<details><summary>Each defect</summary>\n\n{markdown(each)}\n\n</details>"
    return f"{markdown(by_class)}\n\n{folded}\n"


def _by_class(defects: Sequence[GalleryDefect]) -> list[tuple[str, ...]]:
    members = {name: [one for one in defects if one.category == name] for name in CATEGORIES}
    return [_row(name, some) for name, some in members.items() if some]


def _row(name: str, defects: Sequence[GalleryDefect]) -> tuple[str, ...]:
    replays = [defect.replayed for defect in defects if defect.replayed is not None]
    raced = [defect.real_threads for defect in defects if defect.real_threads is not None]
    ratio, at_least = ratio_over(defects, name)
    return (
        name,
        str(len(defects)),
        str(sum(defect.found for defect in defects)),
        f"{statistics.median(defect.median for defect in defects):.3f}",
        f"{max(defect.worst for defect in defects):.3f}",
        f"{sum(seen for seen, _ in replays):,}/{sum(tries for _, tries in replays):,}" if replays else "",
        str(sum(real.found > 0 for real in raced)) if raced else "",
        "" if ratio is None else times_text(ratio, at_least=at_least),
    )
