"""One search of a decorated test: what it asks for, with the session's seed, budget and store, until its verdict."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from harness.explore.request import OPTIONS, ExploreRequest
from harness.explore.result import ExploreResult
from harness.model.outcome import SuiteResult
from harness.model.scenario import Scenario
from harness.model.schedule import Options
from harness.pytest_plugin.engine import Engine, engine_of
from harness.pytest_plugin.failure import found_of
from harness.pytest_plugin.session import Session, new_seed
from harness.pytest_plugin.share import driven, refuse_deadline, share, steady_seed
from harness.pytest_plugin.subject import What, suite_of_scenario, suites_of
from harness.stress.request import RunRequest
from harness.stress.result import RunResult

EXECUTIONS, SECONDS = 1_000, 2.0  # of a test that does not say

Subject = What | Sequence[What] | None


@dataclass(frozen=True, slots=True)
class Search:
    """Searches for the test under way. `session` None: outside of pytest. `nodeid` empty: no test can replay."""

    session: Session | None
    engine: Engine
    nodeid: str = ""

    def explore(self, what: Subject, arguments: Mapping[str, Any], options: dict[str, Any]) -> ExploreResult:
        """Explore schedules. Raises Found with what was found."""
        refuse_deadline()
        asked = options.pop("options", OPTIONS)
        named = {name: options.pop(name) for name in ("strategy", "memory_model") if name in options}
        how: Options = replace(asked, **named)
        scenario = arguments.get("scenario") if what is None else None
        if isinstance(scenario, Scenario) and driven():
            return self._explore_drawn(scenario, how, options)
        seed = self._seed(options)
        suites = suites_of(what, arguments)
        request = ExploreRequest(tuple(suite.name for suite in suites), options=how, **self._common(options))
        result = self.engine.explore(request, suites, seed)
        if result.findings:
            raise found_of(_head(result.suites, how, seed), result.findings, self.nodeid, request.patches)
        return result

    def stress(self, what: Subject, arguments: Mapping[str, Any], options: dict[str, Any]) -> RunResult:
        """Run on real threads. Raises Found with what was found."""
        refuse_deadline()
        seed = self._seed(options)
        suites = suites_of(what, arguments)
        more = self._common(options, {"seconds": SECONDS})
        request = RunRequest(tuple(suite.name for suite in suites), **more)
        result = self.engine.stress(request, suites, seed)
        if result.findings:
            head = f"{_executed(result.suites)} on real threads (sanitizer {request.sanitizer}, seed {seed})"
            raise found_of(head, result.findings, self.nodeid, request.patches)
        return result

    def _explore_drawn(self, scenario: Scenario, how: Options, options: dict[str, Any]) -> ExploreResult:
        seed = options.pop("seed", None)
        digest = replace(scenario, seed=0).digest  # where it was drawn from is no matter
        seed = steady_seed(digest) if seed is None else seed
        suite = suite_of_scenario(scenario)
        request = ExploreRequest((suite.name,), options=how, **self._common(options))
        drawn = self.engine.explore_drawn(request, suite, digest, seed)
        if drawn.result.findings:
            head = _head(drawn.result.suites, how, seed)
            raise found_of(head, drawn.result.findings, self.nodeid, request.patches, drawn.keep)
        return drawn.result

    def _seed(self, options: dict[str, Any]) -> int:
        given: int | None = options.pop("seed", None)
        if given is not None:
            return given
        return self.session.seed_of(self.nodeid) if self.session else new_seed()

    def _common(self, options: dict[str, Any], standard: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return a request's options with the session's budget and store."""
        made = share(options, self.session, standard or {"executions": EXECUTIONS})
        made = {**made, "patches": tuple(made.get("patches", ()))}
        return {"store": self.session.store, **made} if self.session else made


@contextlib.contextmanager
def searching(session: Session | None, nodeid: str = "") -> Iterator[Search]:
    """Search with a session's engine; without a session, with one of its own."""
    engine = engine_of(session) if session else Engine()
    try:
        yield Search(session, engine, nodeid)
    finally:
        if session is None:
            engine.close()


def _executed(suites: Sequence[SuiteResult]) -> str:
    executions = sum(suite.executions for suite in suites)
    return f"{executions:,} executions of {', '.join(suite.name for suite in suites)}"


def _head(suites: Sequence[SuiteResult], how: Options, seed: int) -> str:
    return f"{_executed(suites)} (strategy {how.strategy}, memory model {how.memory_model}, seed {seed})"
