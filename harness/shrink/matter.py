"""Which events of an execution matter to its story.

Where operations begin and end; where another thread goes on; where a thread meets what another one has left in memory
(it reads what that wrote, or writes over what that read or wrote); and where it went wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from harness.model.batch import Event, Observation

CALL, RETURN = "call", "return"
WRITES = frozenset({"store", "rmw", "write", "alloc", "free", "lock", "unlock", "signal"})
READS = frozenset({"load", "cas", "read", "volatile", "plain", "wait"})
MOST = 48  # rows of a story
_WORD = 8  # bytes
_MOST_WORDS = 64  # of one access that are looked at


def fatal(events: Sequence[Event], seen: Observation) -> tuple[int, ...]:
    """Return the events in which it went wrong: the last one at each of the finding's stacks."""
    found = []
    for stack in seen.stacks:
        if stack.pcs:
            at = [
                i for i, event in enumerate(events)
                if event.thread == stack.thread and event.pc == stack.pcs[0] and event.step <= seen.step
            ]  # fmt: skip
            found += at[-1:]
    return tuple(found)


def meetings(events: Sequence[Event]) -> set[int]:
    """Return accesses of one word, one after the other, by two threads, one of them writing."""
    found: set[int] = set()
    written: dict[int, int] = {}  # word -> the event that wrote it last
    read: dict[int, dict[int, int]] = {}  # word -> by thread, the event that has read it since
    for i, event in enumerate(events):
        writes = event.kind in WRITES
        if event.thread < 0 or not event.address or not (writes or event.kind in READS):
            continue
        for word in _words(event):
            others = [written[word]] if word in written else []
            others += read.get(word, {}).values() if writes else []
            met = [other for other in others if events[other].thread != event.thread]
            found |= {i, *met} if met else set()
            if writes:
                written[word] = i
                read.pop(word, None)
            else:
                read.setdefault(word, {})[event.thread] = i
    return found


def switches(events: Sequence[Event]) -> set[int]:
    """Return the last event before another thread goes on, and that thread's first, among those of programs."""
    ran = [i for i, event in enumerate(events) if event.thread >= 0]
    pairs = [{one, two} for one, two in pairwise(ran) if events[one].thread != events[two].thread]
    return set().union(*pairs)


def repeated(events: Sequence[Event]) -> dict[int, int]:
    """Return for the first event of each place in a thread's stretch without a break how often that place comes.

    What comes again in a loop is told once, with its number of times.
    """
    counts: dict[int, int] = {}
    first: dict[tuple[int, str], int] = {}
    thread: int | None = None
    for i, event in enumerate(events):
        if event.thread != thread:
            thread, first = event.thread, {}
        place = i if event.kind in (CALL, RETURN) else first.setdefault((event.pc, event.kind), i)
        counts[place] = counts.get(place, 0) + 1
    return counts


def told(events: Sequence[Event], seen: Observation) -> tuple[list[int], int]:
    """Return the events that matter, in their order, and how many had to be left out because they were too many."""
    wrong = fatal(events, seen)
    called = {i for i, event in enumerate(events) if event.thread >= 0 and event.kind in (CALL, RETURN)}
    once = repeated(events).keys()
    matter = {*wrong, *called, *((meetings(events) | switches(events)) & once)}
    ranked = sorted(matter, key=lambda i: (i not in wrong, i not in called, events[i].kind not in WRITES, -i))
    return sorted(ranked[:MOST]), max(0, len(matter) - MOST)


def _words(event: Event) -> Iterator[int]:
    """Yield the words that an access touches; of what is made or freed only the first."""
    size = _WORD if event.kind in ("alloc", "free") else min(max(event.size, 1), _MOST_WORDS * _WORD)
    yield from range(event.address // _WORD, (event.address + size - 1) // _WORD + 1)
