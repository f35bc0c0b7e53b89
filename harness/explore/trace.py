"""A traced execution as lines: one event a line, one column a thread, the value read or written, the source line."""

from __future__ import annotations

from collections.abc import Sequence

from harness.builds import Symbols
from harness.model.batch import Event
from harness.model.finding import Location

_COLUMN = 30


def trace_lines(events: Sequence[Event], total: int, symbols: Symbols) -> tuple[str, ...]:
    """Return the lines; the last one says so when there were more events than are there."""
    symbols.look_up(event.pc for event in events)
    threads = sorted({event.thread for event in events})
    column = {thread: place for place, thread in enumerate(threads)}
    head = "    step  " + "".join(_named(thread).ljust(_COLUMN) for thread in threads) + "where"
    lines = [head.rstrip()]
    for event in events:
        cells = ["".ljust(_COLUMN)] * len(threads)
        cells[column[event.thread]] = _cell(event).ljust(_COLUMN)
        lines.append(f"{event.step:8}  {''.join(cells)}{_where(symbols.frames((event.pc,)))}".rstrip())
    if total > len(events):
        lines.append(f"... {total - len(events)} more events")
    return tuple(lines)


def _named(thread: int) -> str:
    return f"thread {thread}" if thread >= 0 else "creator"


def _cell(event: Event) -> str:
    switched = ">" if event.chosen else " "
    return f"{switched}{event.kind} {event.address:x} = {event.value:x}"


def _where(frames: Sequence[Location]) -> str:
    if not frames:
        return ""
    frame = frames[0]
    return f"{frame.function or '?'} {frame.file or '?'}:{frame.line}"
