"""Keeps an exploration's workers busy until everything is explored, its time is over, or it can't go on."""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable

from harness.explore.campaign import Campaign
from harness.explore.slot import Slot

TICK = 0.1  # longest time between two looks at a worker
TELL_EVERY = 1.0
STOP_SECONDS = 1.2  # after an interruption, for executions under way to end; all are gone within 2


def supervise(campaign: Campaign, tell: Callable[[str], None]) -> None:
    """Explore all units. Whatever is raised, no process is left, and no intent of one."""
    slots: list[Slot] = []
    try:
        for number in range(campaign.request.jobs):
            slots.append(Slot(campaign, number))
        _work(campaign, slots, tell)
    finally:
        for slot in slots:
            slot.kill()
        campaign.intents.clear()


def _work(campaign: Campaign, slots: list[Slot], tell: Callable[[str], None]) -> None:
    last = told = time.monotonic()
    stopped: float | None = None
    while _busy(campaign, slots):
        _wait(slots)
        now = time.monotonic()
        passed, last = now - last, now
        for slot in slots:
            slot.step(passed)
        if campaign.interrupted():
            stopped = now if stopped is None else stopped
            if now - stopped > STOP_SECONDS:
                return
        if now - told >= TELL_EVERY:
            told = now
            campaign.collector.flush()
            tell(_telling(campaign, slots))


def _busy(campaign: Campaign, slots: list[Slot]) -> bool:
    """Give idle workers something to do; return whether anything is left to wait for."""
    if not campaign.ending:
        for slot in slots:
            if slot.ready:
                unit = campaign.units.next()
                if unit is None:
                    break
                slot.begin(unit)
    working = any(not slot.idle() for slot in slots)
    starting = any(slot.fd is not None and not slot.ready and slot.idle() for slot in slots)
    return working or (starting and not campaign.ending)


def _wait(slots: list[Slot]) -> None:
    """Wait until a worker says something, a TICK at most; a signal's handler runs meanwhile."""
    with selectors.DefaultSelector() as selector:
        for slot in slots:
            if slot.fd is not None:
                selector.register(slot.fd, selectors.EVENT_READ)
        selector.select(TICK)


def _telling(campaign: Campaign, slots: list[Slot]) -> str:
    under_way = [slot.under_way for slot in slots]
    executions = sum(suite.executions for suite in campaign.collector.suites.values())
    executions += sum(count for count, _ in under_way)
    distinct = campaign.figures.distinct + sum(count for _, count in under_way)
    speed = executions / campaign.elapsed if campaign.elapsed else 0.0
    now = ", ".join(dict.fromkeys(slot.suite for slot in slots if slot.suite)) or "no batch"
    return (
        f"{campaign.elapsed:.0f} s: {now}; {executions:,} executions ({speed:,.0f}/s), {distinct:,} distinct "
        f"schedules, {campaign.figures.coverage:,} reads-from pairs, {len(campaign.collector.findings)} found"
    )
