"""Which events of an execution matter to its story.

Where operations begin and end; where another thread goes on; where a thread meets what another one has left in memory
(it reads what that wrote, or writes over what that read or wrote); and where it went wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from harness.model.batch import Event, Observation

CALL, RETURN = "call", "return"
WRITES = frozenset({"store", "rmw", "write", "alloc", "free", "lock", "unlock", "signal"})
READS = frozenset({"load", "cas", "read", "volatile", "plain", "wait"})
MOST = 30  # rows of a story
_WORD = 8  # bytes
_MOST_WORDS = 64  # of one access that are looked at


def fatal(events: Sequence[Event], seen: Observation) -> tuple[int, ...]:
    """Return the events in which it went wrong: the last one at each of the finding's stacks.

    An instruction that crashes is no event, or not at its own place: the last one before it stands for it.
    """
    found = []
    for stack in seen.stacks:
        if stack.pcs:
            at = [
                i for i, event in enumerate(events)
                if event.thread == stack.thread and event.pc == stack.pcs[0] and event.step <= seen.step
            ]  # fmt: skip
            if not at and seen.kind == "crash":
                at = [i for i, event in enumerate(events) if event.thread == stack.thread and event.step <= seen.step]
            found += at[-1:]
    return tuple(found)


def spans(events: Sequence[Event]) -> list[tuple[int, int]]:
    """Return for each event where the operation that it belongs to begins and ends; outside of any only the event."""
    found = [(i, i) for i in range(len(events))]
    under_way: dict[int, list[int]] = {}
    for i, event in enumerate(events):
        if event.kind == CALL:
            under_way[event.thread] = []
        part = under_way.get(event.thread)
        if part is not None:
            part.append(i)
            if event.kind == RETURN:
                del under_way[event.thread]
                for j in part:
                    found[j] = (part[0], i)
    for part in under_way.values():
        for j in part:
            found[j] = (part[0], len(events))
    return found


def meetings(events: Sequence[Event]) -> set[int]:
    """Return accesses of one word, one after the other, by two threads, one of them writing.

    Only in operations that overlap: what one finds that another left, which had ended before it began, is no race.
    """
    found: set[int] = set()
    span = spans(events)
    written: dict[int, int] = {}  # word -> the event that wrote it last
    read: dict[int, dict[int, int]] = {}  # word -> by thread, the event that has read it since
    for i, event in enumerate(events):
        writes = event.kind in WRITES
        if event.thread < 0 or not event.address or not (writes or event.kind in READS):
            continue
        for word in _words(event):
            others = [written[word]] if word in written else []
            others += read.get(word, {}).values() if writes else []
            met = [j for j in others if events[j].thread != event.thread and span[j][1] >= span[i][0]]
            found |= {i, *met} if met else set()
            if writes:
                written[word] = i
                read.pop(word, None)
            else:
                read.setdefault(word, {})[event.thread] = i
    return found


def torn(events: Sequence[Event], met: set[int]) -> set[int]:
    """Return the accesses of words at which an operation is torn: it accesses one, another thread does, it does again.

    With all that the operations concerned do with that word: what a thread had read before is half of the story.
    """
    found: set[int] = set()
    span, all_of = spans(events), _by_word(events, range(len(events)))
    for word, listed in _by_word(events, met).items():
        parts: set[tuple[int, int]] = set()
        for one, two in pairwise(listed):
            again = any(span[k] == span[one] and k > two for k in listed)
            if again and events[one].thread != events[two].thread:
                parts |= {span[one], span[two]}
        if parts:
            found |= {i for i in all_of[word] if span[i] in parts}
    return found


def _by_word(events: Sequence[Event], which: Iterable[int]) -> dict[int, list[int]]:
    """Return for each word its accesses among these events, in their order."""
    by_word: dict[int, list[int]] = {}
    for i in sorted(which):
        if events[i].thread >= 0 and events[i].address and events[i].kind in WRITES | READS:
            for word in _words(events[i]):
                by_word.setdefault(word, []).append(i)
    return by_word


def switches(events: Sequence[Event]) -> set[int]:
    """Return the last event before another thread goes on, and that thread's first, among those of programs."""
    ran = [i for i, event in enumerate(events) if event.thread >= 0]
    pairs = [{one, two} for one, two in pairwise(ran) if events[one].thread != events[two].thread]
    return set().union(*pairs)


def once(events: Sequence[Event], matter: Iterable[int]) -> dict[int, int]:
    """Return of what comes again in a thread's stretch without a break, as in a loop, the first; and how often."""
    counts: dict[int, int] = {}
    first: dict[tuple[int, str], int] = {}
    thread: int | None = None
    for i in sorted(matter):
        event = events[i]
        if event.thread != thread:
            thread, first = event.thread, {}
        place = i if event.kind in (CALL, RETURN) else first.setdefault((event.pc, event.kind), i)
        counts[place] = counts.get(place, 0) + 1
    return counts


def told(events: Sequence[Event], seen: Observation) -> tuple[dict[int, int], int]:
    """Return the events that matter, in their order, each with its number of times, and how many rows are left out."""
    wrong = fatal(events, seen)
    called = {i for i, event in enumerate(events) if event.thread >= 0 and event.kind in (CALL, RETURN)}
    switched, met = switches(events), meetings(events)
    worst = {i for i in torn(events, met) if events[i].kind not in ("lock", "unlock")} or met
    matter = once(events, called | worst | switched)
    rows = {**matter, **dict.fromkeys(wrong, 1)}

    def rank(i: int) -> tuple[bool, bool, bool, bool, int]:
        return i not in wrong, i not in called, i not in switched, events[i].kind not in WRITES, -i

    kept = sorted(sorted(rows, key=rank)[:MOST])
    return {i: rows[i] for i in kept}, len(rows) - len(kept)


def _words(event: Event) -> Iterator[int]:
    """Yield the words that an access touches; of what is made or freed only the first."""
    size = _WORD if event.kind in ("alloc", "free") else min(max(event.size, 1), _MOST_WORDS * _WORD)
    yield from range(event.address // _WORD, (event.address + size - 1) // _WORD + 1)
