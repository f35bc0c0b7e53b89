"""Acceptance of the pytest plugin: import time, a drawn scenario's token, races that need a patched build."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import time

import pytest

import racewash
from harness.tests.test_pytest_plugin import DRAWN, TOKEN, session

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.usefixtures("resumable", "as_at_a_desk")

DEFECTS = racewash.sources() / "native" / "defects"
PATCH, DRIFT = DEFECTS / "supply-count-early.patch", DEFECTS / "accounting-hold-twice.patch"
ROUNDS = 15
LARGEST = 1.25  # importing pytest with the plugin against without it


def import_seconds(code: str) -> float:
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, check=True)
    return time.perf_counter() - began


def test_the_plugin_costs_little_to_import() -> None:
    """Interleaved, so that both meet the same machine."""
    pairs = [(import_seconds("import pytest"), import_seconds("import pytest, harness.pytest_plugin.plugin"))
             for _ in range(ROUNDS)]  # fmt: skip
    ratio = statistics.median(with_it / without for without, with_it in pairs)
    print(f"import pytest with the plugin: {ratio:.3f} x")
    assert ratio <= LARGEST


def test_a_drawn_scenario_is_replayed_in_its_test(pytester: pytest.Pytester) -> None:
    found = session(pytester, DRAWN)
    match = TOKEN.search(found.outlines[-2])
    assert match is not None
    again = session(pytester, DRAWN, f"--racewash-replay={match.group()}")
    again.stdout.fnmatch_lines(["1 finding in a replay: seen again in 3 of 3 tries"])


def test_races_find_a_planted_defect(pytester: pytest.Pytester) -> None:
    text = f"""
import pathlib, racewash
from hypothesis import settings
class Planted(racewash.KvCacheRaces):
    patches = (pathlib.Path({str(PATCH)!r}),)
TestPlanted = Planted.TestCase
TestPlanted.settings = settings(TestPlanted.settings, max_examples=200, database=None)
"""
    result = session(pytester, text)
    result.assert_outcomes(failed=1)
    rules = [line for line in result.outlines if re.match(r"\s*state\.(?!teardown)", line)]
    assert 1 <= len(rules) <= 6


def test_what_a_stress_test_found_is_tried_again(pytester: pytest.Pytester) -> None:
    """On real threads, by its token alone; the rate says how often it was seen."""
    text = f"""
import pathlib, racewash
@racewash.stress("accounting", seconds=5, patches=[pathlib.Path({str(DRIFT)!r})])
def test_accounting(): ...
"""
    found = session(pytester, text)
    found.assert_outcomes(failed=1)
    match = TOKEN.search(found.outlines[-2])
    assert match is not None
    again = session(pytester, text, f"--racewash-replay={match.group()}", "--racewash-store=elsewhere")
    again.stdout.re_match_lines([r"\d+ findings? in a replay: seen again in [1-9]\d* of 20 tries on real threads"])
