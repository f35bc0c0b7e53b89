"""Passes that make the schedule smaller: fewest preemptions first, then fewest choices.

A list of choices stays valid whatever is left out of it, so delta debugging works on it directly. That finds a list
from which nothing can be left out, not the fewest preemptions there are: the exhaustive strategy looks for those, which
walks through all orders with no preemption, then with one, and so on (Musuvathi and Qadeer, PLDI 2007).
"""

from __future__ import annotations

from harness.model.schedule import Choice
from harness.shrink.ddmin import ddmin
from harness.shrink.shrinker import Shrinker
from harness.shrink.trials import searching

MOST_THREADS = 60  # that the exhaustive strategy takes, with some room for those of the code under test
WALKED = 8  # times as many orders are walked through as schedules are searched: each is a small step from the last


def fewer_choices(shrinker: Shrinker) -> None:
    """Leave out choices until none can be left out."""
    while shrinker.best.choices and _once(shrinker):
        pass


def _once(shrinker: Shrinker) -> bool:
    """Leave out choices of one list; what is then chosen may be another, smaller list."""
    before = shrinker.best

    def holds(kept: tuple[Choice, ...]) -> bool:
        case = shrinker.trials.followed(before.scenario, before.options, kept)
        if case is None:
            return False
        shrinker.reschedule(case)
        return True

    ddmin(before.choices, holds)
    return shrinker.best is not before


def fewer_preemptions(shrinker: Shrinker) -> None:
    """Walk through the orders with fewer preemptions than the smallest case has."""
    best = shrinker.best
    if best.schedule.choices is None or best.preemptions < 1 or len(best.scenario.programs) > MOST_THREADS:
        return
    if shrinker.effort == 0:
        return  # with no number of executions the walk would go to its very end
    walk = searching(best.options, "dfs", best.preemptions - 1)
    if shrinker.reschedule(shrinker.trials.explored(best.scenario, walk, 0, WALKED * shrinker.effort)):
        fewer_choices(shrinker)
