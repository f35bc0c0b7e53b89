"""The story of an execution: the steps that matter, as rows of a table with one column a thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.builds import Build, Symbols
from harness.model.batch import Batch, Event, Observation
from harness.model.finding import Finding, Location
from harness.model.scenario import Op, Scenario
from harness.oracle.frames import ATOMICS, Frame, relative
from harness.shrink.matter import CALL, RETURN, fatal, told

Where = Callable[[int], Location | None]  # from a return address to the place in the code under test
Source = Callable[[Location], str]  # from a place to the text of its line
_SIGNED = 1 << 63
_PLAIN = 1 << 31  # smaller numbers are told in decimals, others as addresses are
_VERBS = {
    "load": "reads", "read": "reads", "volatile": "touches", "plain": "touches", "store": "writes", "write": "writes",
    "rmw": "updates", "cas": "finds", "alloc": "allocates", "free": "frees", "lock": "locks", "unlock": "unlocks",
    "wait": "waits for", "signal": "wakes", "clock": "reads the clock:", "yield": "yields", "sleep": "sleeps",
    "thread": "starts or ends a thread", "fence": "fences", "draw": "draws a number",
}  # fmt: skip
_VALUED = {"load": "", "read": "", "store": "", "write": "", "rmw": "", "cas": " and gives up", "clock": ""}


@dataclass(frozen=True, slots=True)
class Row:
    """One step. `thread` -1: the one that creates and checks. `switched`: another thread ran just before."""

    step: int
    thread: int
    text: str
    where: str = ""
    source: str = ""
    switched: bool = False
    fatal: bool = False


@dataclass(frozen=True, slots=True)
class Story:
    """What the threads of a scenario did up to a finding.

    `words`: the names that stand for places in memory. `left_out`: rows that were too many. `end`: what went wrong,
    noticed at point `step` by `noticed`.
    """

    scenario: Scenario
    rows: tuple[Row, ...]
    words: dict[str, int]
    end: str
    step: int
    noticed: str
    left_out: int = 0


def story_of(
    scenario: Scenario,
    batch: Batch,
    seen: Observation,
    finding: Finding,
    where: Where,
    source: Source,
    codes: Sequence[str] = (),
) -> Story:
    """Return the story of an execution that was traced with all its events, and of what was seen in it.

    `codes`: the target's names of return codes; others are told as numbers.
    """
    events = [event for event in batch.events if event.thread < len(scenario.programs)]
    kept, left_out = told(events, seen)
    wrong = fatal(events, seen)
    teller = _Teller(scenario, where, source, codes)
    rows, last = [], None
    for i, times in kept.items():
        switched = last is not None and events[i].thread != last
        rows.append(teller.row(events[i], times, switched, i in wrong))
        last = events[i].thread
    threads = {stack.thread for stack in seen.stacks[:1]}
    checked = seen.invariant or not threads or threads == {-1}
    noticed = "the check after the threads' end" if checked else f"thread {min(threads)}"
    return Story(scenario, tuple(rows), teller.words, finding.message, seen.step, noticed, left_out)


class _Teller:
    """Puts events into words, and gives places in memory names in the order in which they come."""

    def __init__(self, scenario: Scenario, where: Where, source: Source, codes: Sequence[str]) -> None:
        self._scenario, self._where, self._source, self._codes = scenario, where, source, codes
        self.words: dict[str, int] = {}
        self._names: dict[int, str] = {}

    def row(self, event: Event, times: int, switched: bool, wrong: bool) -> Row:
        """Return an event's row."""
        place = self._where(event.pc)
        stands = f"{place.file}:{place.line}" if place else ""
        text = self._told(event) + (f" ({times} times)" if times > 1 else "")
        return Row(event.step, event.thread, text, stands, self._source(place) if place else "", switched, wrong)

    def _told(self, event: Event) -> str:
        if event.kind == CALL:
            program = self._scenario.programs[event.thread] if event.thread >= 0 else self._scenario.setup
            return f"begins {op_text(program[event.value % len(program)])}" if program else "begins"
        if event.kind == RETURN:
            known = event.value < len(self._codes)
            return f"ends: {self._codes[event.value] if known else _value(event.value)}"
        verb = _VERBS.get(event.kind, event.kind)
        name = f" {self._name(event.address)}" if event.address else ""
        value = f"{':' if name else ''} {self._valued(event)}" if event.kind in _VALUED else ""
        return f"{verb}{name}{value}{_VALUED.get(event.kind, '')}"

    def _valued(self, event: Event) -> str:
        known = self._names.get(event.value)
        return f"&{known}" if known and event.value >= _PLAIN else _value(event.value)

    def _name(self, address: int) -> str:
        if address not in self._names:
            name = _letters(len(self._names))
            self._names[address] = name
            self.words[name] = address
        return self._names[address]


def op_text(op: Op) -> str:
    """Return an operation as a call.

    >>> op_text(Op("supply", (64,)))
    'supply(64)'
    """
    return f"{op.name}({', '.join(map(str, op.args))})"


def _value(value: int) -> str:
    if value < _PLAIN:
        return str(value)
    return str(value - 2 * _SIGNED) if value > 2 * _SIGNED - _PLAIN else f"{value:#x}"


def _letters(number: int) -> str:
    """Return a, b, ..., z, a1, b1, ..."""
    letter = chr(ord("a") + number % 26)
    return letter if number < 26 else f"{letter}{number // 26}"


# ---- Where ----


def places_of(symbols: Symbols) -> Where:
    """Return a function that says where in the code under test an address stands."""

    def where(pc: int) -> Location | None:
        frames = [Frame(0, place.function, relative(place.file), place.line) for place in symbols.frames((pc,))]
        ours = [frame for frame in frames if frame.ours and frame.file != ATOMICS]
        return ours[0].location if ours else None

    return where


def sources_of(build: Build) -> Source:
    """Return a function that gives a line of the sources that a build was made of; empty where it can't be read."""
    known: dict[str, list[str]] = {}

    def source(place: Location) -> str:
        if place.file not in known:
            path = Path(build.native).parent / place.file
            try:
                known[place.file] = path.read_text(encoding="utf-8", errors="replace").splitlines()
            except OSError:
                known[place.file] = []
        lines = known[place.file]
        return lines[place.line - 1].strip() if 0 < place.line <= len(lines) else ""

    return source
