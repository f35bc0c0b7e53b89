"""A schedule by what it does, not by steps: which thread goes how far in which operation, then which other one.

A list of choices fits only the scenario that it was made in: leave out an operation and every step after it is another
one. Told as legs, the order of what is left can be forced upon a smaller scenario.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.model.batch import Event
from harness.model.rng import Rng
from harness.shrink.case import Place

_SHIFTS = (0, 0, 0, *range(-12, 13), -40, -25, 25, 40)
CALL = "call"  # the event with which an operation begins; its value is the operation's index


@dataclass(slots=True)
class Stretch:
    """Points that a thread passes without a break in one operation (-1: before its first)."""

    place: Place
    points: int


def stretches(events: Sequence[Event], threads: int) -> list[Stretch]:
    """Return an execution's stretches, from a trace with all its events."""
    found: list[Stretch] = []
    operation = [-1] * threads
    last = 0  # step up to which all points are told for
    running: int | None = None
    for event in events:
        thread = event.thread
        if thread >= threads:
            continue  # checks in between, whose points don't count
        if thread < 0:
            running, last = None, event.step
            continue
        passed, last = event.step - last, event.step
        place = (thread, operation[thread])
        if running == thread and found and found[-1].place == place:
            found[-1].points += passed
        else:
            found.append(Stretch(place, passed))
        if event.kind == CALL:
            operation[thread] = event.value
            found.append(Stretch((thread, event.value), 0))
        running = thread
    return [stretch for stretch in found if stretch.points]


Leg = tuple[int, str, int]  # as harness.explore.messages.Force has it


def legs(told: Sequence[Stretch], moved: Mapping[Place, Place | None], threads: Mapping[int, int]) -> tuple[Leg, ...]:
    """Return the order of what is left: `moved` says where operations stand now (None: left out), `threads` which are.

    A thread that goes on with its next operation goes on with the same leg.

    >>> legs([Stretch((0, 0), 5), Stretch((1, 0), 2), Stretch((0, 1), 3)], {(0, 0): (0, 0), (0, 1): (0, 1)}, {0: 0})
    ((0, '', 9),)
    """
    order: list[tuple[int, int]] = []
    for stretch in told:
        thread, index = stretch.place
        place = (threads[thread], -1) if index < 0 and thread in threads else moved.get(stretch.place)
        if place is None:
            continue
        if order and order[-1][0] == place[0]:
            order[-1] = (place[0], order[-1][1] + stretch.points)
        else:
            order.append((place[0], stretch.points))
    return tuple((thread, "", points + 1) for thread, points in order)


def nearby(order: Sequence[Leg], rng: Rng) -> tuple[Leg, ...]:
    """Return an order whose legs end a little earlier or later: in a smaller scenario a place has another count."""
    return tuple((thread, kind, max(1, points + rng.pick(_SHIFTS))) for thread, kind, points in order)
