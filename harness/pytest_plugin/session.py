"""What one pytest session asks of racewash: its seed, its budget, a token to replay. It imports little."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.model.problem import Problem
from harness.model.rng import Rng

if TYPE_CHECKING:
    from harness.pytest_plugin.engine import Engine

MARK = "racewash"  # attribute of a decorated test: what was asked of it
STORE = ".racewash"
_SEED_BITS = 63


@dataclass(frozen=True, slots=True)
class Budget:
    """What all decorated tests of a session may use up together: seconds, or executions."""

    seconds: float | None = None
    executions: int | None = None

    def __str__(self) -> str:
        return f"{self.seconds:g} s" if self.seconds is not None else f"{self.executions} executions"


@dataclass(slots=True)
class Session:
    """One session, or one xdist worker's part of it. `worker` is empty without xdist.

    `shares`: how many tests share the budget; `sharing` of them count executions. `nodeid`: the test under way.
    """

    seed: int
    store: Path
    worker: str = ""
    budget: Budget | None = None
    replay: str = ""
    asked: bool = False  # an option was given
    shares: int = 1
    sharing: int = 1
    nodeid: str = ""
    recorded: object = None  # what is replayed, once its tests are found
    engine: Engine | None = None

    def seed_of(self, nodeid: str) -> int:
        """Return a test's own seed. Another worker, test or session seed gives another one, and other schedules.

        >>> one = Session(7, Path("."), worker="gw0")
        >>> one.seed_of("test_a") == one.seed_of("test_a") != Session(7, Path("."), worker="gw1").seed_of("test_a")
        True
        """
        return Rng(self.seed).fork(self.worker).fork(nodeid).word() >> 1


def mark_of(item: object) -> Any:
    """Return what a test's decorator asks for (a harness.pytest_plugin.decorators.Marked), None without one."""
    return getattr(getattr(item, "obj", None), MARK, None)


_sessions: list[Session] = []  # the innermost last: a test of pytest plugins runs sessions within its own


def current() -> Session | None:
    """Return the session under way; None outside of pytest, or where the plugin is off."""
    return _sessions[-1] if _sessions else None


def begin(session: Session) -> None:
    """Make it the session under way."""
    _sessions.append(session)


def end(session: Session) -> None:
    """End it and what it holds."""
    if session in _sessions:
        _sessions.remove(session)
    if session.engine:
        session.engine.close()
        session.engine = None


def new_seed() -> int:
    """Draw a seed."""
    return secrets.randbits(_SEED_BITS)


def parse_budget(text: str) -> Budget:
    """Read `--racewash-budget`. Raises Problem.

    >>> parse_budget("90s"), parse_budget("5000")
    (Budget(seconds=90.0, executions=None), Budget(seconds=None, executions=5000))
    """
    number, unit = (text[:-1], text[-1]) if text[-1:] in ("s", "m", "h") else (text, "")
    try:
        amount = float(number) if unit else int(number)
        if not 0 < amount < 1e12:
            raise ValueError
    except ValueError:
        raise Problem(
            f"--racewash-budget is {text!r}: give a time (90s, 5m, 1h) or a number of executions (5000)"
        ) from None
    if unit:
        return Budget(seconds=amount * {"s": 1, "m": 60, "h": 3600}[unit])
    return Budget(executions=int(amount))


def parse_seed(text: str) -> int:
    """Read `--racewash-seed`. Raises Problem."""
    try:
        seed = int(text, 0)
    except ValueError:
        seed = -1
    if not 0 <= seed < 1 << _SEED_BITS:
        raise Problem(f"--racewash-seed is {text!r}, must be a number from 0 to {(1 << _SEED_BITS) - 1}")
    return seed
