"""`explore` and `stress`: decorators by which a test's body runs after a search that found nothing."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict, TypeVar, Unpack

from harness.explore.result import ExploreResult
from harness.model.layout import Layout
from harness.model.schedule import Options
from harness.pytest_plugin.search import searching
from harness.pytest_plugin.session import MARK, current
from harness.pytest_plugin.subject import What
from harness.stress.result import RunResult

T = TypeVar("T")
OUTCOME = "outcome"  # a test that takes it gets what came of the search


class ExploreOptions(TypedDict, total=False):
    """What `explore` takes: see ExploreRequest and Options; `strategy`, `memory_model` go over those of `options`."""

    executions: int
    seconds: float
    strategy: str
    memory_model: str
    options: Options
    jobs: int
    threads: int
    ops: int
    layout: Layout | None
    seed: int
    store: Path
    hang_after: float
    patches: Sequence[Path]


class StressOptions(TypedDict, total=False):
    """What `stress` takes: see RunRequest."""

    seconds: float
    threads: int
    processes: int
    shared: int
    layout: Layout | None
    memory: int | None
    sanitizer: str
    seed: int
    store: Path
    hang_after: float
    patches: Sequence[Path]


@dataclass(frozen=True, slots=True)
class Marked:
    """What a decorator asks for. What it leaves open is the test's own argument of the same name, if there is one."""

    kind: str  # explore, stress
    what: What | Sequence[What] | None
    options: dict[str, Any]
    known: frozenset[str]

    def run(self, arguments: dict[str, Any]) -> ExploreResult | RunResult:
        """Search. Raises Found with what was found."""
        given = {name: value for name, value in arguments.items() if name in self.known}
        options = {**given, **self.options}
        session = current()
        with searching(session, session.nodeid if session else "") as search:
            if self.kind == "stress":
                return search.stress(self.what, arguments, options)
            return search.explore(self.what, arguments, options)


def explore(
    what: What | Sequence[What] | None = None, /, **options: Unpack[ExploreOptions]
) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Explore schedules before a test's body; a finding fails the test, its token is the failure's last line.

    `what` is a suite, its name, a scenario, or several; without it the test's argument `suite` or `scenario` says. A
    test that takes `outcome` gets the ExploreResult. What is not given here may be a parameter of the test, drawn by
    Hypothesis or not: `layout`, `strategy`, `seed`, ...

        @racewash.explore("supply", executions=500)
        def test_supply(outcome):
            assert outcome.control.preemptions > 0

    It works without pytest, too:

    >>> @explore("increments", executions=20)
    ... def adds(outcome):
    ...     return outcome.suites[0].executions
    >>> adds()  # doctest: +SKIP
    20
    """
    return _decorator(Marked("explore", what, dict(options), frozenset(ExploreOptions.__annotations__)))


def stress(
    what: What | Sequence[What] | None = None, /, **options: Unpack[StressOptions]
) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Race on real threads before a test's body, for `seconds`, under `sanitizer` none, tsan or asan.

    All else is as for `explore`; `outcome` is a RunResult.


    @racewash.stress("map", seconds=5, threads=8, sanitizer="tsan")
    def test_map(outcome):
        assert outcome.suites[0].operations > 0
    """
    return _decorator(Marked("stress", what, dict(options), frozenset(StressOptions.__annotations__)))


def _decorator(marked: Marked) -> Callable[[Callable[..., T]], Callable[..., T]]:
    def decorate(test: Callable[..., T]) -> Callable[..., T]:
        signature = inspect.signature(test)
        takes_outcome = OUTCOME in signature.parameters

        @functools.wraps(test)
        def searched(*args: Any, **more: Any) -> T:
            outcome = marked.run(dict(signature.bind_partial(*args, **more).arguments))
            return test(*args, **more, **({OUTCOME: outcome} if takes_outcome else {}))

        shown = [parameter for name, parameter in signature.parameters.items() if name != OUTCOME]
        searched.__signature__ = signature.replace(parameters=shown)  # type: ignore[attr-defined]
        setattr(searched, MARK, marked)
        return searched

    return decorate
