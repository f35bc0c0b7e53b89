"""Keeps a run's workers going until its time is over, it is interrupted, or it can't go on."""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable

from harness.stress.race import Race
from harness.stress.slot import Slot

TICK = 0.1  # longest time between two looks at a worker
TELL_EVERY = 1.0
STOP_SECONDS = 1.2  # for workers to end after their current operations; all are gone within 2


def supervise(race: Race, tell: Callable[[str], None]) -> None:
    """Run every worker to its end. Whatever is raised, no process is left, and no intent of one."""
    slots: list[Slot] = []
    try:
        for number in range(race.request.processes):
            slots.append(Slot(race, number))
        _watch(race, slots, lambda: race.interrupted() or race.canary is False or bool(race.failed), tell)
        for slot in slots:
            slot.stop()
        deadline = time.monotonic() + STOP_SECONDS
        _watch(race, slots, lambda: time.monotonic() >= deadline, lambda _: None)
    finally:
        for slot in slots:
            slot.kill()
        if race.intents:
            race.intents.clear()


def _watch(race: Race, slots: list[Slot], enough: Callable[[], bool], tell: Callable[[str], None]) -> None:
    """Step through the slots until all are finished or it is enough."""
    last = told = time.monotonic()
    while not enough() and any(not slot.finished for slot in slots):
        _wait(slots)
        now = time.monotonic()
        passed, last = now - last, now
        for slot in slots:
            slot.step(passed)
        if now - told >= TELL_EVERY:
            told = now
            race.collector.flush()
            tell(_telling(race, slots))


def _wait(slots: list[Slot]) -> None:
    """Wait until a worker says something, a TICK at most; a signal's handler runs meanwhile."""
    with selectors.DefaultSelector() as selector:
        for slot in slots:
            if slot.fd is not None:
                selector.register(slot.fd, selectors.EVENT_READ)
        selector.select(TICK)


def _telling(race: Race, slots: list[Slot]) -> str:
    suites = race.collector.suites.values()
    now = ", ".join(dict.fromkeys(slot.suite for slot in slots if slot.suite)) or "ending"
    executions, operations = sum(suite.executions for suite in suites), sum(suite.operations for suite in suites)
    found = len(race.collector.findings)
    return f"{race.elapsed:.0f} s: {now}; {executions:,} executions, {operations:,} operations, {found} found"
