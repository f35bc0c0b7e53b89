"""`--racewash-replay=TOKEN`: finds the tests that a token is for, and replays it there in place of their bodies."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.model.finding import shows
from harness.model.problem import Problem
from harness.model.repro import Repro
from harness.model.suite import Suite
from harness.model.token import parse_token
from harness.pytest_plugin.decorators import Marked
from harness.pytest_plugin.engine import engine_of
from harness.pytest_plugin.failure import Found, found_of
from harness.pytest_plugin.session import Session, mark_of
from harness.pytest_plugin.subject import ARGUMENTS, PREFIX, suites_of
from harness.repro import ReplayRequest, ReplayResult
from harness.repro.resolve import Recorded, drawn_by, resolve
from harness.repro.result import HANG_SECONDS


def select(session: Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect all tests but those that the token is for. Raises UsageError with one sentence when there are none."""
    marks: dict[pytest.Item, Marked] = {item: mark for item in items if (mark := mark_of(item))}
    suites = {item: _suites(item, mark) for item, mark in marks.items()}
    try:
        recorded = resolve(session.replay, session.store, _known(session.replay, suites.values()))
    except Problem as problem:
        raise pytest.UsageError(str(problem)) from None
    name = recorded.scenario.suite
    kind, runs = ("explore", "explores") if recorded.repro.scheduled else ("stress", "stresses")
    names = {item: {suite.name for suite in own} for item, own in suites.items()}
    kept = [
        item
        for item, own in names.items()
        if marks[item].kind == kind and (name in own or (name.startswith(PREFIX) and _draws(item, marks[item])))
    ]
    if not kept:
        raise pytest.UsageError(f"no test here {runs} the suite {name!r} of the token; name the test's file, or use "
                                "`racewash replay`")  # fmt: skip
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept
    session.recorded = recorded


def replay_in(session: Session, item: pytest.Function) -> None:
    """Replay the session's token. Raises Found when what was recorded, or anything else, was seen."""
    recorded, patches = session.recorded, _patches(item)
    assert isinstance(recorded, Recorded)
    patience = mark_of(item).options.get("hang_after", HANG_SECONDS)
    request = ReplayRequest(session.replay, store=session.store, patches=patches, hang_after=patience)
    result = engine_of(session).replay(recorded, request)
    item.user_properties.append(("racewash_replayed", _told(result)))
    if result.findings:
        raise _failure(session, item, result)


def _failure(session: Session, item: pytest.Function, result: ReplayResult) -> Found:
    """What was recorded comes first, with its token; another finding has none, for the token would not show it."""
    given = session.replay if "/" not in session.replay else None
    recorded = {finding for finding in result.findings if shows(finding, result.recorded.repro.fingerprint)}
    ordered = sorted(result.findings, key=lambda finding: finding not in recorded)
    findings = [replace(finding, token=given if finding in recorded else None) for finding in ordered]
    return found_of(f"a replay: {_told(result)}", findings, item.nodeid, _patches(item))


def _patches(item: pytest.Item) -> tuple[Path, ...]:
    return tuple(mark_of(item).options.get("patches", ()))


def _told(result: ReplayResult) -> str:
    diverged = f"; it leaves what was recorded: {result.diverged.what}" if result.diverged else ""
    notes = "".join(f"; {note}" for note in result.notes)
    where = "" if result.recorded.repro.scheduled else " on real threads"
    return f"seen again in {result.seen} of {result.tries} tries{where}{diverged}{notes}"


def _suites(item: pytest.Item, mark: Marked) -> tuple[Suite, ...]:
    """The suites that are known before the test runs: its decorator's, or its parameter's."""
    parameters: dict[str, Any] = item.callspec.params if hasattr(item, "callspec") else {}
    if mark.what is None and not any(name in parameters for name in ARGUMENTS):
        return ()
    try:
        return suites_of(mark.what, parameters)
    except Problem:
        return ()  # when the test is run it says so itself


def _draws(item: pytest.Item, mark: Marked) -> bool:
    """Whether the test's scenarios are only known while it runs."""
    return mark.what is None and not _suites(item, mark)


def _known(token: str, tests: Iterable[tuple[Suite, ...]]) -> dict[str, Suite]:
    """The tests' suites by name; of several with one name, the one that draws the token's scenario."""
    known: dict[str, Suite] = {}
    parsed = None if "/" in token else parse_token(token)
    for suite in (suite for suites in tests for suite in suites):
        if suite.name not in known or (isinstance(parsed, Repro) and _draws_of(suite, parsed)):
            known[suite.name] = suite
    return known


def _draws_of(suite: Suite, repro: Repro) -> bool:
    if repro.origin is None or repro.origin.suite != suite.name:
        return False
    return drawn_by(suite, repro).digest.startswith(repro.digest)
