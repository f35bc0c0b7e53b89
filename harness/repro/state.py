"""Where every thread of a traced execution stands when it has come to a step."""

from __future__ import annotations

from collections.abc import Sequence

from harness.builds import Symbols
from harness.model.batch import Event


def state_at(events: Sequence[Event], step: int, symbols: Symbols) -> tuple[str, ...]:
    """Return, for each thread that had begun by this step, its last event and its place, as lines."""
    last = {event.thread: event for event in events if event.step <= step}
    if not last:
        first = events[0].step if events else 0
        return (f"no thread has come to a point by step {step}; the first one is at step {first}",)
    symbols.look_up(event.pc for event in last.values())
    reached = max(event.step for event in last.values())
    lines = [f"at step {reached}:" if reached == step else f"at step {reached}, the last point up to step {step}:"]
    runs = max(last.values(), key=lambda event: event.step).thread
    for thread in sorted(last):
        event = last[thread]
        who = f"thread {thread}" if thread >= 0 else "creator"
        mark = ">" if thread == runs else " "
        frames = symbols.frames((event.pc,))
        lines.append(f"{mark} {who}: step {event.step}, {event.kind} {event.address:x} = {event.value:x}")
        lines += [f"      {frame.function or '?'} {frame.file or '?'}:{frame.line}" for frame in frames]
    return tuple(lines)
