"""Stack frames as sanitizers print them, and which of them are ours."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass

from harness.model.finding import Location

# "#0 f file.c:12:3 (lib.so+0x1f)", "#1 0x55d0 in f file.c:12", "#2 0x7f00 in f (lib.so+0x1f)", "#3 f <null> (lib+0x1)"
_FRAME = re.compile(
    r"^\s+#(?P<number>\d+) (?:0x[0-9a-f]+\s+in\s+|0x[0-9a-f]+\s+)?(?P<function>[^(]*?)"
    r"(?:(?:^|\s+)(?P<file>\S+?):(?P<line>\d+)(?::\d+)?|\s+<null>|\s+\S*\.\S*)?"
    r"(?:\s*\((?P<module>[^()]*)\))?(?:\s*\(BuildId: \w+\))?\s*$"
)
# The scheduled runtime drives the code under test, it is none.
_OURS = re.compile(r"(?:^|/)(native/(?:(?!sched/)\w+/)?\w+\.[ch])$")
ATOMICS = "native/atomics.h"  # the one seam of all atomics: who uses it is what counts
# Every object passes through these: they say nothing about who owns it.
_ALLOCATOR = frozenset({"native/prim.c", "native/mem_note.c", "native/core/label_alloc.c"})


@dataclass(frozen=True, slots=True)
class Frame:
    """One line of a stack, number 0 innermost; `file` from the sources' root where it is ours, line 0 when unknown."""

    number: int
    function: str
    file: str
    line: int

    @property
    def ours(self) -> bool:
        """Whether it lies in the sources that are tested."""
        return _OURS.search(self.file) is not None

    @property
    def location(self) -> Location:
        """As a place in a finding."""
        return Location(self.file, self.line, self.function)


def parse_frame(line: str) -> Frame | None:
    """Return the frame on a line, None when there is none."""
    match = _FRAME.match(line)
    if match is None:
        return None
    file = relative(match["file"] or match["module"] or "")
    return Frame(int(match["number"]), match["function"].strip(), file, int(match["line"] or 0))


def relative(file: str) -> str:
    """Return a source's path from the sources' root, wherever that was when it was compiled; others as they are.

    >>> relative("/somewhere/cache/tsan-12ab/native/core/dlist.c")
    'native/core/dlist.c'
    """
    match = _OURS.search(posixpath.normpath(file)) if file else None
    return match[1] if match else file


def innermost(frames: Sequence[Frame]) -> tuple[Location, ...]:
    """Return where a stack touches our sources: the innermost frame, and who called where that is the allocator."""
    ours = [frame for frame in frames if frame.ours and frame.file != ATOMICS]
    if not ours:
        return ()
    caller = next((frame for frame in ours if frame.file not in _ALLOCATOR), None)
    if ours[0].file not in _ALLOCATOR or caller is None:
        return (ours[0].location,)
    return (ours[0].location, caller.location)


def owner(frames: Sequence[Frame]) -> tuple[Location, ...]:
    """Return who asked for memory: our innermost frame outside the allocator (inside it when there is none)."""
    return innermost(frames)[-1:]
