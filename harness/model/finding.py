"""What an oracle saw: the closed taxonomy of findings and their fingerprints."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

BLOCKED = "blocked"
KINDS: dict[str, str] = {
    "data-race": "two threads touched the same memory without order, one of them writing",
    "use-after-free": "memory was touched after it was freed",
    "double-free": "memory was freed twice or by a pointer that isn't its start",
    "out-of-bounds": "memory beside an object was touched",
    "leak": "memory was still live after the core was destroyed",
    "accounting": "a label's used or hold differs from its live objects",
    "invariant": "an invariant of the specification does not hold",
    "not-linearizable": "no sequential order explains the results",
    "deadlock": "every thread waits for another",
    "livelock": "every thread spins",
    BLOCKED: "nobody gets on, for a thread that the plan of faults has stopped for ever",
    "crash": "the process died of a signal",
    "hang": "no progress for the stated time",
    "sanitizer": "another report of a sanitizer",
    "oom": "running out of memory was not handled",
}
HEAP = ("use-after-free", "out-of-bounds", "double-free")  # told apart by the access alone, not by whose memory it was


@dataclass(frozen=True, slots=True)
class Location:
    """A place in source code; `file` relative to the sources' root, `line` from 1 (0: unknown)."""

    file: str
    line: int
    function: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One bug as an oracle saw it. `token` is None until a schedule is known; `bundle` is a folder of the store."""

    kind: str
    message: str
    suite: str
    fingerprint: str
    locations: tuple[Location, ...] = ()
    invariant: str | None = None
    count: int = 1
    seed: int | None = None
    token: str | None = None
    bundle: str | None = None
    report: str = field(default="")


# The name in a repro of what racewash itself was ended with: nobody saw what it was, so no fingerprint of it is known.
ENDED = "000000000000"
NOTHING = "ffffffffffff"  # the name in a repro of an order that showed nothing: no finding is what it stands for
_ENDINGS = ("crash", "hang", "oom")


def shows(finding: Finding, wanted: str) -> bool:
    """Whether a finding is what a repro stands for; `wanted`: its fingerprint, or the beginning of that.

    >>> end = Finding("hang", "no progress", "map", "5f0d3c1a9b27")
    >>> [shows(end, wanted) for wanted in ("5f0d3c1a", "77aa01b2", ENDED, NOTHING)]
    [True, False, True, False]
    """
    if wanted and ENDED.startswith(wanted):
        return finding.kind in _ENDINGS
    return finding.fingerprint.startswith(wanted)


_NUMBER = re.compile(r"0x[0-9a-fA-F]+|\d+")


def fingerprint_of(kind: str, invariant: str | None, locations: tuple[Location, ...], message: str) -> str:
    """Return a stable name of the bug: kind, invariant and involved functions; 12 hex digits.

    Line numbers are left out where a function is known, so that an unrelated edit above keeps the name. Without any
    location the message counts, its numbers removed.
    """
    places = sorted({f"{place.file}:{place.function or place.line}" for place in locations})
    parts = [kind, invariant or "", *(places or [_NUMBER.sub("N", message)])]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
