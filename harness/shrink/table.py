"""A story as text: a numbered table, one column a thread, the source line of each step, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence

from harness.model.scenario import Program, Scenario
from harness.shrink.story import Row, Story, op_text

_GAP = "  "
_SOURCE = 60  # characters of a source line
_LISTED = 96  # columns after which the configuration is broken


def story_text(story: Story) -> str:
    """Return a story as lines of text."""
    return "\n".join([*_before(story.scenario), "", *_table(story), "", *_after(story)]) + "\n"


def _before(scenario: Scenario) -> list[str]:
    lines = [f"suite {scenario.suite}, target {scenario.target}"]
    listed = [f"{name} {value}" for name, value in sorted(scenario.params.items())]
    lines += _wrapped("configuration: ", listed or ["the target's standard"])
    if scenario.setup:
        lines += _wrapped("set-up: ", [op_text(op) for op in scenario.setup])
    return lines + [f"thread {i}: {_program(program)}" for i, program in enumerate(scenario.programs)]


def _wrapped(head: str, items: Sequence[str]) -> list[str]:
    lines, line = [], head
    for number, item in enumerate(items):
        piece = item + (", " if number + 1 < len(items) else "")
        if len(line) + len(piece) > _LISTED and line.strip():
            lines.append(line.rstrip())
            line = "  "
        line += piece
    return [*lines, line.rstrip()]


def _program(program: Program) -> str:
    return ", ".join(map(op_text, program)) or "nothing"


def _table(story: Story) -> list[str]:
    columns = [*range(len(story.scenario.programs))]
    if any(row.thread < 0 for row in story.rows):
        columns.insert(0, -1)
    heads = {column: f"thread {column}" if column >= 0 else "creator" for column in columns}
    widths = {
        column: max([len(heads[column]), *(len(_cell(row)) for row in story.rows if row.thread == column)])
        for column in columns
    }
    numbers = max(len(str(len(story.rows))), 1)
    steps = max([len("step"), *(len(str(row.step)) for row in story.rows)])
    lead = f"{'#':>{numbers}}{_GAP}{'step':>{steps}}"
    lines = [_GAP.join([lead, *(heads[column].ljust(widths[column]) for column in columns), "where"]).rstrip()]
    for number, row in enumerate(story.rows, 1):
        cells = [(_cell(row) if column == row.thread else "").ljust(widths[column]) for column in columns]
        lines.append(_GAP.join([f"{number:>{numbers}}{_GAP}{row.step:>{steps}}", *cells, _where(row)]).rstrip())
    if story.left_out:
        lines.append(f"({story.left_out} steps more would have mattered)")
    return lines


def _cell(row: Row) -> str:
    """`>`: another thread ran before; `!`: here it went wrong."""
    mark = "!" if row.fatal else ">" if row.switched else " "
    return f"{mark} {row.text}"


def _where(row: Row) -> str:
    text = row.source if len(row.source) <= _SOURCE else row.source[: _SOURCE - 3] + "..."
    return f"{row.where}{_GAP}{text}".rstrip()


def _after(story: Story) -> list[str]:
    lines = [f"=> {story.end}", f"   noticed at step {story.step} by {story.noticed}"]
    if len(story.scenario.programs) == 1:
        lines.append("   one thread is enough: this is no race")
    if story.words:
        lines += _wrapped("   words: ", [f"{name} at {address:#x}" for name, address in story.words.items()])
    return [*lines, "   > marks where another thread goes on, ! where it went wrong"]
