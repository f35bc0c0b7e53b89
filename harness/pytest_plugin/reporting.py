"""From an exception to what is read: the failure's text, the report's properties, the last lines of the terminal."""

from __future__ import annotations

from typing import Any

import pytest

from harness.model.problem import Problem
from harness.pytest_plugin.failure import all_found
from harness.pytest_plugin.session import Session, mark_of
from harness.stress.failure import RunFailed

_TOLD = ("racewash_finding", "racewash_replayed")
_NOTES = 40  # lines of an example by Hypothesis


def prepare(item: pytest.Item, call: pytest.CallInfo[None], session: Session) -> None:
    """Put what was found into the store, and its properties to the item, before the report is made of it."""
    error = call.excinfo.value if call.excinfo else None
    if call.when == "call" and mark_of(item):
        item.user_properties.append(("racewash_seed", str(session.seed)))
    for found in all_found(error):
        found.store(session.store)
        item.user_properties.extend(found.properties())


def shown(call: pytest.CallInfo[None]) -> Any:
    """Return the text of a failure that needs no traceback; None: it is an ordinary one."""
    if call.excinfo is None:
        return None
    error = call.excinfo.value
    found = all_found(error)
    if found:
        notes = [note for one in dict.fromkeys((error, *found)) for note in getattr(one, "__notes__", ())]
        found[0].notes = tuple("\n".join(notes).splitlines()[:_NOTES])
        return _plain(error, "\n\n".join(str(one) for one in found))
    if isinstance(error, Problem | RunFailed):
        return _plain(error, f"racewash: {error}")
    return None


def _plain(error: BaseException, text: str) -> Any:
    """A representation that is this text alone; its first line is the reason in the short summary."""
    told = AssertionError(text)
    trace = error.__traceback__
    assert trace is not None
    return pytest.ExceptionInfo.from_exc_info((AssertionError, told, trace)).getrepr(style="value")


def summarise(terminal: Any, session: Session) -> None:
    """Write what was found in the whole session; the tokens come last."""
    reports = [report for name in ("failed", "error", "passed") for report in terminal.stats.get(name, ())]
    lines: list[str] = []
    tokens: list[str] = []
    for report in reports:
        properties = list(report.user_properties)
        lines += [f"{report.nodeid}: {value}" for name, value in properties if name in _TOLD]
        lines += [f"    {value}" for name, value in properties if name == "racewash_bundle"]
        tokens += [value for name, value in properties if name == "racewash_again"]
    if not lines and getattr(terminal.config.option, "numprocesses", None) is None:
        return
    terminal.section("racewash")
    for line in [f"seed {session.seed}", *lines, *dict.fromkeys(tokens)]:
        terminal.write_line(line)
