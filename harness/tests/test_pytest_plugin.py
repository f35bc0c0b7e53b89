"""The pytest plugin: sessions in which tests are decorated, and sessions in which none is."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest

import racewash
from harness.explore.request import ExploreRequest
from harness.explore.result import ExploreResult
from harness.explore.units import Units
from harness.model.finding import Finding
from harness.model.repro import Origin, Repro
from harness.model.schedule import Options, Schedule
from harness.model.token import token_of
from harness.pytest_plugin.engine import Engine
from harness.pytest_plugin.failure import Found, found_of
from harness.pytest_plugin.replaying import _failure
from harness.pytest_plugin.session import Budget, Session
from harness.pytest_plugin.share import share
from harness.tests.test_stress import launch as fake_launch

pytest_plugins = ["pytester"]
pytestmark = [pytest.mark.contract, pytest.mark.usefixtures("as_at_a_desk")]

TOKEN = re.compile(r"rw1\.[\w-]+")
TORN = """
import racewash
from racewash import Op, Scenario
TORN = Scenario("torn", 0, "increments", {"expected": 4}, ((Op("add_torn", (2,)),),) * 2)
"""


def session(pytester: pytest.Pytester, text: str, *options: str) -> pytest.RunResult:
    """Run a session of one file with these options; -c keeps this repository's own settings out of it."""
    pytester.makepyfile(test_it=text)
    pytester.makefile(".ini", pytest="[pytest]")
    # Without its last search for unraisable exceptions, which goes through the objects of this process several times.
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:unraisableexception", *options)


def lines_of(result: pytest.RunResult) -> list[str]:
    """The output without what differs each time, and without what an editable install adds."""
    return [re.sub(r"=+|\d+\.\d\ds", "", line) for line in result.outlines if not line.startswith("plugins:")]


# ---- What a decorated session shows ----

MIXED = (
    TORN
    + """
from hypothesis import given, strategies as st
@racewash.explore("increments", executions=40)
def test_fine(outcome):
    assert outcome.suites[0].executions == 40 and outcome.canary is True

@racewash.explore("increments", executions=40)
def test_own_assertion(outcome):
    assert outcome.suites[0].executions == 41

@racewash.explore(TORN, executions=100)
def test_torn():
    raise RuntimeError("the body is not reached")

@racewash.explore("segments-loser-leaks", executions=50)
def test_leak(): ...

@racewash.explore("nowhere")
def test_unknown(): ...

@given(seed=st.integers(0, 5))
@racewash.explore("increments", executions=1)
def test_deadline(seed): ...

def test_plain(): ...
"""
)


def test_findings_are_told_kept_and_replayed(pytester: pytest.Pytester) -> None:
    result = session(pytester, MIXED, "--junitxml=report.xml", "-ra", "--racewash-seed=7")
    result.assert_outcomes(passed=2, failed=5)
    text = result.outlines
    assert any(line.startswith("racewash: seed 7") for line in text[:8])
    assert "RuntimeError" not in result.stdout.str()

    # The failure: no traceback, the token is its last line.
    start = next(place for place, line in enumerate(text) if "___ test_torn ___" in line)
    story = text[start + 1 : next(place for place in range(start + 1, len(text)) if text[place].startswith("____"))]
    assert story[0].startswith("1 finding in 100 executions of test/torn")
    assert "A1" in story[1]
    token = story[-1]
    assert TOKEN.fullmatch(token)
    assert f"pytest 'test_it.py::test_torn' --racewash-replay={token}" in "\n".join(story)
    assert any(line.startswith("racewash: there is no suite 'nowhere'") for line in text)
    assert any(line.startswith("racewash: Hypothesis allows each example") for line in text)

    # The last lines of the terminal, after the short summary, but for the one that counts.
    tail = text[-3:-1]
    assert [line.split("'")[1] for line in tail] == ["test_it.py::test_torn", "test_it.py::test_leak"]
    assert tail[0].endswith(token)

    # JUnit, and the bundle.
    cases = {case.get("name"): case for case in ElementTree.parse(pytester.path / "report.xml").iter("testcase")}
    properties = {one.get("name"): one.get("value") for one in cases["test_torn"].iter("property")}
    assert properties["racewash_token"] == token
    assert properties["racewash_seed"] == "7"
    bundle = Path(properties["racewash_bundle"] or "")
    assert (bundle / "repro.json").is_file()
    assert bundle.is_relative_to(pytester.path / ".racewash")
    assert list(cases["test_plain"].iter("property")) == []

    # Replayed, in its own test alone.
    again = session(pytester, MIXED, f"--racewash-replay={token}")
    again.assert_outcomes(failed=1, deselected=6)
    again.stdout.fnmatch_lines(["1 finding in a replay: seen again in 3 of 3 tries", "*A1*", token])


def test_a_token_alone_is_enough_for_its_test(pytester: pytest.Pytester) -> None:
    """Without the store: the test has the scenario. Where the bug has gone the replay passes, and says so."""
    text = TORN + "@racewash.explore(TORN, executions=100)\ndef test_torn(): ...\n"
    found = session(pytester, text, "--racewash-store=elsewhere")
    [token] = {match for line in found.outlines for match in TOKEN.findall(line)}
    assert not (pytester.path / ".racewash").exists()
    fixed = text.replace("add_torn", "add")
    gone = session(pytester, fixed, f"--racewash-replay={token}")
    gone.assert_outcomes(passed=1)
    gone.stdout.fnmatch_lines(["test_it.py::test_torn: seen again in 0 of 3 tries*draws another scenario*"])


RACED = """
import dataclasses, racewash
from harness.tests.fake_suites import suite
def draw(seed, shape):
    return dataclasses.replace(suite("segv").generate(seed, shape), suite="raced")
RACED = racewash.Suite("raced", "A test.", (), (), draw)
@racewash.stress(RACED, seconds=0.1, threads=2)
def test_raced():
    raise RuntimeError("the body is not reached")
@racewash.explore("increments", executions=1)
def test_explored(): ...
"""


def test_what_real_threads_showed_has_a_token_and_a_rate(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library dies in each execution, or does well in each: how often it is seen again is said either way."""
    for module in ("harness.pytest_plugin.engine", "harness.repro.threads"):
        monkeypatch.setattr(f"{module}.launch_of", lambda build, target="": fake_launch(build.kind))
    monkeypatch.setattr("harness.stress.race.MAX_DEATHS", 1)
    monkeypatch.setattr("harness.repro.threads.TIMES_THREADS", 3)
    found = session(pytester, RACED, "--junitxml=report.xml", "-k", "raced")
    found.assert_outcomes(failed=1, deselected=1)
    [token] = {match for line in found.outlines for match in TOKEN.findall(line)}
    place = found.outlines.index(token)
    again = f"pytest 'test_it.py::test_raced' --racewash-replay={token}"
    assert found.outlines[place - 1] == f"replay: {again}"
    assert found.outlines[-2] == again
    properties = {one.get("name"): one.get("value") for one in ElementTree.parse("report.xml").iter("property")}
    assert properties["racewash_token"] == token
    assert (Path(properties["racewash_bundle"] or "") / "repro.json").is_file()

    replay = (f"--racewash-replay={token}", "--racewash-store=elsewhere")  # the token alone is enough
    seen = session(pytester, RACED, *replay)
    seen.assert_outcomes(failed=1, deselected=1)
    seen.stdout.fnmatch_lines(["1 finding in a replay: seen again in 3 of 3 tries on real threads", "*crash*", token])
    repaired = RACED.replace('suite("segv")', 'suite("fine")') + "# another size: the file may be as old\n"
    gone = session(pytester, repaired, *replay)
    gone.assert_outcomes(passed=1, deselected=1)
    gone.stdout.fnmatch_lines(["test_it.py::test_raced: seen again in 0 of 3 tries on real threads*"])
    explored = RACED.replace("racewash.stress(RACED, seconds=0.1, ", "racewash.explore(RACED, ")
    none = session(pytester, explored, *replay)
    none.stderr.fnmatch_lines(["ERROR: no test here stresses the suite 'raced' of the token*"])


@pytest.mark.misuse
@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--racewash-replay=rw1.AAAA", "*the token is damaged*"),
        ("--racewash-replay=nothing", "*'nothing' is no token*"),
        ("--racewash-budget=5q", "*--racewash-budget is '5q': give a time*"),
        ("--racewash-seed=-1", "*--racewash-seed is '-1'*"),
    ],
)
def test_a_wrong_option_is_one_sentence(option: str, said: str, pytester: pytest.Pytester) -> None:
    result = session(pytester, "def test_plain(): ...\n", option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    told = [line for line in result.errlines if line]
    assert len(told) == 1
    result.stderr.fnmatch_lines([f"ERROR: {said}"])


@pytest.mark.misuse
def test_a_token_that_no_test_is_for(pytester: pytest.Pytester) -> None:
    origin = Origin("increments", 7, racewash.Shape())
    scenario = racewash.find_suite("increments").generate(7, racewash.Shape())
    token = token_of(
        Repro(origin, scenario.digest, racewash.Options(), Schedule("pct", 7), "a" * 16, "b" * 12), "0" * 32
    )
    result = session(pytester, "def test_plain(): ...\n", f"--racewash-replay={token}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: no test here explores the suite 'increments' of the token*"])


# ---- A session without decorated tests ----

ORDINARY = """
import pytest
def test_passes(): ...
def test_fails():
    assert [1, 2] == [1, 3]
@pytest.mark.skip
def test_skipped(): ...
@pytest.mark.xfail
def test_expected():
    raise ValueError
@pytest.mark.parametrize("target", [1, 2])
def test_parameter(target, record_property):
    record_property("kept", target)
@pytest.fixture
def broken():
    raise OSError("no")
def test_error(broken): ...
"""


def test_other_tests_are_left_alone(pytester: pytest.Pytester) -> None:
    off = session(pytester, ORDINARY, "-p", "no:racewash", "-ra")
    on = session(pytester, ORDINARY, "-ra")
    assert on.ret == off.ret == pytest.ExitCode.TESTS_FAILED
    assert lines_of(on) == lines_of(off)
    assert on.errlines == off.errlines
    assert not (pytester.path / ".racewash").exists()


def test_a_decorated_test_is_not_silently_green_without_the_plugin(pytester: pytest.Pytester) -> None:
    text = TORN + "@racewash.explore(TORN, executions=100, seed=3)\ndef test_torn(): ...\n"
    result = session(pytester, text, "-p", "no:racewash")
    result.assert_outcomes(failed=1)
    assert any(TOKEN.search(line) for line in result.outlines)


def test_the_plugin_imports_nothing_heavy() -> None:
    code = (
        "import sys, pytest; before = set(sys.modules); import harness.pytest_plugin.plugin; "
        "print(*sorted(name for name in set(sys.modules) - before if not name.startswith('_')))"
    )
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    run = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, capture_output=True,
                         text=True, check=True)  # fmt: skip
    loaded = set(run.stdout.split())
    assert "harness.pytest_plugin.session" in loaded
    ours = {name for name in loaded if name.startswith(("harness", "racewash", "suites"))}
    assert ours == {
        "harness", "harness.model", "harness.model.problem", "harness.model.rng", "harness.pytest_plugin",
        "harness.pytest_plugin.plugin", "harness.pytest_plugin.session",
    }  # fmt: skip
    assert not loaded & {"cffi", "msgspec", "hypothesis", "psutil", "click", "rich"}


def test_the_public_names_do_not_load_pytest() -> None:
    code = "import sys, racewash; racewash.explore; print('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout == b"False\n"


# ---- Seeds and budget ----


def test_workers_never_share_a_schedule() -> None:
    """Each worker's, test's and session's ranges of schedule seeds, as an exploration hands them out."""
    suite = racewash.find_suite("increments")
    ranges: list[tuple[int, int]] = []
    for worker in ("", *(f"gw{number}" for number in range(16))):
        for nodeid in ("test_a.py::test_a", "test_a.py::test_b[1]"):
            seed = Session(7, Path(), worker=worker).seed_of(nodeid)
            units = Units([suite], seed, racewash.Shape(), 4_000)
            while (unit := units.next()) is not None:
                ranges.append((unit.first_seed, unit.first_seed + unit.executions))
    ranges.sort()
    assert len(ranges) == 17 * 2 * 8
    assert all(one[1] <= two[0] for one, two in itertools.pairwise(ranges))


def test_under_xdist_each_worker_has_its_own_seeds(pytester: pytest.Pytester) -> None:
    text = (
        TORN
        + """
import os, pathlib
@racewash.explore("increments", executions=5)
def test_fine(outcome):
    pathlib.Path(os.environ["PYTEST_XDIST_WORKER"]).write_text(str(outcome.seed))
@racewash.explore(TORN, executions=100)
def test_torn(): ...
"""
    )
    result = session(pytester, text, "--tx", "2*popen", "--dist", "each", "--racewash-seed=7", "--junitxml=report.xml")
    result.assert_outcomes(passed=2, failed=2)
    seeds = {name: int((pytester.path / name).read_text()) for name in ("gw0", "gw1")}
    assert seeds == {name: Session(7, Path(), worker=name).seed_of("test_it.py::test_fine") for name in seeds}
    assert TOKEN.search(result.outlines[-2])
    cases = ElementTree.parse(pytester.path / "report.xml").iter("property")
    assert len({one.get("value") for one in cases if one.get("name") == "racewash_token"}) == 2


def test_a_budget_is_divided(pytester: pytest.Pytester) -> None:
    text = (
        TORN
        + """
@racewash.explore("increments")
def test_one(outcome):
    assert outcome.request.executions == outcome.suites[0].executions == 30
@racewash.explore("increments", seconds=60)
def test_two(outcome):
    assert outcome.request.executions == 30
@racewash.stress("map", seconds=0.2)
def test_three(outcome):
    assert outcome.request.seconds == 0.2 and outcome.suites[0].operations > 0
"""
    )
    session(pytester, text, "--racewash-budget=60").assert_outcomes(passed=3)


def test_a_budget_of_seconds_is_divided() -> None:
    given = Session(1, Path(), budget=Budget(seconds=60), shares=4, sharing=3)
    assert share({"executions": 9, "jobs": 2}, given, {"executions": 1}) == {"jobs": 2, "seconds": 15.0}
    assert share({"seconds": 9.0}, given, {"seconds": 2.0}) == {"seconds": 15.0}
    assert share({}, None, {"seconds": 2.0}) == {"seconds": 2.0}
    assert share({"seconds": 1.0}, Session(1, Path()), {"executions": 5}) == {"seconds": 1.0}


# ---- With Hypothesis ----

DRAWN = """
import racewash
from hypothesis import given, settings
@settings(max_examples=30, deadline=None)
@given(scenario=racewash.scenarios(racewash.find_suite("segments-loser-leaks")))
@racewash.explore(executions=10)
def test_drawn(scenario): ...
"""


def test_hypothesis_draws_shrinks_and_remembers(pytester: pytest.Pytester) -> None:
    first = session(pytester, DRAWN, "--racewash-seed=1")
    first.assert_outcomes(failed=1)
    first.stdout.fnmatch_lines(["*programs=((Op(name='supply', args=(64,)),),", "*(Op(name='supply', args=(64,)),)),"])
    assert len(list((pytester.path / ".racewash" / "runs").iterdir())) == 1
    assert TOKEN.search(first.outlines[-2])
    only_remembered = DRAWN.replace("max_examples=30", "max_examples=30, phases=[__import__('hypothesis').Phase.reuse]")
    session(pytester, only_remembered, "--racewash-seed=2").assert_outcomes(failed=1)


def test_a_drawn_failure_is_remembered_for_what_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another strategy or seed may not show it: what it shows has to be seen."""
    asked: list[tuple[str, int]] = []

    def explore(_: Engine, request: ExploreRequest, suites: object, seed: int) -> ExploreResult:
        asked.append((request.options.strategy, seed))
        findings = [Finding("leak", "lost", "s", "f" * 12)] if asked[-1] == ("pct", 1) else []
        return ExploreResult(request=request, seed=seed, findings=findings, **others)

    given = ("request", "seed", "findings")
    others: dict[str, Any] = {one.name: None for one in fields(ExploreResult) if one.name not in given}
    monkeypatch.setattr(Engine, "explore", explore)
    engine, suite = Engine(), racewash.find_suite("map")
    ways = (("random", 1), ("pct", 1), ("pct", 1), ("random", 1), ("pct", 2))
    requests = [(ExploreRequest(("s",), options=Options(strategy)), seed) for strategy, seed in ways]
    found = [len(engine.explore_drawn(request, suite, "d", seed).result.findings) for request, seed in requests]
    assert found == [0, 1, 1, 0, 0]
    assert asked == [("random", 1), ("pct", 1), ("random", 1), ("pct", 2)]


RACES = """
import racewash
from hypothesis import settings, strategies as st
from hypothesis.stateful import rule
class Adds(racewash.Races):
    executions = 60
    def scenario(self, programs):
        total = sum(op.args[0] for program in programs for op in program)
        return racewash.Scenario("adds", 0, "increments", {"expected": total}, programs)
    @rule(thread=st.integers(0, 2), count=st.integers(1, 3), name=st.sampled_from(["add", "add_torn"]))
    def adds(self, thread, count, name):
        self.add(thread, name, count)
TestAdds = Adds.TestCase
TestAdds.settings = settings(Adds.TestCase.settings, max_examples=8, stateful_step_count=4, database=None)
"""


def test_rules_of_several_threads_are_explored_and_shrunk(pytester: pytest.Pytester) -> None:
    result = session(pytester, RACES)
    result.assert_outcomes(failed=1)
    rules = [line for line in result.outlines if line.strip().startswith("state.adds(")]
    assert len(rules) == 2
    assert len({re.search(r"thread=(\d)", line)[1] for line in rules}) == 2  # type: ignore[index]
    result.stdout.fnmatch_lines(["1 finding in *executions of test/adds*", "*A1*"])


# ---- The fixture ----


def test_the_target_fixture(pytester: pytest.Pytester) -> None:
    text = """
import pytest
def test_small(target):
    assert target.run("put", 0, 7, 100) == "OK"
@pytest.mark.parametrize("target", [{"bucket_num": 5}], indirect=True)
def test_parameters(target):
    assert target.snapshot()["map"]["buckets"]["number"] == 5
@pytest.mark.parametrize("target", [{"wings": 2}], indirect=True)
def test_wrong(target): ...
def test_wrong_operation(target):
    target.run("fly")
"""
    result = session(pytester, text)
    result.assert_outcomes(passed=2, failed=1, errors=1)
    result.stdout.fnmatch_lines(["*no parameter 'wings'*", "*no operation 'fly'*"])


# ---- Documentation ----


def test_the_examples_of_the_documentation_pass(pytester: pytest.Pytester) -> None:
    text = (Path(__file__).parents[2] / "docs" / "pytest.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert len(blocks) >= 6
    result = session(pytester, "\n".join(blocks))
    counts = result.parseoutcomes()
    assert counts.keys() <= {"passed", "xfailed", "warnings", "warning"}
    assert counts["passed"] >= 6
    assert counts["xfailed"] == 1


# ---- Text ----


def test_a_replay_gives_the_token_to_what_was_recorded_alone() -> None:
    """Another finding that it shows has none: replayed, the token would not be judged by it."""
    recorded, other = (Finding("leak", "lost", "map", mark * 12) for mark in "ab")
    item: Any = SimpleNamespace(nodeid="test_a.py::test_b", obj=SimpleNamespace(racewash=SimpleNamespace(options={})))

    def told(*findings: Finding) -> list[tuple[str, str | None]]:
        repro = SimpleNamespace(fingerprint="a" * 8, scheduled=True)
        result: Any = SimpleNamespace(recorded=SimpleNamespace(repro=repro), findings=findings, seen=0, tries=3,
                                      diverged=None, notes=())  # fmt: skip
        failure = _failure(Session(1, Path(), replay="rw1.AAAA"), item, result)
        return [(finding.fingerprint[0], finding.token) for finding in failure.findings]

    assert told(other, recorded) == [("a", "rw1.AAAA"), ("b", None)]
    assert told(other) == [("b", None)]


def test_a_story_is_shown_where_the_bundle_has_one(tmp_path: Path) -> None:
    (tmp_path / "story.txt").write_text("step 1  thread 0 loads the count\n", encoding="utf-8")
    finding = Finding("leak", "lost", "map", "f" * 12, token="rw1.AAAA", bundle=str(tmp_path))
    found = found_of("a test", [finding], "test_a.py::test_b", (Path("x.patch"),))
    assert isinstance(found, Found)
    told = str(found).splitlines()
    assert "     step 1  thread 0 loads the count" in told
    assert told[-2] == "replay: pytest 'test_a.py::test_b' --racewash-replay=rw1.AAAA"
    outside = str(found_of("a test", [finding], "", (Path("x.patch"),))).splitlines()
    assert outside[-2] == "replay: racewash replay rw1.AAAA --patch x.patch"
    assert told[-1] == "rw1.AAAA"


def test_failures_of_different_bugs_differ_for_hypothesis() -> None:
    one, two = (Finding("leak", "lost", "map", mark * 12) for mark in "ab")
    assert type(found_of("", [one], "")) is type(found_of("", [one, two], ""))
    assert type(found_of("", [one], "")) is not type(found_of("", [two], ""))
