"""What tests of the harness share: a fixture can see how its test ended, and acceptance goes on where it stopped."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import signal
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import settings

from harness.stress.process import COOKIE

_PASSED = pytest.StashKey[bool]()


def pytest_configure() -> None:
    """Take SIGINT as usual: a background job of a shell ignores it, and so would all that the tests start."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember whether the test itself passed."""
    report = yield
    if report.when == "call":
        item.stash[_PASSED] = report.passed
    return report


@pytest.fixture
def has_passed(request: pytest.FixtureRequest) -> Callable[[], bool]:
    """Give a function that says, after the test, whether it passed."""
    return lambda: request.node.stash.get(_PASSED, False)


def workers() -> set[int]:
    """Return every process that a worker of this test process started or forked, wherever it hangs by now."""
    found = set()
    for process in psutil.process_iter():
        try:
            if process.environ().get(COOKIE, "").startswith(f"{os.getpid()}-"):
                found.add(process.pid)
        except psutil.Error:
            continue
    return found


@pytest.fixture
def no_worker_is_left() -> Iterator[None]:
    """Fail where a test leaves a process behind; decorated tests share one, which was there before."""
    before = workers()
    yield
    assert workers() <= before


@pytest.fixture
def as_at_a_desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let sessions behave alike everywhere: in a CI pytest tells failures twice, Hypothesis always draws the same."""
    for name in ("CI", "BUILD_NUMBER"):
        monkeypatch.delenv(name, raising=False)
    before = settings.get_current_profile_name()
    settings.load_profile("default")
    yield
    settings.load_profile(before)


# ---- Acceptance ----

_ROOT = Path(__file__).resolve().parents[2]
_LIMIT = float(os.environ.get("RACEWASH_ACCEPT_SECONDS", "inf"))
_STARTED = time.monotonic()
_SOURCES = {".c", ".h", ".S", ".txt", ".map", ".py", ".patch", ".json", ".html", ".svg", ".css"}


@functools.cache
def sources_digest() -> str:
    """Return a hash of everything that a passed check depends on."""
    digest = hashlib.sha256()
    for folder in ("native", "harness", "suites", "reports", "racewash"):
        for path in sorted((_ROOT / folder).rglob("*")):
            if path.suffix in _SOURCES:
                digest.update(str(path.relative_to(_ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()


@pytest.fixture
def resumable(request: pytest.FixtureRequest, has_passed: Callable[[], bool]) -> Iterator[None]:
    """Skip what has passed before on these sources, and what would begin after the time is over."""
    name = request.node.name
    state = _ROOT / ".racewash" / "accept" / f"{request.path.stem.removeprefix('accept_')}.json"

    def passed() -> dict[str, str]:
        return dict(json.loads(state.read_text(encoding="utf-8"))) if state.exists() else {}

    if passed().get(name) == sources_digest():
        pytest.skip("passed before, on these sources")
    if time.monotonic() - _STARTED > _LIMIT:
        pytest.skip("the time is over; run the same command again to go on here")
    yield
    if has_passed():
        state.parent.mkdir(parents=True, exist_ok=True)
        new = state.with_suffix(".new")
        new.write_text(json.dumps({**passed(), name: sources_digest()}, indent=1), encoding="utf-8")
        new.replace(state)
