"""Whatever a worker does, the run ends in time, with a finding, and leaves no process behind.

The workers run fake_worker.py: the real worker around a library that misbehaves as its scenario asks.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.builds import Build
from harness.cli.run import exit_code, output_of
from harness.model.finding import Finding
from harness.model.layout import BEFORE
from harness.model.problem import Problem
from harness.model.repro import Origin, Repro
from harness.model.rng import Rng
from harness.model.suite import Shape, Suite
from harness.model.token import parse_token
from harness.store import RunStore, newest_run, read_findings, read_run
from harness.stress.child import Launch
from harness.stress.draw import draw, scenario_seed
from harness.stress.evidence import native_stacks
from harness.stress.failure import RunFailed
from harness.stress.messages import MOST_PRINTED
from harness.stress.race import Race
from harness.stress.request import RunRequest
from harness.stress.result import RunResult, again
from harness.stress.run import run, run_with
from harness.tests.fake_suites import generate, sometimes, suite

pytestmark = [pytest.mark.contract, pytest.mark.usefixtures("no_worker_is_left")]

WORKER = Path(__file__).with_name("fake_worker.py")
HANG = 1.0  # seconds without progress, in these tests
SEED = 11
FAKE = "fa4e" * 4  # a build's identity


def launch(kind: str = "native", identity: str = FAKE, **more: str) -> Launch:
    nowhere = Path("nowhere")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **more}
    build = Build(kind, identity, "no compiler", nowhere, nowhere)
    return Launch(build, (sys.executable, "-P", str(WORKER)), environment)


def race(store: Path, *suites: Suite, by: Launch | None = None, notify: Callable[[str], None] = lambda _: None,
         tell: Callable[[str], None] = lambda _: None, **more: Any) -> RunResult:  # fmt: skip
    asked = {"seconds": 1.0, "threads": 2, "hang_after": HANG, "store": store, **more}
    request = RunRequest(suites=tuple(suite.name for suite in suites), **asked)
    return run_with(by or launch(), request, suites, SEED, notify, tell)


def only(result: RunResult) -> Finding:
    [finding] = result.findings
    return finding


def bundle(finding: Finding) -> dict[str, Any]:
    assert finding.bundle
    return {path.name: path.read_bytes() for path in Path(finding.bundle).iterdir()}


# ---- A run in which nothing happens ----


def test_figures_are_added_up_and_kept(tmp_path: Path) -> None:
    result = race(tmp_path, suite("fine"), suite("slow"), seconds=3.0)
    fine, slow = result.suites
    assert fine.executions > 1
    assert slow.executions >= 1
    assert fine.operations == 4 * fine.executions
    assert fine.invariants == {"I1": 3 * fine.executions}
    assert fine.codes["OK"] == 2 * fine.executions
    assert fine.latency == [0, fine.executions]
    assert fine.operations_per_second == pytest.approx(4000)
    assert fine.peak_rss > 1 << 20
    assert (result.findings, result.canary, result.interrupted, result.notes) == ([], None, False, ())
    stored = read_run(result.path)
    assert stored["command"] == "run"
    assert stored["seed"] == SEED
    assert stored["executions"] == fine.executions + slow.executions
    assert stored["build"]["identity"] == FAKE
    assert [one["name"] for one in stored["suites"]] == ["fine", "slow"]
    assert stored["again"].startswith("racewash run fine slow --seconds 3")
    assert newest_run(tmp_path) == result.path


def test_every_suite_runs_at_least_once_however_short_the_run(tmp_path: Path) -> None:
    result = race(tmp_path, suite("slow"), suite("fine"), sometimes("fine"), seconds=0.01)
    assert [one.executions > 0 for one in result.suites] == [True, True, True]


def test_a_plan_that_leaves_something_untested_is_noted(tmp_path: Path) -> None:
    result = race(tmp_path, suite("fine"), seconds=0.1, faults=("alloc label=NOPE", "alloc budget=0"))
    assert result.notes == (
        "the fault 'alloc label=NOPE' was met 0 times: nothing that was executed fits its conditions",
        "under this plan no core of the suite fine could be created: nothing was raced",
    )
    assert race(tmp_path, suite("fine"), seconds=0.1, faults=("alloc skip=9",)).notes == ()


def test_time_is_shared_out(tmp_path: Path) -> None:
    began = time.monotonic()
    result = race(tmp_path, suite("fine"), sometimes("fine"), seconds=2.0)
    assert result.seconds < 3.0
    assert time.monotonic() - began < 6.0
    few, many = sorted(one.executions for one in result.suites)
    assert many < 5 * few


# ---- Scenarios ----


def executed(result: RunResult) -> list[set[int]]:
    """The seeds that were executed, by suite."""
    return [{int(code[5:]) for code in one.codes if code.startswith("seed ")} for one in result.suites]


@pytest.mark.parametrize("processes", [1, 3])
def test_the_seed_alone_decides_the_scenarios(processes: int, tmp_path: Path) -> None:
    [seeds] = executed(race(tmp_path, suite("fine"), processes=processes))
    expected = [scenario_seed(SEED, "fine", index) for index in range(4 * len(seeds))]
    assert seeds <= set(expected)
    if processes == 1:
        assert seeds == set(expected[: len(seeds)])
    else:
        for worker in range(processes):  # each goes through its own without a gap
            mine = expected[worker::processes]
            count = len(seeds & set(mine))
            assert count > 0
            assert set(mine[:count]) <= seeds


def test_a_scenario_is_the_same_every_time() -> None:
    one, two = (draw(suite("fine"), 5, 3, Shape(), "native") for _ in range(2))
    assert one == two
    assert one != draw(suite("fine"), 5, 4, Shape(), "native")
    assert len({scenario_seed(5, "a", 1), scenario_seed(5, "b", 1), scenario_seed(6, "a", 1)}) == 3


@pytest.mark.parametrize("kind", ["native", "tsan", "asan"])
def test_a_run_with_a_findings_seed_begins_with_its_scenario(kind: str) -> None:
    for index in range(20):
        found = draw(suite("fine"), 5, index, Shape(shared=2), kind)
        assert draw(suite("fine"), found.seed, 0, Shape(shared=2), kind) == found


def backing(seed: int, shape: Shape) -> Any:
    return generate(f"backing {shape.backing}", seed, shape)


def test_asan_sees_objects_in_half_of_the_scenarios_but_not_in_shared_ones() -> None:
    one = Suite("fine", "a test", (), (), backing)
    kinds = [draw(one, 1, index, Shape(), "asan").suite for index in range(100)]
    assert 30 < kinds.count("backing 1") < 70
    assert kinds.count("backing 0") + kinds.count("backing 1") == 100
    assert {draw(one, 1, index, Shape(), "tsan").suite for index in range(4)} == {"backing 0"}
    assert {draw(one, 1, index, Shape(shared=2), "asan").suite for index in range(4)} == {"backing 0"}


def test_tsan_has_one_thread_in_each_process() -> None:
    assert draw(suite("fine"), 1, 0, Shape(threads=6, shared=2), "tsan").processes == 6
    assert draw(suite("fine"), 1, 0, Shape(threads=6, shared=2), "asan").processes == 2


# ---- Ways to die ----


@pytest.mark.parametrize(
    ("what", "kind", "words"),
    [
        ("segv", "crash", "SIGSEGV"),
        ("killed", "crash", "SIGKILL"),
        ("exit", "crash", "code 0"),
        ("abort", "crash", "ABRT in main (native/core/demo.c:42)"),
        ("cut", "use-after-free", "read of 1 bytes in read_pair"),
        ("orphan-segv", "crash", "SIGSEGV"),
        ("sleep", "hang", "while running sleep for 1 s"),
        ("spin", "hang", "while running spin"),
        ("family", "hang", "while running family"),
        ("stopped", "hang", "while running stopped for 1 s"),
        ("stopped-child", "hang", "while running stopped-child"),
    ],
)
def test_a_worker_that_ends_is_a_finding_and_the_run_goes_on(what: str, kind: str, words: str, tmp_path: Path) -> None:
    began = time.monotonic()
    result = race(tmp_path, sometimes(what), suite("fine"), seconds=4.0)
    assert time.monotonic() - began < 60
    finding = only(result)
    assert (finding.kind, finding.suite) == (kind, f"sometimes-{what}")
    recorded = parse_token(finding.token or "")
    assert isinstance(recorded, Repro)
    assert (recorded.origin, recorded.kind) == (Origin(finding.suite, finding.seed or 0, Shape(threads=2)), "native")
    assert words in finding.message
    assert finding.seed is not None
    assert finding.seed % 4 == 0
    files = bundle(finding)
    assert json.loads(files["scenario.json"])["seed"] == finding.seed
    operations = json.loads(files["operations.json"])
    assert operations["threads"][0]["running"] == [what, finding.seed % 1000]
    assert operations["threads"][1]["finished"] == 0
    assert [one.executions > 0 for one in result.suites] == [True, True]
    assert read_findings(result.path) == [finding]


def test_a_worker_that_somebody_else_kills_is_told_and_replaced(tmp_path: Path) -> None:
    """Killed from outside once it has executed something, wherever it is then: in a scenario, or between two."""
    killed: dict[int, int] = {}  # worker -> executions of all by then
    others = set(psutil.Process().children())  # a worker that decorated tests share

    def kill(telling: str) -> None:
        executed = int(telling.partition("; ")[2].partition(" executions")[0].replace(",", ""))
        if len(killed) < 2 and executed > max(killed.values(), default=0):
            [worker] = set(psutil.Process().children()) - others
            worker.kill()
            killed[worker.pid] = executed

    result = race(tmp_path, suite("fine"), seconds=8.0, tell=kill)
    assert len(killed) == 2
    assert {finding.kind for finding in result.findings} == {"crash"}
    assert sum(finding.count for finding in result.findings) == 2
    assert all("killed by SIGKILL" in finding.message for finding in result.findings)
    assert {finding.fingerprint for finding in read_findings(result.path)} == {
        finding.fingerprint for finding in result.findings
    }
    assert exit_code(output_of(result, "kvcache")) == 1


@pytest.mark.parametrize("what", ["garble", "garble-long"])
def test_a_worker_that_wrote_over_its_own_memory(what: str, tmp_path: Path) -> None:
    result = race(tmp_path, sometimes(what), suite("fine"), seconds=4.0)
    assert (only(result).kind, "messages are damaged" in only(result).message) == ("crash", True)
    assert [one.executions > 0 for one in result.suites] == [True, True]


def test_a_suite_that_only_kills_its_workers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.stress.race.MAX_DEATHS", 3)
    result = race(tmp_path, suite("segv"), suite("fine"), seconds=6.0, processes=2)
    assert only(result).count in (3, 4), "both workers may be at it when it is enough"
    assert result.suites[0].executions == 0
    assert result.suites[1].executions > 0
    assert any("segv was stopped" in note for note in result.notes)


def test_a_hang_shows_native_stacks_where_gdb_is(tmp_path: Path) -> None:
    finding = only(race(tmp_path, suite("sleep"), seconds=0.1))
    if not native_stacks([os.getpid()], lambda: False):
        pytest.skip("gdb is not installed")
    assert "Native stacks" in bundle(finding)["stderr.txt"].decode()
    assert "#0 " in finding.report


def test_what_a_worker_forked_and_left_is_found_and_ended(tmp_path: Path) -> None:
    finding = only(race(tmp_path, suite("orphan"), seconds=0.1))
    assert finding.kind == "hang"
    assert "outlived" in finding.message


def test_a_worker_that_takes_too_much_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Race, "memory_limit", 300 << 20)
    result = race(tmp_path, suite("grow"), seconds=0.1, hang_after=30.0)
    assert {finding.kind for finding in result.findings} == {"oom"}
    assert "300 MB that it may take" in result.findings[0].message
    assert result.suites[0].peak_rss > 300 << 20


def test_a_worker_that_prints_without_end(tmp_path: Path) -> None:
    began = time.monotonic()
    finding = only(race(tmp_path, suite("flood"), seconds=0.1, hang_after=30.0))
    assert time.monotonic() - began < 60
    assert (finding.kind, "printing too much" in finding.message) == ("crash", True)
    assert len(bundle(finding)["stderr.txt"]) < 1 << 20


def test_a_worker_that_has_printed_much_is_replaced_without_a_finding(tmp_path: Path) -> None:
    result = race(tmp_path, suite("chatter"), seconds=3.0)
    assert result.findings == []
    assert result.suites[0].executions > MOST_PRINTED // (6 << 20) + 1


# ---- What executions show ----


def test_a_report_is_found_with_its_place_and_scenario(tmp_path: Path) -> None:
    result = race(tmp_path, sometimes("race"), by=launch("tsan"), seconds=2.0)
    finding = only(result)
    assert (finding.kind, result.canary) == ("data-race", True)
    assert [(place.file, place.function) for place in finding.locations] == [
        ("native/core/demo.c", "read_block"),
        ("native/core/demo.c", "publish_block"),
    ]
    assert json.loads(bundle(finding)["scenario.json"])["seed"] == finding.seed
    assert finding.seed is not None
    assert finding.seed % 4 == 0, "the report is laid to the execution that printed it"
    assert "noise" not in finding.report


def test_a_violation_is_found_once_and_counted(tmp_path: Path) -> None:
    result = race(tmp_path, suite("violate"))
    finding = only(result)
    assert (finding.kind, finding.invariant, finding.count) == ("accounting", "Q5", result.suites[0].executions)
    files = bundle(finding)
    assert json.loads(files["snapshot.json"])["labels"]["USER"]["used"] == 1
    assert json.loads(files["operations.json"])["threads"][0]["last"][0][0] == "violate"
    assert json.loads(files["finding.json"])["count"] == finding.count
    assert [one.fingerprint for one in result.suites[0].findings] == [finding.fingerprint]


def test_a_leak_told_again_and_again_counts_once(tmp_path: Path) -> None:
    result = race(tmp_path, suite("leak"), by=launch("asan"))
    assert result.suites[0].executions > 1
    assert (only(result).kind, only(result).count) == ("leak", 1)


def test_a_forked_process_that_died_is_a_crash(tmp_path: Path) -> None:
    result = race(tmp_path, suite("torn"))
    assert (only(result).kind, only(result).message) == ("crash", "process 1 of 2 was ended by signal 11")
    assert result.suites[0].executions > 0


# ---- Canary, errors of our own ----


@pytest.mark.parametrize("kind", ["tsan", "asan"])
def test_a_blind_sanitizer_ends_the_run_before_it_starts(kind: str, tmp_path: Path) -> None:
    blind = race(tmp_path, suite("fine"), by=launch(kind, FAKE_BLIND="yes"), seconds=30.0)
    assert blind.canary is False
    assert blind.suites[0].executions == 0
    assert any("planted" in note for note in blind.notes)
    assert read_run(blind.path)["canary"] is False
    assert race(tmp_path, suite("fine"), by=launch(kind)).canary is True


@pytest.mark.parametrize(
    ("what", "error", "words"),
    [
        ("broken", RunFailed, "a mistake of racewash"),
        ("refuse", Problem, "does not fit"),
        ("uncreated", RunFailed, "create-failed"),
    ],
)
def test_an_error_in_a_worker_ends_the_run(what: str, error: type[Exception], words: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=words):
        race(tmp_path, suite(what), processes=2, seconds=30.0)
    assert newest_run(tmp_path), "also such a run is kept"


def test_the_users_own_memory_limit_is_the_users_to_correct(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="no room"):
        race(tmp_path, suite("uncreated"), memory=64 << 20)


@pytest.mark.parametrize(("identity", "error"), [("unloadable", Problem), ("dead", RunFailed)])
def test_a_worker_that_can_not_start(identity: str, error: type[Exception], tmp_path: Path) -> None:
    with pytest.raises(error):
        race(tmp_path, suite("fine"), by=launch(identity=identity))


def test_an_error_after_a_finding_does_not_hide_it(tmp_path: Path) -> None:
    result = race(tmp_path, suite("violate"), suite("broken"))
    assert only(result).kind == "accounting"
    assert any("a mistake of racewash" in note for note in result.notes)


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    nothing = Launch(launch().build, ("/nonexistent/python",), dict(os.environ))
    with pytest.raises(Problem, match="can't be started"):
        race(tmp_path, suite("fine"), by=nothing)


# ---- Interruption ----


@pytest.mark.parametrize("what", ["fine", "sleep", "family"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_ends_the_run_within_two_seconds(number: signal.Signals, what: str, tmp_path: Path) -> None:
    sent = 0.0
    before = signal.getsignal(number)

    def interrupt(sentence: str) -> None:
        nonlocal sent
        if not sent and sentence.startswith(("1 s", "2 s")):
            sent = time.monotonic()
            os.kill(os.getpid(), number)

    result = race(tmp_path, suite("violate"), suite(what), tell=interrupt, seconds=60.0 if what == "fine" else 2.2,
                  hang_after=60.0, processes=2)  # fmt: skip
    assert sent
    assert time.monotonic() - sent < 2.0
    assert result.interrupted
    assert "accounting" in {finding.kind for finding in result.findings}
    assert read_run(result.path)["interrupted"] is True
    assert signal.getsignal(number) is before


def test_outside_the_main_thread_no_handler_is_touched(tmp_path: Path) -> None:
    results: list[RunResult] = []
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    thread = threading.Thread(target=lambda: results.append(race(tmp_path, suite("segv"), suite("fine"))))
    thread.start()
    while thread.is_alive():
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
        thread.join(0.05)
    assert only(results[0]).kind == "crash"


SUPERVISOR = """
import sys
from pathlib import Path
from harness.tests.fake_suites import suite
from harness.tests.test_stress import race
race(Path(sys.argv[1]), suite("violate"), suite("family"), notify=lambda text: print(text, flush=True),
     seconds=60, hang_after=60)
"""


def test_no_process_outlives_a_killed_supervisor_and_the_next_run_tells(tmp_path: Path) -> None:
    """kill -9: nothing is left but the store, whose findings are whole; the next start names the run's folder."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", SUPERVISOR, str(tmp_path)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert any(line.startswith("found") for line in process.stdout)
        family = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        _, alive = psutil.wait_procs(family, timeout=5)
        assert alive == []
    told: list[str] = []
    race(tmp_path, suite("fine"), notify=told.append)
    [cut] = [text for text in told if "cut off" in text]
    [folder] = [path for path in (tmp_path / "runs").iterdir() if not (path / "run.json").exists()]
    assert str(folder) in cut
    found = [finding.kind for finding in read_findings(folder)]
    assert found == ["accounting", "crash"], "what was found by then, and what was being executed"
    told.clear()
    race(tmp_path, suite("fine"), notify=told.append)
    assert not [text for text in told if "cut off" in text], "it is told once"


# ---- A store that fails ----


def test_a_disk_that_fills_up_loses_nothing_that_was_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> Path:
        raise Problem("the store can't be written: No space left on device")

    monkeypatch.setattr(RunStore, "add_finding", full)
    monkeypatch.setattr(RunStore, "write_run", full)
    told: list[str] = []
    result = race(tmp_path, suite("violate"), notify=told.append)
    assert (only(result).kind, only(result).bundle) == ("accounting", None)
    assert result.notes == ("the store can't be written: No space left on device",)
    assert any("found accounting" in text and "not stored" in text for text in told)


def test_a_bundle_that_could_not_be_written_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = RunStore.add_finding, []

    def full_at_first(self: RunStore, finding: Finding, files: dict[str, bytes]) -> Path:
        calls.append(finding)
        if len(calls) == 1:
            raise Problem("the store can't be written: No space left on device")
        return real(self, finding, files)

    monkeypatch.setattr(RunStore, "add_finding", full_at_first)
    result = race(tmp_path, suite("violate"))
    [stored] = read_findings(result.path)
    assert (stored.count, stored.bundle) == (only(result).count, only(result).bundle)


def test_a_store_that_can_not_be_written_is_told_before_any_worker_starts(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file", encoding="utf-8")
    with pytest.raises(Problem, match="store"):
        race(tmp_path / "store", suite("fine"), by=launch(identity="dead"))


# ---- What is asked ----


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"suites": ("nothing",)}, "'nothing'; the suites are"),
        ({"seconds": 0.0}, "seconds"),
        ({"seconds": float("nan")}, "seconds"),
        ({"hang_after": -1.0}, "hang-after"),
        ({"threads": 0}, "threads is 0"),
        ({"threads": 257}, "threads is 257"),
        ({"processes": 0}, "processes is 0"),
        ({"shared": -1}, "shared is -1"),
        ({"threads": 2, "shared": 3}, "only 2 threads"),
        ({"memory": 1 << 20}, "64M"),
        ({"sanitizer": "msan"}, "'msan'"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 1 << 63}, "seed"),
    ],
    ids=str,
)
def test_what_can_not_be_done_is_one_sentence(asked: dict[str, Any], words: str, tmp_path: Path) -> None:
    store = tmp_path / "store"
    with pytest.raises(Problem, match=words):
        run(RunRequest(**{"store": store, **asked}), lambda _: None)
    assert not store.exists()


def test_the_command_to_run_again() -> None:
    assert again(RunRequest(), 7) == "racewash run --seed 7"
    request = RunRequest(
        suites=("map",), seconds=60, threads=16, layout=BEFORE, memory=1 << 30, sanitizer="tsan", store=Path("a b")
    )
    assert again(request, 7) == (
        "racewash run map --seconds 60 --threads 16 --layout before --memory 1073741824 --sanitizer tsan "
        "--store 'a b' --seed 7"
    )


def test_tsan_says_what_it_does_not_see_in_the_shared_mode(tmp_path: Path) -> None:
    result = race(tmp_path, suite("fine"), by=launch("tsan"), sanitizer="tsan", shared=2)
    assert any("no race between" in note for note in result.notes)
    assert "model of C11 atomics" in read_run(result.path)["memory_model"]


def test_looking_at_stacks_ends_with_an_interruption() -> None:
    began = time.monotonic()
    native_stacks([os.getpid()], lambda: True)
    assert time.monotonic() - began < 2.0


def test_seeds_spread() -> None:
    seeds = {scenario_seed(Rng(1).word() >> 1, "map", index) for index in range(1000)}
    assert len(seeds) == 1000
    assert all(0 <= seed < 1 << 63 for seed in seeds)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KB; only root can make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small file system can't be mounted here: that needs root and the right to mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_worker_that_fills_the_disk_of_the_store(small_disk: Path) -> None:
    """The fake worker writes to the store's disk until nothing is left, then violates."""
    by = launch(FAKE_DISK=str(small_disk))
    told: list[str] = []
    result = race(small_disk / "store", suite("fill"), by=by, notify=told.append)
    assert only(result).kind == "accounting"
    assert only(result).bundle is None
    assert any("No space left" in note for note in result.notes)
    assert any(text.startswith("found accounting") for text in told)
