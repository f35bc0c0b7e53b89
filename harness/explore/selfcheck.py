"""Is an execution its seed's alone? Each seed is run twice, in two processes that differ in whatever may differ.

The processes have different ids, addresses, environments and times. Where the traces differ, both executions are traced
and the first event that differs is named, with what it says of the cause.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from harness.builds import Symbols
from harness.explore.campaign import Campaign
from harness.explore.child import Explorer, Interrupted, WorkerEnded
from harness.explore.messages import Explore
from harness.explore.units import SEEDS, Unit
from harness.model.batch import Batch, Event
from harness.model.output.explore import SelfCheck
from harness.stress.failure import RunFailed
from harness.stress.process import Launch

EXPLAINED = 3  # divergences that are looked into
TRACED = 1_000_000
_HASH = 8  # bytes
# What differs at the first event that differs -> the cause, by the kind of point.
_CAUSES = {"clock": "time", "draw": "randomness", "alloc": "address"}


@dataclass(slots=True)
class _Tally:
    seeds: int = 0
    different: int = 0
    divergences: list[str] = field(default_factory=list)


def self_check(campaign: Campaign, tell: Callable[[str], None]) -> SelfCheck:
    """Run every seed of the campaign's units twice, compare, and return what came of it.

    What the first of the two finds goes to the campaign.
    """
    tally = _Tally()
    pair = _pair(campaign.launch)
    try:
        while not campaign.ending and (unit := campaign.units.next()) is not None:
            order = _order(unit, campaign, unit.first_seed, unit.executions or SEEDS)
            campaign.intend("self-check", unit)
            one, two = _both(pair, order, campaign)
            campaign.met("")
            campaign.take(unit, one)
            _compare(tally, unit, pair, (one, two), campaign)
            tell(f"{campaign.elapsed:.0f} s: {tally.seeds:,} seeds run twice, {tally.different:,} differ")
    except WorkerEnded as ended:
        what = "does not get on" if ended.code is None else str(ended)
        raise RunFailed(f"a worker {what} in the self-check: {ended.text.strip()[-300:]}") from ended
    except Interrupted:
        pass  # what the two were at is not compared
    finally:
        for child in pair:
            campaign.collector.cpu_seconds += child.measure()[0]
            child.end()
            child.close()
        campaign.intents.clear()
    return SelfCheck(seeds=tally.seeds, different=tally.different, divergences=tuple(tally.divergences))


def first_difference(one: tuple[Event, ...], two: tuple[Event, ...]) -> tuple[Event | None, Event | None] | None:
    """Return the first two events at one place that differ, None when there are none."""
    for left, right in zip(one, two, strict=False):
        if left != right:
            return left, right
    if len(one) == len(two):
        return None
    longer = max(one, two, key=len)[min(len(one), len(two))]
    return (longer, None) if len(one) > len(two) else (None, longer)


def cause(left: Event | None, right: Event | None) -> str:
    """Return what a difference says of its cause: time, address, randomness, environment.

    >>> event = Event(step=3, thread=1, kind="clock", size=8, chosen=False, address=0, value=7, pc=64)
    >>> cause(event, event._replace(value=8))
    'time'
    """
    if left is None or right is None:
        return "environment: one execution goes on where the other ends"
    if (left.kind, left.thread, left.pc) != (right.kind, right.thread, right.pc):
        return "environment: the code took another way, by a value that no point shows"
    if left.kind in _CAUSES:
        return _CAUSES[left.kind]
    if left.address != right.address:
        return "address"
    return "environment: another value was read or written"


def _order(unit: Unit, campaign: Campaign, first_seed: int, executions: int, trace: int = 0) -> Explore:
    options = unit.options(campaign.request.options)
    return Explore(unit.scenario, options, first_seed, executions, hashes=True, trace=trace)


def _pair(launch: Launch) -> tuple[Explorer, Explorer]:
    other = {**launch.environment, "RACEWASH_SELF_CHECK": "x" * 4096}  # it moves whatever lies below the environment
    return Explorer(launch), Explorer(replace(launch, environment=other))


def _both(pair: tuple[Explorer, Explorer], order: Explore, campaign: Campaign) -> tuple[Batch, Batch]:
    for child in pair:
        child.wait_until_ready(campaign.interrupted)
        child.progress.clear()
        child.tell(order)
    one, two = (child.answer_of_many(campaign.request.hang_after, campaign.interrupted) for child in pair)
    return one, two


def _compare(
    tally: _Tally, unit: Unit, pair: tuple[Explorer, Explorer], batches: tuple[Batch, Batch], campaign: Campaign
) -> None:
    one, two = (batch.hashes[: _HASH * batch.executions] for batch in batches)
    tally.seeds += batches[0].executions
    places = range(0, max(len(one), len(two)), _HASH)
    differ = [place // _HASH for place in places if one[place : place + _HASH] != two[place : place + _HASH]]
    tally.different += len(differ)
    if differ and len(tally.divergences) < EXPLAINED:
        tally.divergences.append(_explained(unit, differ[0], pair, campaign))


def _explained(unit: Unit, number: int, pair: tuple[Explorer, Explorer], campaign: Campaign) -> str:
    """Run the differing seed alone in both, or else with those before it, and say where the two part."""
    seed = unit.first_seed + number
    name = f"suite {unit.suite}, schedule seed {seed}"
    for first, history in ((seed, ""), (unit.first_seed, ", only after the executions before it in its process")):
        order = _order(unit, campaign, first, seed + 1 - first, TRACED)
        one, two = _both(pair, order, campaign)
        difference = first_difference(one.events, two.events)
        if difference:
            left, right = difference
            sides = f"{_told(left, campaign.symbols)} against {_told(right, campaign.symbols)}"
            return f"{name}{history}: {cause(left, right)}; {sides}"
    return f"{name}: the traces differed once, and no more when they were looked into"


def _told(event: Event | None, symbols: Symbols) -> str:
    if event is None:
        return "the end"
    frames = symbols.frames((event.pc,))
    where = f" in {frames[0].function} ({frames[0].file}:{frames[0].line})" if frames else ""
    what = f"{event.kind} at {event.address:#x}, value {event.value:#x}"
    return f"step {event.step}, thread {event.thread}: {what}{where}"
