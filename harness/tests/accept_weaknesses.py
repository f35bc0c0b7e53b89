"""Acceptance of the weaknesses at their stated counts: run by `tox -e accept -- weaknesses` only.

Resumable: what has passed for these sources is remembered in .racewash/accept/weaknesses.json and not run again. With
RACEWASH_ACCEPT_SECONDS no further check starts after that time; what is left is skipped, and the next call goes on.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.explore.weaknesses import WEAKNESSES
from harness.tests.test_weaknesses import NATIVE, kinds_of_a_failed_creation, leaked_at_shutdown, shows_as_told

pytestmark = pytest.mark.usefixtures("resumable")

EXECUTIONS, REPLAYS = 20_000, 20


@pytest.mark.parametrize("name", WEAKNESSES)
def test_a_weakness_shows_on_the_source_s_form_alone(name: str, tmp_path: Path) -> None:
    shows_as_told(name, tmp_path, EXECUTIONS, REPLAYS)


def test_a_failed_creation_leaks_on_the_source_s_form() -> None:
    assert kinds_of_a_failed_creation((NATIVE / "defects/upstream-W7.patch",)) == {"leak"}


def test_nodes_leak_on_the_source_s_form_when_a_dead_thread_holds_the_last_version() -> None:
    assert "Q8" in leaked_at_shutdown((NATIVE / "defects/upstream-W15.patch",))
