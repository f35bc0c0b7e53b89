"""A history: what operations did and when, and what the checker of sequential orders says of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

ANY = -(1 << 63)  # a part of a key: all of them
NEVER = (1 << 64) - 1  # the response of an operation that has not ended
SETUP = -1  # the thread that ran the set-up program

LINEARIZABLE, VIOLATED, UNDECIDED = "linearizable", "violated", "undecided"


class Deed(NamedTuple):
    """What an operation did to its model; see rw_deed in native/target/target.h.

    `model` "": nothing that a model knows. `evicts`: while it ran it may have dropped any pair of a cache.
    """

    model: str = ""
    action: str = ""
    object: tuple[int, int, int] = (0, 0, 0)
    value: int = 0
    evicts: bool = False


class Done(NamedTuple):
    """One operation of a history. One precedes another when its `to` is below the other's `start`.

    `start`, `to`: any numbers in the order of time. The rest is for people: the points of the execution between which
    it ran, the thread (-1: the set-up), the call and what it returned.
    """

    start: int
    to: int
    deed: Deed
    thread: int = 0
    name: str = ""
    args: tuple[int, ...] = ()
    code: str = ""
    start_step: int = 0
    to_step: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the checker says. VIOLATED: no order explains the `window`, indexes of the history, on one object.

    `tried`: configurations. `left`: operations of the window that are not listed.
    """

    verdict: str
    model: str = ""
    object: tuple[int, int, int] = (0, 0, 0)
    window: tuple[int, ...] = ()
    left: int = 0
    tried: int = 0
