"""The way a worker ended, as a finding: by a signal, without a word, standing still, or too large."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace

from harness.model.finding import Finding, Location, fingerprint_of
from harness.oracle.frames import relative

_ASSERTION = re.compile(r"(?P<file>[^\s:]+\.[ch]):(?P<line>\d+): (?P<function>\w+): (?P<claim>Assertion .* failed)")
_HEAP = re.compile(
    r"^(double free or corruption|free\(\): |munmap_chunk\(\): |malloc\(\): |corrupted ).*", re.MULTILINE
)
# "#1  0x00007f35af47c0d2 in dl_insert_tail (l=0x7f35, x=0x7f36) at native/core/dlist.c:78"
_GDB = re.compile(r"^#\d+ .*?(?P<function>\w+) \(.*\) at (?P<file>\S+):(?P<line>\d+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Death:
    """Where a worker stood when it ended: in which suite, on which seed, and the end of what it had printed."""

    suite: str
    seed: int | None
    phase: str
    stderr: str = ""

    def finding(self, kind: str, what: str, place: Location | None = None, detail: str = "") -> Finding:
        """Return the finding; what its name is made of has neither numbers nor `detail`, which vary."""
        message = f"{what} in phase {self.phase}"
        places = (place,) if place else ()
        mark = fingerprint_of(kind, None, places, f"{self.suite}: {message}")
        return Finding(kind, message + detail, self.suite, mark, places, seed=self.seed, report=self.stderr)


def crash_finding(death: Death, number: int) -> Finding:
    """Return the finding of a death by signal, with what the C library said before it."""
    failed = _ASSERTION.search(death.stderr)
    if failed:
        place = Location(relative(failed["file"]), int(failed["line"]), failed["function"])
        return death.finding("crash", f"{failed['claim']} ({signal_name(number)})", place)
    heap = _HEAP.search(death.stderr)
    if heap and number == signal.SIGABRT:
        kind = "double-free" if "free" in heap[0] else "out-of-bounds"
        return death.finding(kind, f"the C library said {heap[0].strip()!r} ({signal_name(number)})")
    if number == signal.SIGKILL:
        note = "; racewash did not send it, perhaps the system was out of memory"
        return death.finding("crash", "the worker was killed by SIGKILL", detail=note)
    return death.finding("crash", f"the worker died of {signal_name(number)}")


def exit_finding(death: Death, code: int) -> Finding:
    """Return the finding of a worker that ended itself in the middle of an execution."""
    return death.finding("crash", f"the worker exited with code {code} in the middle of an execution")


def hang_finding(death: Death, seconds: float, running: tuple[str, ...], stack: str) -> Finding:
    """Return the finding of a worker without progress; `running` names the operations that had not ended."""
    busy = f" while running {', '.join(sorted(set(running)))}" if running else ""
    found = death.finding("hang", "no progress", detail=f"{busy} for {seconds:g} s")
    places = tuple(dict.fromkeys(_standing(stack)))
    stacks = f"\nNative stacks, taken before the worker was killed:\n{stack}" if stack else ""
    return replace(found, locations=places, report=death.stderr + stacks)


def _standing(stack: str) -> Iterator[Location]:
    """Where each thread of a text of gdb's stands in the code under test: its innermost function there."""
    for thread in stack.split("\nThread ")[1:]:
        for frame in _GDB.finditer(thread):
            file = relative(frame["file"])
            if file.startswith(("native/core/", "native/target/")):
                yield Location(file, int(frame["line"]), frame["function"])
                break


def oom_finding(death: Death, rss: int, limit: int) -> Finding:
    """Return the finding of a worker that was killed for its memory."""
    detail = f": {rss >> 20} MB, more than the {limit >> 20} MB that it may take"
    return death.finding("oom", "the worker was killed for its memory", detail=detail)


def flood_finding(death: Death, limit: int) -> Finding:
    """Return the finding of a worker that was killed for the length of what it printed."""
    return death.finding("crash", "the worker was killed for printing too much", detail=f": more than {limit >> 20} MB")


def left_behind_finding(death: Death, names: list[str]) -> Finding:
    """Return the finding of forked processes that outlived their worker, until they were killed."""
    detail = f" ({len(names)}: {', '.join(sorted(set(names)))})"
    return death.finding("hang", "processes that the worker forked outlived it", detail=detail)


def signal_name(number: int) -> str:
    """Return a signal's name, its number when it has none.

    >>> signal_name(11)
    'SIGSEGV'
    """
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
