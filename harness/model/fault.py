"""A fault plan: which allocations fail, which threads stop, how the clock errs.

Written as text, so that a scenario, a command line and a report say the same. `alloc` is met by every allocation that
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
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields

from harness.model.problem import Problem

ALLOC, STALL, CLOCK = "alloc", "stall", "clock"
KINDS = (ALLOC, STALL, CLOCK)
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

    def __str__(self) -> str:
        words = [f"{name}={getattr(self, name)}" for name, usual in _USUAL.items() if getattr(self, name) != usual]
        return " ".join([self.kind, *words])

    @property
    def file_line(self) -> tuple[str, int]:
        """The parts of `site`; ("", 0) when it is empty."""
        match = _SITE.fullmatch(self.site)
        return (match[1], int(match[2])) if match else ("", 0)


_USUAL = {field.name: field.default for field in fields(Fault) if field.name != "kind"}
_RANGES = {"thread": (CREATION, 255), "skip": (0, _LARGEST), "every": (1, _LARGEST), "budget": (0, _LARGEST),
           "chance": (1, SURE), "seed": (0, _LARGEST), "steps": (0, _LARGEST),
           "jump": (-MAX_JUMP, MAX_JUMP)}  # fmt: skip
_AGAIN = ("skip", "every", "budget", "chance", "seed")
FIELDS = {ALLOC: ("label", "site", "thread", *_AGAIN), STALL: ("thread", "holding", "skip", "steps"),
          CLOCK: ("thread", "jump", *_AGAIN)}  # fmt: skip


def parse_fault(text: str) -> Fault:
    """Return the fault that a text says. Raises Problem with one sentence when it says none.

    >>> parse_fault("disk")
    Traceback (most recent call last):
    harness.model.problem.Problem: the fault 'disk' is of no kind that is known; the kinds are alloc, stall, clock
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
    return fault


def parse_plan(texts: tuple[str, ...]) -> tuple[Fault, ...]:
    """Return a plan's faults. Raises Problem when one is wrong or there are too many."""
    if len(texts) > MAX_FAULTS:
        raise Problem(f"a plan has at most {MAX_FAULTS} faults, not {len(texts)}")
    return tuple(map(parse_fault, texts))


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


def _added(left: tuple[int, ...], right: tuple[int, ...]) -> tuple[int, ...]:
    longer, shorter = (left, right) if len(left) >= len(right) else (right, left)
    return tuple(a + b for a, b in zip(longer, shorter, strict=False)) + longer[len(shorter) :]


def _most(left: tuple[int, ...], right: tuple[int, ...]) -> tuple[int, ...]:
    longer, shorter = (left, right) if len(left) >= len(right) else (right, left)
    return tuple(map(max, longer, shorter)) + longer[len(shorter) :]
