"""Passes that make the scenario smaller: each takes the smallest case and tries what may be left out or made less."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from harness.model.layout import PARTS
from harness.model.scenario import Program, Scenario
from harness.shrink.case import (
    MAX_SETUP,
    Place,
    argument,
    into_setup,
    joined,
    only_operations,
    places,
    with_arguments,
)
from harness.shrink.ddmin import ddmin
from harness.shrink.plan import lesser
from harness.shrink.schedule import fewer_choices, fewer_preemptions
from harness.shrink.shrinker import Shrinker

FEW = 16  # schedules that are looked through for a smaller number: it rarely changes which of them show the finding
SOME = 256  # effort from which on schedules are looked through for a number at all
SLACK = 50  # a configuration's execution may do this part more


def options(shrinker: Shrinker) -> None:
    """Leave out what the runtime does besides: checks in between, other kinds of choice, orders of attaching."""
    for changed in (
        {"check_every": 0},
        {"plain_points": False},
        {"weak_cas": False},
        {"timeouts": False},
        {"fail_alloc": False},
        {"clocks": False},
        {"attached": True},
    ):
        wanted = replace(shrinker.best.options, **changed)
        if wanted != shrinker.best.options:
            shrinker.consider(shrinker.best.scenario, wanted, *_same(shrinker.best.scenario))


def mode(shrinker: Shrinker) -> None:
    """Leave out repetition, processes and what only real threads heed."""
    for changed in ({"rounds": 1}, {"processes": 0, "shared_bytes": 0, "check_every_ms": 0}):
        scenario = replace(shrinker.best.scenario, **changed)  # type: ignore[arg-type]
        if scenario != shrinker.best.scenario:
            shrinker.consider(scenario, None, *_same(scenario))


def threads(shrinker: Shrinker) -> None:
    """Leave out threads."""
    scenario, leaves = _leaving(shrinker)
    ddmin(range(len(scenario.programs)), lambda kept: leaves([(i, j) for i, j in places(scenario) if i in kept]))


def program(shrinker: Shrinker) -> None:
    """Leave out the threads' operations."""
    scenario, leaves = _leaving(shrinker)
    ddmin(places(scenario), leaves)


def setup(shrinker: Shrinker) -> None:
    """Leave out operations of the set-up."""
    scenario = shrinker.best.scenario

    def holds(kept: tuple[int, ...]) -> bool:
        return shrinker.consider(
            replace(scenario, setup=tuple(scenario.setup[i] for i in kept)), None, *_same(scenario)
        )

    ddmin(range(len(scenario.setup)), holds)


def faults(shrinker: Shrinker) -> None:
    """Leave out entries of the fault plan."""
    scenario = shrinker.best.scenario

    def holds(kept: tuple[str, ...]) -> bool:
        return shrinker.consider(replace(scenario, faults=kept), None, *_same(scenario))

    ddmin(scenario.faults, holds)


def sooner(shrinker: Shrinker) -> None:
    """Let faults come sooner, and threads stop for less."""
    for place in range(len(shrinker.best.scenario.faults)):
        scenario = shrinker.best.scenario
        for fault in lesser(scenario.faults[place]):
            changed = replace(scenario, faults=(*scenario.faults[:place], fault, *scenario.faults[place + 1 :]))
            if shrinker.consider(changed, None, *_same(scenario)):
                break


def join(shrinker: Shrinker) -> None:
    """Let one thread do what two did."""
    count = len(shrinker.best.scenario.programs)
    for first in range(count):
        for second in range(count):
            if first != second and max(first, second) < len(shrinker.best.scenario.programs):
                shrinker.consider(joined(shrinker.best.scenario, first, second))


def before(shrinker: Shrinker) -> None:
    """Do in the set-up what need not be raced."""
    thread = 0
    while thread < len(shrinker.best.scenario.programs):
        scenario = shrinker.best.scenario
        if len(scenario.setup) >= MAX_SETUP:
            return
        moved, numbers = _moves(scenario, [place for place in places(scenario) if place != (thread, 0)])
        if not shrinker.consider(into_setup(scenario, thread), None, moved, numbers):
            thread += 1


def arguments(shrinker: Shrinker) -> None:
    """Make arguments smaller: first all that are equal together, then each alone."""
    for same in _equal(shrinker.best.scenario):
        _less(shrinker, same)
    for one in _numbers(shrinker.best.scenario):
        _less(shrinker, [one])


def parameters(shrinker: Shrinker) -> None:
    """Make the configuration smaller; what says a layout is no size.

    A parameter that is left out has its standard value, and 0 often means one derived from others: neither may make the
    execution longer.
    """
    for name in [name for name in shrinker.best.scenario.params if name not in PARTS]:
        params = shrinker.best.scenario.params
        smaller = [{**params, name: value} for value in _smaller(params[name])]
        for changed in ({key: value for key, value in params.items() if key != name}, *smaller):
            scenario = replace(shrinker.best.scenario, params=changed)
            work = shrinker.best.work + shrinker.best.work // SLACK
            if shrinker.consider(scenario, None, *_same(scenario), most=_few(shrinker), work=work):
                break


# ---- parts ----


def _less(shrinker: Shrinker, which: Sequence[tuple[Place, int]]) -> None:
    (place, number), *_ = which
    for value in _smaller(argument(shrinker.best.scenario, place, number)):
        scenario = with_arguments(shrinker.best.scenario, which, value)
        if shrinker.consider(scenario, None, *_same(scenario), most=_few(shrinker)):
            return


def _few(shrinker: Shrinker) -> int:
    """How many schedules are looked through for a smaller number: none as long as there is more to gain elsewhere."""
    return FEW if shrinker.effort >= SOME else 0


def _smaller(value: int) -> Iterator[int]:
    """Yield numbers nearer to 0, the smallest first."""
    for number in dict.fromkeys((0, 1, 2, value // 4, value // 2, value - 1)):
        if 0 <= number < value or (value < 0 and number == 0):
            yield number


def _numbers(scenario: Scenario) -> list[tuple[Place, int]]:
    programs: list[tuple[int, Program]] = [(-1, scenario.setup), *enumerate(scenario.programs)]
    return [((i, j), number) for i, ops in programs for j, op in enumerate(ops) for number in range(len(op.args))]


def _equal(scenario: Scenario) -> list[list[tuple[Place, int]]]:
    """Return the groups of arguments with one value, the largest value first."""
    groups: dict[int, list[tuple[Place, int]]] = {}
    for place, number in _numbers(scenario):
        groups.setdefault(argument(scenario, place, number), []).append((place, number))
    return [groups[value] for value in sorted(groups, reverse=True) if len(groups[value]) > 1]


def _moves(scenario: Scenario, kept: Sequence[Place]) -> tuple[dict[Place, Place | None], dict[int, int]]:
    """Return where each operation stands when only these are kept, and the numbers of the threads that are left."""
    numbers = {old: new for new, old in enumerate(dict.fromkeys(sorted({i for i, _ in kept})))}
    moved: dict[Place, Place | None] = dict.fromkeys(places(scenario))
    for old in numbers:
        for new, index in enumerate(sorted(j for i, j in kept if i == old)):
            moved[old, index] = (numbers[old], new)
    return moved, numbers


def _same(scenario: Scenario) -> tuple[dict[Place, Place | None], dict[int, int]]:
    return _moves(scenario, places(scenario))


def _leaving(shrinker: Shrinker) -> tuple[Scenario, Callable[[Sequence[Place]], bool]]:
    """Return the smallest case's scenario, and a function that considers only some of its operations."""
    scenario = shrinker.best.scenario
    now: Sequence[Place] = places(scenario)

    def leaves(kept: Sequence[Place]) -> bool:
        nonlocal now
        was, had = _moves(scenario, now)
        becomes, has = _moves(scenario, kept)
        moved = {place: becomes[origin] for origin in now if (place := was[origin]) is not None}
        numbers = {had[thread]: has[thread] for thread in had if thread in has}
        if not shrinker.consider(only_operations(scenario, kept), None, moved, numbers):
            return False
        now = kept
        return True

    return scenario, leaves


Pass = Callable[[Shrinker], None]
STRUCTURE: tuple[Pass, ...] = (
    options, mode, setup, threads, program, join, before, faults, sooner, fewer_choices, fewer_preemptions,
)  # fmt: skip
NUMBERS: tuple[Pass, ...] = (arguments, parameters, fewer_choices)
