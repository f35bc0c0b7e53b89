"""How the scheduled runtime makes its choices: the options of a batch, and a schedule that can be made again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

SEEDED = ("random", "pct", "pos", "surw")  # strategies whose seed and calibration alone make the same choices again
PORTFOLIO = "portfolio"
_TURNS = ("random", "pct", "random", "pos", "random", "surw", "pct", "guided")  # native/sched/strategy_portfolio.c
REAL = "real threads"  # no strategy: the operating system chose, and nothing wrote it down
THREAD = 0  # the kind of choice that says which thread runs next
NO_CALIBRATION = (0, 0, 0, 0)

Calibration = tuple[int, int, int, int]


class Choice(NamedTuple):
    """One decision that differs from the default: at which point, of which kind, and what was chosen."""

    step: int
    kind: int
    value: int


def chooser(strategy: str, seed: int) -> str:
    """Return the strategy that makes the choices of an execution: of the portfolio the one whose turn the seed is.

    >>> chooser("portfolio", 15), chooser("pct", 15)
    ('guided', 'pct')
    """
    return _TURNS[seed % len(_TURNS)] if strategy == PORTFOLIO else strategy


@dataclass(frozen=True, slots=True)
class Options:
    """What a batch is explored with; each field but the flags is named as in native/sched/sched_api.h.

    `plain_points`: every plain access is a point. `weak_cas`, `timeouts`, `fail_alloc`, `clocks`: weak
    compare-exchanges may fail by themselves, timed waits may end early, allocations may fail, clocks may stand still
    and jump; each time that is a choice. `attached`: all threads are attached before the first of them runs, so that
    their orders of attaching are no part of what is explored.
    `linearizable`: histories are recorded and judged, which adds no choice.
    `switch_probability` 0: drawn anew for each execution. `depth` 0: the strategy's own, the portfolio takes several.
    `preemption_bound` below 0: none.
    """

    strategy: str = "portfolio"
    memory_model: str = "sc"
    races: bool = True
    plain_points: bool = False
    weak_cas: bool = False
    timeouts: bool = False
    fail_alloc: bool = False
    attached: bool = False
    linearizable: bool = False
    clocks: bool = False
    depth: int = 0
    switch_probability: float = 0.0
    preemption_bound: int = -1
    check_every: int = 0
    step_bound: int = 0


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule that can be made again: by `strategy` from its seed and calibration, or from the list of choices.

    `choices` None: only the strategy knows them. With a list the seed decides what the list doesn't say.
    """

    strategy: str
    seed: int
    calibration: Calibration = NO_CALIBRATION
    choices: tuple[Choice, ...] | None = None


def died_of(strategy: str, seed: int, calibration: Calibration, choices: tuple[Choice, ...] | None) -> Schedule:
    """Return the schedule of an execution that its process died of.

    Where no seed says what it was, the `choices` do; None: its batch had only begun, so that the seed decides all.
    """
    maker = chooser(strategy, seed)
    return Schedule(strategy, seed, calibration) if maker in SEEDED else Schedule(maker, seed, calibration, choices)
