"""Explorations: what is explored in which order, what becomes of a worker that dies, what is stored and said.

The workers run fake_explorer.py: the real worker around a runtime that does what its scenario asks.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from harness.builds import Build
from harness.cli.explore import output_of
from harness.cli.main import call
from harness.explore.child import Explorer
from harness.explore.figures import Figures
from harness.explore.named import NAMED
from harness.explore.request import EVERYTHING, SECONDS, ExploreRequest
from harness.explore.result import ExploreResult
from harness.explore.run import announcement, explore, explore_with
from harness.explore.slot import Slot
from harness.explore.spare import Spare
from harness.explore.units import SCENARIOS, SEEDS, Unit, Units, schedule_seed
from harness.model.batch import Batch
from harness.model.finding import KINDS, Finding
from harness.model.layout import BEFORE
from harness.model.output.every import decode
from harness.model.output.explore import ExploreOutput
from harness.model.output.shrink import CaseSize, ShrunkFinding
from harness.model.problem import Problem
from harness.model.scenario import Op, Scenario
from harness.model.schedule import NO_CALIBRATION, Choice, Options, died_of
from harness.model.suite import Shape, Suite
from harness.model.token import MAX_LISTED, MAX_SEEDED
from harness.repro import ReplayRequest, ReplayResult
from harness.repro.replay import replay_with
from harness.repro.resolve import resolve
from harness.store import read_findings, read_run
from harness.stress.failure import RunFailed
from harness.stress.process import Launch

pytestmark = [pytest.mark.contract, pytest.mark.usefixtures("no_worker_is_left")]

WORKER = Path(__file__).with_name("fake_explorer.py")
HANG = 1.0  # seconds for an execution, where one hangs
PATIENCE = 30.0  # where none does: a busy machine may keep a worker waiting
SEED = 11
EVERY = 20  # schedule seeds at which something goes wrong


def generate(what: str, every: int, seed: int, shape: Shape) -> Scenario:
    programs = ((Op(what, (every,)),),) * shape.threads
    return Scenario(suite=what, seed=seed, target="fake", params={"ops": shape.ops}, programs=programs)


def suite(what: str, every: int = EVERY) -> Suite:
    return Suite(what, "a test", (), (), partial(generate, what, every))


def launch(identity: str = "0123456789abcdef", **more: str) -> Launch:
    nowhere = Path("nowhere")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **more}
    build = Build("sched", identity, "no compiler", nowhere, nowhere)
    return Launch(build, (sys.executable, "-P", str(WORKER)), environment)


def search(store: Path, *suites: Suite, by: Launch | None = None, twice: bool = False, spare: Spare | None = None,
           **more: Any) -> ExploreResult:  # fmt: skip
    patience = HANG if any(what in suite.name for suite in suites for what in ("hang", "stopped")) else PATIENCE
    asked = {"executions": 400, "hang_after": patience, "store": store, **more}
    if "seconds" in more:
        del asked["executions"]
    request = ExploreRequest(suites=tuple(suite.name for suite in suites), **asked)
    return explore_with(by or launch(), request, suites, SEED, lambda _: None, twice=twice, spare=spare)


def only(result: ExploreResult) -> Finding:
    [finding] = result.findings
    return finding


def test_a_plan_that_leaves_something_untested_is_noted(tmp_path: Path) -> None:
    result = search(tmp_path, suite("fine"), executions=20, faults=("alloc label=NOPE", "alloc budget=0"))
    assert [note.split(":")[0] for note in result.notes] == [
        "the fault 'alloc label=NOPE' was met 0 times", "under this plan no core of the suite fine could be created",
    ]  # fmt: skip
    assert search(tmp_path, suite("fine"), executions=20, faults=("alloc skip=9",)).notes == ()


def test_only_suites_that_draw_scenarios_are_announced_with_their_size() -> None:
    asked = ExploreRequest(threads=5)
    fixed = next(iter(NAMED.values()))
    said = [announcement(asked, suites, SEED) for suites in ((suite("map"), fixed), (fixed,))]
    assert [("scenarios of 5 threads" in text, "threads" in text) for text in said] == [(True, True), (False, False)]


def test_an_interrupted_shrinking_is_said_in_json_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from harness.cli import explore as module

    result = search(tmp_path, suite("deadlock"))
    size = CaseSize(threads=2, operations=9, setup=0, preemptions=1, choices=3, faults=0, parameters=0)
    small = ShrunkFinding(
        finding=only(result), before=size, after=size, whole=False, tries=1, seconds=0.1, token="rw1.x", bundle=None,
        rate=(0, 0), story="",
    )  # fmt: skip
    monkeypatch.setattr(module, "explore_suites", lambda *_, **__: result)
    monkeypatch.setattr(module, "shrink_findings", lambda *_: [SimpleNamespace(interrupted=True)])
    monkeypatch.setattr(module, "figures_of", lambda *_: small)
    assert call(["explore", "map", "--store", str(tmp_path), "--json"]) == 130
    output = decode(capsys.readouterr().out)
    assert isinstance(output, ExploreOutput)
    assert output.interrupted


# ---- Units ----


def units(executions: int | None, *names: str, strategy: str = "random") -> list[Unit]:
    handed = Units([suite(name) for name in names], SEED, Shape(threads=2), executions, strategy)
    found: list[Unit] = []
    while (unit := handed.next()) is not None and len(found) < 100:
        found.append(unit)
    return found


def test_executions_are_divided_exactly_over_suites_and_scenarios() -> None:
    count = 2 * SEEDS * SCENARIOS + 101
    found = units(count, "fine", "segv")
    assert sum(unit.executions for unit in found) == count
    by_suite = {name: [unit.executions for unit in found if unit.suite == name] for name in ("fine", "segv")}
    assert by_suite == {"fine": [*[SEEDS] * SCENARIOS, 51], "segv": [*[SEEDS] * SCENARIOS, 50]}
    assert [unit.suite for unit in found[:4]] == ["fine", "segv", "fine", "segv"]
    assert len({(unit.suite, unit.scenario.seed) for unit in found}) == len(found)
    assert len({unit.first_seed for unit in found}) == len(found)


def test_few_executions_go_to_several_scenarios() -> None:
    assert [unit.executions for unit in units(20, "fine")] == [3, 3, 3, 3, 3, 3, 2]


def test_each_suite_has_one_execution_at_least() -> None:
    assert [unit.executions for unit in units(1, "fine", "segv", "hang")] == [1, 1, 1]


def test_scenarios_and_seeds_follow_from_the_seed_alone() -> None:
    assert units(2000, "fine") == units(2000, "fine")
    assert units(2 * SEEDS, "fine") == [unit for unit in units(4 * SEEDS, "fine", "segv") if unit.suite == "fine"]
    assert schedule_seed(1, "map", 0) != schedule_seed(2, "map", 0)


def test_a_strategy_that_walks_through_all_gets_one_unit() -> None:
    [unit] = units(20_000, "fine", strategy="dfs")
    assert unit.executions == 20_000


def test_time_has_no_end_of_units() -> None:
    found = units(None, "fine")
    assert len(found) == 100
    assert all(unit.executions == 0 and unit.milliseconds > 0 for unit in found)


def test_a_rest_goes_on_after_the_seed() -> None:
    unit = units(100 * SCENARIOS, "fine")[0]
    rest = unit.rest(30)
    assert rest is not None
    assert (rest.first_seed, rest.executions) == (unit.first_seed + 30, 70)
    assert unit.rest(100) is None
    before = unit.until(unit.first_seed + 30, 1)
    assert before is not None
    assert (before.first_seed, before.executions) == (unit.first_seed + 1, 29)
    assert unit.until(unit.first_seed, 0) is None


# ---- An exploration ----


@pytest.mark.parametrize("jobs", [1, 2])
def test_all_is_counted_and_kept(jobs: int, tmp_path: Path) -> None:
    result = search(tmp_path, suite("fine"), suite("slow", 7), executions=60, jobs=jobs)
    assert result.findings == []
    assert result.canary is True
    assert [(one.name, one.executions, one.operations) for one in result.suites] == [
        ("fine", 30, 120),
        ("slow", 30, 120),
    ]
    assert result.suites[0].invariants == {"Q1": 30}
    assert result.control.points == {"load": 120, "clock": 60}
    assert (result.control.distinct, result.control.threads, result.memory_model) == (6, 3, "sc")  # one scenario each
    kept = read_run(result.path)
    assert (kept["command"], kept["executions"], kept["memory_model"]) == ("explore", 60, "sc")
    assert kept["control"]["points"] == {"load": 120, "clock": 60}
    assert kept["again"].startswith("racewash explore fine slow --executions 60")


def test_the_findings_do_not_depend_on_the_number_of_jobs(tmp_path: Path) -> None:
    one, two = (search(tmp_path, suite("data-race"), suite("leak"), executions=3000, jobs=jobs) for jobs in (1, 3))
    assert {(found.fingerprint, found.count) for found in one.findings} == {
        (found.fingerprint, found.count) for found in two.findings
    }
    assert sum(found.count for found in one.findings) > 2 * 1400 // EVERY


def test_time_ends_it(tmp_path: Path) -> None:
    began = time.monotonic()
    result = search(tmp_path, suite("fine"), suite("slow"), seconds=1.0)
    assert time.monotonic() - began < 10
    assert all(one.executions > 0 for one in result.suites)
    assert not result.interrupted


def test_a_schedule_of_a_scenario_that_comes_again_is_not_another_one() -> None:
    figures = Figures()
    for seed, distinct in ((1, 1), (1, 3), (2, 2)):  # the suite draws the same from every seed
        figures.add("fine", suite("fine").drawn(seed, Shape(threads=2)), Batch("done", "", distinct=distinct))
    figures.add("fine", suite("fine").drawn(1, Shape(threads=3)), Batch("done", "", distinct=5))
    assert figures.control(-1).distinct == 3 + 5


def test_words_shared_without_a_point_are_told(tmp_path: Path) -> None:
    assert any("3 words" in note for note in search(tmp_path, suite("shared")).notes)
    assert search(tmp_path, suite("fine")).notes == ()


def test_what_is_not_simulated_of_processes_is_told(tmp_path: Path) -> None:
    fine = suite("fine")
    forked = replace(fine, generate=lambda seed, shape: replace(fine.generate(seed, shape), processes=2))
    [note] = search(tmp_path, forked, executions=60).notes
    assert "fibers of one address space" in note


def test_a_missed_canary_ends_it(tmp_path: Path) -> None:
    result = search(tmp_path, suite("fine"), by=launch(FAKE_BLIND="1"))
    assert result.canary is False
    assert result.missed == "it is blind"
    assert sum(one.executions for one in result.suites) == 0


def test_what_cannot_be_executed_is_no_finding(tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match="can't be explored"):
        search(tmp_path, suite("uncreated", 1))
    with pytest.raises(Problem, match="no such strategy"):
        search(tmp_path, suite("refused"))


def test_what_was_found_beside_what_cannot_be_executed_is_kept(tmp_path: Path) -> None:
    result = search(tmp_path, suite("uncreated-race", 1), executions=1)
    assert [finding.kind for finding in read_findings(result.path)] == ["data-race"]
    assert any("can't be explored" in note for note in result.notes)


def test_a_workers_own_error_after_a_finding_is_no_finding(tmp_path: Path) -> None:
    result = search(tmp_path, suite("data-race", 1), suite("broken", 1), executions=4)
    assert only(result).kind == "data-race"
    assert any("a mistake of racewash" in note for note in result.notes)


# ---- Workers that die ----


def test_a_crash_becomes_a_finding_and_the_rest_is_explored(tmp_path: Path) -> None:
    result = search(tmp_path, suite("segv", 150), executions=SEEDS)
    finding = only(result)
    assert (finding.kind, finding.suite) == ("crash", "segv")
    assert "SIGSEGV" in finding.message
    assert finding.seed is not None
    assert finding.seed % 150 == 0
    bad = [seed for seed in _seeds("segv") if seed % 150 == 0]
    assert finding.count == len(bad) > 2
    assert result.suites[0].executions == SEEDS - len(bad)


def test_a_worker_that_exits_is_a_finding(tmp_path: Path) -> None:
    assert "exited with code 0" in only(search(tmp_path, suite("exit", 100))).message


def test_a_hang_becomes_a_finding(tmp_path: Path) -> None:
    result = search(tmp_path, suite("hang", 150), executions=SEEDS)
    finding = only(result)
    assert (finding.kind, finding.seed is not None and finding.seed % 150) == ("hang", 0)
    assert result.suites[0].executions >= SEEDS - finding.count


@pytest.mark.parametrize(
    ("what", "kind", "words"), [("killed", "crash", "SIGKILL"), ("stopped", "hang", "no progress")]
)
def test_a_worker_that_is_killed_or_stopped_is_a_finding_with_its_seed(
    what: str, kind: str, words: str, tmp_path: Path
) -> None:
    bad = _seeds(what)[70]
    result = search(tmp_path, suite(what, bad), executions=SEEDS)
    finding = only(result)
    assert (finding.kind, words in finding.message) == (kind, True)
    assert (finding.seed, finding.count) == (bad, 1)
    assert result.suites[0].executions == SEEDS - 1
    assert read_findings(result.path) == [finding]


def test_a_worker_that_is_lost_between_two_batches_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed when it has said what it explored and before it is told what to explore next: nothing is lost with it."""
    killed: list[int] = []

    def kill_idle(slot: Slot, passed: float) -> None:
        step(slot, passed)
        if slot.ready and not killed and slot._child:
            killed.append(slot._child.process.pid)
            slot._child.process.kill()
            slot._child.process.wait()
            step(slot, 0.0)

    step = Slot.step
    monkeypatch.setattr(Slot, "step", kill_idle)
    result = search(tmp_path, suite("fine"), executions=100)
    assert len(killed) == 1
    assert (result.findings, result.suites[0].executions) == ([], 100)
    assert any("between two batches" in note for note in result.notes)


def test_what_a_batch_had_found_before_its_worker_died_is_found_again(tmp_path: Path) -> None:
    result = search(tmp_path, _both(), executions=SEEDS)
    assert {found.kind for found in result.findings} == {"crash", "data-race"}


def _both() -> Suite:
    """At seeds that EVERY divides a race, and the process dies at the first seed that 3 * EVERY divides."""

    def draw(seed: int, shape: Shape) -> Scenario:
        return replace(generate("race-then-segv", EVERY, seed, shape), suite="both")

    return Suite("both", "a test", (), (), draw)


def test_a_suite_whose_workers_always_die_is_given_up(tmp_path: Path) -> None:
    result = search(tmp_path, suite("segv", 1), suite("fine"), executions=100)
    assert only(result).count == 8
    assert any("stopped before its time" in note for note in result.notes)
    assert result.suites[1].executions == 50


def test_an_interruption_ends_within_two_seconds(tmp_path: Path) -> None:
    timer = threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    began = time.monotonic()
    result = search(tmp_path, suite("slow"), executions=1_000_000)
    assert time.monotonic() - began < 1.0 + 2.0 + 1.0
    assert result.interrupted
    assert read_run(result.path)["interrupted"] is True


def test_an_interruption_ends_within_two_seconds_while_a_finding_is_traced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same execution, once more for its trace, hangs."""
    began: list[float] = []

    def obey(*args: Any) -> Any:
        began.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)
        return real(*args)

    real = Explorer.obey
    monkeypatch.setattr(Explorer, "obey", obey)
    result = search(tmp_path, suite("segv-traced-hang", 1), executions=8, hang_after=10.0)
    assert time.monotonic() - began[0] < 2.0 + 1.0
    assert (only(result).kind, result.interrupted, len(began)) == ("crash", True, 1)


def test_an_interruption_ends_a_self_check_within_two_seconds(tmp_path: Path) -> None:
    timer = threading.Timer(2.0, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    began = time.monotonic()
    result = search(tmp_path, suite("hang", 1), hang_after=60.0, twice=True)
    assert time.monotonic() - began < 2.0 + 2.0 + 1.0
    assert result.interrupted


def test_a_self_check_does_not_wait_longer_for_an_execution_than_it_may_take(tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match="does not get on in the self-check"):
        search(tmp_path, suite("hang", 1), twice=True)


@pytest.mark.parametrize("kept", [False, True])
def test_cpu_seconds_of_a_worker_that_dies_count(kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each process has taken 5 s, as far as one can see while it is there; what others had of a kept one is theirs."""
    measured = {True: 5.0, False: 0.0}
    monkeypatch.setattr(Explorer, "measure", lambda child: (measured[child.process.poll() is None], 0))
    spare = Spare() if kept else None
    try:
        if kept:
            search(tmp_path, suite("fine"), executions=1, spare=spare)
        result = search(tmp_path, suite("segv", 1), executions=1, spare=spare)
        assert (only(result).count, result.cpu_seconds) == (1, 5.0 if kept else 10.0)
    finally:
        if spare:
            spare.close()


def test_cpu_seconds_of_a_self_check_count(tmp_path: Path) -> None:
    assert search(tmp_path, suite("fine"), executions=8, twice=True).cpu_seconds > 0


def test_a_killed_supervisor_takes_its_workers_along(tmp_path: Path) -> None:
    script = (
        f"from harness.tests.test_explore import *; search(Path({str(tmp_path)!r}), suite('slow'), executions=10**6)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", script], env=environment) as process:
        watched = psutil.Process(process.pid)
        deadline = time.monotonic() + 60
        while not (workers := watched.children()):
            assert time.monotonic() < deadline
            psutil.wait_procs([watched], timeout=0.1)
        process.kill()
        _, alive = psutil.wait_procs(workers, timeout=10)
    assert alive == []


# ---- Print, parse, replay ----


def again(result: ExploreResult, finding: Finding, *, by: Launch | None = None, **more: Any) -> ReplayResult:
    """Replay a finding's token, as a terminal would have shown it, with nothing else from its exploration."""
    assert finding.token
    store = more.pop("store", Path("no-store"))
    request = ReplayRequest(given=f" {finding.token}\n", hang_after=HANG, store=store, **more)
    return replay_with(by or launch(), resolve(request.given, store), request)


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the fake suites be installed."""
    names = [*KINDS, "segv", "chosen-segv", "hang", "exit", "listed", "long", "fine"]
    monkeypatch.setattr("harness.generate.discover", lambda: {name: suite(name) for name in names})


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_finding_goes_through_print_parse_and_replay(kind: str, tmp_path: Path) -> None:
    what = {"crash": "segv", "hang": "hang"}.get(kind, kind)
    result = search(tmp_path, suite(what), executions=60)
    finding = only(result)
    assert finding.kind == kind
    assert len(finding.token or "") <= MAX_SEEDED
    replayed = again(result, finding)
    assert (replayed.seen, replayed.tries, replayed.same_build) == (3, 3, True)
    assert [(found.kind, found.fingerprint) for found in replayed.findings] == [(kind, finding.fingerprint)]
    assert replayed.diverged is None


@pytest.mark.usefixtures("known")
def test_a_list_of_choices_is_in_the_token(tmp_path: Path) -> None:
    finding = only(search(tmp_path, suite("listed")))
    assert len(finding.token or "") <= MAX_LISTED
    replayed = again(search(tmp_path, suite("fine")), finding)
    assert (replayed.seen, replayed.tries) == (3, 3)


@pytest.mark.usefixtures("known")
def test_a_death_that_no_seed_says_is_replayed_by_its_choices(tmp_path: Path) -> None:
    result = search(tmp_path, suite("chosen-segv"), executions=EVERY + 1, options=Options("dfs"))
    finding = only(result)
    assert len(finding.token or "") <= MAX_LISTED
    assert (again(result, finding, times=1).seen, finding.kind) == (1, "crash")


def test_a_turn_of_the_portfolio_is_told_by_the_seed() -> None:
    """Only what a seed doesn't say needs a list in its token."""
    choices = (Choice(3, 0, 1),)
    made = [died_of("portfolio", seed, NO_CALIBRATION, choices) for seed in range(16)]
    assert [one.seed for one in made if one.choices] == [7, 15]
    assert {one.strategy for one in made if one.choices} == {"guided"}
    assert died_of("guided", 1, NO_CALIBRATION, None).choices is None


@pytest.mark.usefixtures("known")
def test_a_long_list_is_found_in_its_bundle(tmp_path: Path) -> None:
    result = search(tmp_path, suite("long"))
    finding = only(result)
    assert again(result, finding, store=tmp_path).seen == 3
    with pytest.raises(Problem, match="not in the store"):
        again(result, finding)
    assert finding.bundle
    request = ReplayRequest(given=finding.bundle)
    assert replay_with(launch(), resolve(finding.bundle, Path("no-store")), request).seen == 3


@pytest.mark.usefixtures("known")
def test_another_build_replays_all_the_same_and_says_so(tmp_path: Path) -> None:
    result = search(tmp_path, suite("listed"))
    replayed = again(result, only(result), by=launch("f" * 16))
    assert not replayed.same_build
    assert any("not the one that showed it" in note for note in replayed.notes)
    assert replayed.tries == 20
    assert 5 <= replayed.seen <= 8  # the fake comes upon it at every third seed
    assert replayed.diverged is not None
    assert replayed.diverged.step == 9
    assert "expected thread 2" in replayed.diverged.what


@pytest.mark.usefixtures("known")
def test_what_is_gone_is_not_reproduced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = search(tmp_path, suite("leak"))
    monkeypatch.setattr("harness.generate.discover", lambda: {"leak": replace(suite("fine"), name="leak")})
    replayed = again(result, only(result))
    assert (replayed.seen, replayed.tries, replayed.findings) == (0, 3, ())
    assert any("another scenario" in note for note in replayed.notes)


def test_a_token_of_a_suite_that_is_not_installed(tmp_path: Path) -> None:
    result = search(tmp_path, suite("leak"))
    with pytest.raises(Problem, match="not installed here"):
        again(result, only(result))


# ---- Bundles ----


def test_a_bundle_has_what_it_takes(tmp_path: Path) -> None:
    result = search(tmp_path, suite("data-race"))
    finding = only(result)
    assert read_findings(result.path) == [finding]
    assert finding.bundle
    files = {path.name: path.read_bytes() for path in Path(finding.bundle).iterdir()}
    assert set(files) == {
        "finding.json", "repro.json", "scenario.json", "stderr.txt", "trace.txt", "build.json", "environment.json",
        "repro.py", "test_repro.py",
    }  # fmt: skip
    assert b"memory model: sc" in files["stderr.txt"]
    repro = json.loads(files["repro.json"])
    assert repro["schedule"]["choices"] == [[3, 0, 1], [9, 0, 2], [12, 3, 1]]
    assert repro["build"] == "0123456789abcdef"
    assert len(repro["trace_hash"]) == 16


@pytest.mark.parametrize("damage", ["missing", "cut", "newer", "swapped", "no-schedule"])
def test_a_damaged_bundle_is_one_sentence(damage: str, tmp_path: Path) -> None:
    finding = only(search(tmp_path, suite("data-race")))
    folder = Path(finding.bundle or "")
    repro = folder / "repro.json"
    if damage == "missing":
        (folder / "scenario.json").unlink()
    elif damage == "cut":
        repro.write_bytes(repro.read_bytes()[:100])
    elif damage == "newer":
        repro.write_bytes(repro.read_bytes().replace(b'"format":1', b'"format":2', 1))
    elif damage == "swapped":
        (folder / "scenario.json").write_bytes(Scenario("leak", 1, "fake", {}, ()).to_json())
    else:
        repro.unlink()
    with pytest.raises(Problem) as caught:
        resolve(str(folder), tmp_path)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


# ---- Self-check ----


def test_each_seed_is_run_twice(tmp_path: Path) -> None:
    result = search(tmp_path, suite("fine"), executions=700, twice=True)
    assert result.self_check is not None
    assert (result.self_check.seeds, result.self_check.different) == (700, 0)
    assert output_of(result, (), interrupted=False).again.endswith(" --self-check")


def test_a_difference_is_named_with_its_cause(tmp_path: Path) -> None:
    result = search(tmp_path, suite("unsteady"), executions=SEEDS, twice=True)
    assert result.self_check is not None
    assert result.self_check.different == len([seed for seed in _seeds("unsteady") if seed % EVERY == 0])
    sentence, *_ = result.self_check.divergences
    assert ": time; step 2, thread 1: clock" in sentence


def _seeds(name: str) -> list[int]:
    """The schedule seeds of SEEDS executions."""
    found = units(SEEDS, name)
    return [seed for unit in found for seed in range(unit.first_seed, unit.first_seed + unit.executions)]


# ---- Requests ----


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"suites": ("nowhere",)}, "nowhere"),
        ({"executions": 0}, "executions"),
        ({"seconds": 0.0}, "seconds"),
        ({"seconds": float("inf")}, "seconds"),
        ({"seconds": 1.0, "executions": 5}, "one of them"),
        ({"jobs": 0}, "jobs"),
        ({"threads": 0}, "threads"),
        ({"ops": 0}, "ops"),
        ({"seed": -1}, "seed"),
        ({"hang_after": 0.0}, "hang-after"),
    ],
    ids=str,
)
def test_what_cannot_be_done_is_refused(change: dict[str, Any], word: str, tmp_path: Path) -> None:
    with pytest.raises(Problem, match=word):
        explore(ExploreRequest(store=tmp_path, **change), lambda _: None)
    assert list(tmp_path.iterdir()) == []


def test_named_scenarios_are_walked_through_to_their_end() -> None:
    walk = Options(strategy="dfs", preemption_bound=3)
    request = ExploreRequest(("supply-2x1",), options=walk)
    assert (request.time, request.count) == (None, EVERYTHING)
    assert replace(request, seconds=5.0).count is None
    assert replace(request, executions=7).count == 7
    for other in (replace(request, suites=()), replace(request, suites=("supply-2x1", "map")),
                  replace(request, options=replace(walk, preemption_bound=-1)),
                  replace(request, options=replace(walk, strategy="random"))):  # fmt: skip
        assert (other.time, other.count) == (SECONDS, None)


def test_the_command_to_explore_again_has_every_option() -> None:
    from harness.explore.result import again as command

    options = Options("pct", depth=4, plain_points=True, races=False, check_every=7, step_bound=9, preemption_bound=3)
    request = ExploreRequest(("map",), seconds=2.5, options=options, jobs=2, threads=4, ops=9, layout=BEFORE,
                             store=Path("a b"), hang_after=1.0, patches=(Path("x.patch"),))  # fmt: skip
    assert command(request, 5) == (
        "racewash explore map --seconds 2.5 --strategy pct --depth 4 --preemption-bound 3 --check-every 7 "
        "--step-bound 9 --jobs 2 --threads 4 --ops 9 --layout before --store 'a b' --hang-after 1 --seed 5 "
        "--plain-points --no-races --patch x.patch"
    )
