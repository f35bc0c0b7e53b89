"""A fault plan: what fails, who stops, how the clock errs. As text: scenario, command line and report say the same.

`alloc` is met by every allocation that
fits all its conditions (`label`, `site`, `thread`). The first `skip` of those succeed; from then on every `every`-th
fails, each with probability `chance`, `budget` of them at most (0: for ever).

>>> parse_fault("alloc label=CACHE_MAP_NODE skip=3").budget   # only the fourth one fails
1
>>> str(parse_fault("alloc  budget=0 skip=3"))                # from the fourth one on everything fails
'alloc skip=3 budget=0'

`stall` is met by every point of a program's thread at which it holds `holding`, a word of the target's. After `skip`
of those it stops, for `steps` points of the others (0: for ever). `clock` is met by every reading of a clock, as
`alloc` is by allocations: the clock jumps by `jump` nanoseconds (back: the real-time clock alone); 0: it stands still.

>>> str(parse_fault("stall thread=1 holding=version skip=3 steps=500"))
'stall thread=1 holding=version skip=3 steps=500'

Three kinds are of whole processes, on real threads only. `kill` and `pause` are met by every operation of the forked
process `process` (of all, if none is named); `pause` lasts until the others have done `ops` operations. `within`
microseconds of the operation's beginning they strike, at a moment drawn from `seed`; 0: just before it. `space` leaves
the address space `room` bytes to grow by.

>>> str(parse_fault("kill process=1 skip=9 within=0"))
'kill process=1 skip=9'
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields

from harness.model.problem import Problem

ALLOC, STALL, CLOCK = "alloc", "stall", "clock"
KILL, PAUSE, SPACE = "kill", "pause", "space"
KINDS = (ALLOC, STALL, CLOCK, KILL, PAUSE, SPACE)
STRIKES = (KILL, PAUSE)  # of forked processes that share a core
OF_PROCESSES = (*STRIKES, SPACE)  # only where threads and processes are real
ANY = "any"  # in place of what a thread holds: whatever it is, and nothing too
MAX_FAULTS = 8  # of one plan
MAX_JUMP = 10**18  # nanoseconds: thirty years
SURE = 1_000_000  # a chance is given in parts per million
CREATION = -1  # in place of a thread: creation, set-up and everything else that no program's thread does
_LARGEST = (1 << 63) - 1
_SITE = re.compile(r"([\w./-]+):([1-9]\d{0,8})")


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of failure. `site` is FILE:LINE, FILE as its path ends; empty conditions fit everything.

    Which fields a kind has: FIELDS.
    """

    kind: str = ALLOC
    label: str = ""
    site: str = ""
    thread: int | None = None
    holding: str = ANY
    jump: int = 0
    skip: int = 0
    steps: int = 0
    every: int = 1
    budget: int = 1
    chance: int = SURE
    seed: int = 0
    process: int | None = None
    ops: int = 50
    within: int = 0
    room: int = 0

    def __str__(self) -> str:
        given = [(name, getattr(self, name)) for name in FIELDS[self.kind]]
        words = [f"{name}={value}" for name, value in given if value != _USUAL[name]]
        return " ".join([self.kind, *words])

    @property
    def file_line(self) -> tuple[str, int]:
        """The parts of `site`; ("", 0) when it is empty."""
        match = _SITE.fullmatch(self.site)
        return (match[1], int(match[2])) if match else ("", 0)


_USUAL = {field.name: field.default for field in fields(Fault) if field.name != "kind"}
_DUE = ("skip", "every", "budget", "chance", "seed")
FIELDS = {
    ALLOC: ("label", "site", "thread", *_DUE),
    STALL: ("thread", "holding", "skip", "steps"),
    CLOCK: ("thread", "jump", *_DUE),
    KILL: ("process", *_DUE, "within"),
    PAUSE: ("process", *_DUE, "ops", "within"),
    SPACE: ("room",),
}
_LONGEST = 1_000_000  # microseconds that a strike may wait
_RANGES = {"thread": (CREATION, 255), "skip": (0, _LARGEST), "every": (1, _LARGEST), "budget": (0, _LARGEST),
           "chance": (1, SURE), "seed": (0, _LARGEST), "steps": (0, _LARGEST), "jump": (-MAX_JUMP, MAX_JUMP),
           "process": (0, 63), "ops": (0, _LARGEST), "within": (0, _LONGEST), "room": (1, _LARGEST)}  # fmt: skip


def parse_fault(text: str) -> Fault:
    """Return the fault that a text says. Raises Problem with one sentence when it says none.

    >>> parse_fault("disk skip=3")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    harness.model.problem.Problem: the fault 'disk skip=3' is of no kind that is known; the kinds are alloc, ...
    """
    kind, *words = text.split() or [""]
    if kind not in KINDS:
        raise Problem(f"the fault {text!r} is of no kind that is known; the kinds are {', '.join(KINDS)}")
    values: dict[str, int | str] = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign or name not in FIELDS[kind]:
            raise Problem(f"the fault {text!r} has no field {name}; it may have {', '.join(FIELDS[kind])}")
        if name in values:
            raise Problem(f"the fault {text!r} gives {name} twice")
        values[name] = _number(text, name, value) if name in _RANGES else value
    fault = Fault(kind, **values)  # type: ignore[arg-type]
    if fault.site and not _SITE.fullmatch(fault.site):
        raise Problem(f"the fault {text!r} names no place: site is FILE:LINE, as `racewash list sites` prints it")
    if kind == STALL and fault.thread == CREATION:
        raise Problem(
            f"the fault {text!r} names no program's thread: creation and set-up can't stop, nobody runs beside"
        )
    if kind == SPACE and not fault.room:
        raise Problem(f"the fault {text!r} leaves no room: give bytes, like room=4194304")
    return fault


def parse_plan(texts: tuple[str, ...]) -> tuple[Fault, ...]:
    """Return a plan's faults. Raises Problem when one is wrong or there are too many."""
    if len(texts) > MAX_FAULTS:
        raise Problem(f"a plan has at most {MAX_FAULTS} faults, not {len(texts)}")
    return tuple(map(parse_fault, texts))


def no_processes(faults: tuple[str, ...], where: str) -> None:
    """Raise Problem when a plan has what only happens to real processes; `where`: in what it can't be done."""
    for fault in parse_plan(faults):
        if fault.kind in OF_PROCESSES:
            raise Problem(f"the fault '{fault}' needs real processes, which {where} has not; use `racewash run`")


def _number(text: str, name: str, value: str) -> int:
    low, high = _RANGES[name]
    if not re.fullmatch(r"-?\d{1,19}", value) or not low <= int(value) <= high:
        raise Problem(f"the fault {text!r} gives {name} as {value!r}, must be from {low} to {high}")
    return int(value)


@dataclass(frozen=True, slots=True)
class Site:
    """A place that allocates, as the target lists it."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Benign:
    """A scope in which an operation may go on as if nothing had happened, and why."""

    op: str
    function: str
    reason: str


@dataclass(frozen=True, slots=True)
class FaultCounts:
    """What a plan met, over one execution or several. `sites` and `benign` are in the target's order.

    `points`: allocations that could have failed, `met`: what each fault of the plan was met by; both of several
    executions the most of one. `hit`: executions in which a fault was made; `blocked`: in which all others waited for a
    thread stopped for ever, `unjudged`: in which only the judgement at the end would have. Of a site: how often it was
    reached, how often it failed.
    """

    points: int = 0
    failed: int = 0
    hit: int = 0
    reached: tuple[int, ...] = ()
    failing: tuple[int, ...] = ()
    benign: tuple[int, ...] = ()
    met: tuple[int, ...] = ()
    blocked: int = 0
    unjudged: int = 0

    def __add__(self, other: FaultCounts) -> FaultCounts:
        return FaultCounts(
            max(self.points, other.points), self.failed + other.failed, self.hit + other.hit,
            _added(self.reached, other.reached), _added(self.failing, other.failing), _added(self.benign, other.benign),
            _most(self.met, other.met), self.blocked + other.blocked, self.unjudged + other.unjudged,
        )  # fmt: skip


NO_COUNTS = FaultCounts()


@dataclass(frozen=True, slots=True)
class ProcessCounts:
    """What plans did to whole processes: executions, or events in them, added up.

    `killed`, `inside` of them in the middle of an operation, `locked` of those at a lock (or nobody knows); `stuck`:
    executions in which the others then stood still and were ended; `crashed`: others that died after a lock's owner.
    `paused`, `awaited` of them resumed early since all others waited. `cramped`: executions with a limit of the address
    space; `refused`: those of them whose core could not be created.
    """

    killed: int = 0
    inside: int = 0
    locked: int = 0
    stuck: int = 0
    crashed: int = 0
    paused: int = 0
    awaited: int = 0
    cramped: int = 0
    refused: int = 0

    def __add__(self, other: ProcessCounts) -> ProcessCounts:
        return ProcessCounts(
            *(getattr(self, field.name) + getattr(other, field.name) for field in fields(ProcessCounts))
        )

    def __str__(self) -> str:
        """Return what has happened, in a sentence; empty when nothing has."""
        parts = []
        if self.killed:
            parts.append(f"{self.killed} processes were killed ({self.inside} in the middle of an operation, "
                         f"{self.locked} of these at a lock; {self.stuck} times the others could not go on, "
                         f"{self.crashed} times one fell over what a lock had guarded)")  # fmt: skip
        if self.paused:
            parts.append(f"{self.paused} were paused ({self.awaited} resumed early, since all others waited)")
        if self.cramped:
            parts.append(f"{self.cramped} executions had a limit of the address space "
                         f"({self.refused} could not create their core)")  # fmt: skip
        return "by plan " + ", ".join(parts) if parts else ""


NO_PROCESSES = ProcessCounts()


def _added(left: tuple[int, ...], right: tuple[int, ...]) -> tuple[int, ...]:
    longer, shorter = (left, right) if len(left) >= len(right) else (right, left)
    return tuple(a + b for a, b in zip(longer, shorter, strict=False)) + longer[len(shorter) :]


def _most(left: tuple[int, ...], right: tuple[int, ...]) -> tuple[int, ...]:
    longer, shorter = (left, right) if len(left) >= len(right) else (right, left)
    return tuple(map(max, longer, shorter)) + longer[len(shorter) :]
