"""What tests of the harness share: a fixture can see how its test ended."""

from __future__ import annotations

from collections.abc import Callable, Generator

import pytest

_PASSED = pytest.StashKey[bool]()


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
