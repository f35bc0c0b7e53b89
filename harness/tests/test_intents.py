"""A run that dies leaves what it was executing, and whole bundles of what it had found."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.builds import BatchProgress, BlackBox
from harness.explore.slot import Slot as ExploreSlot
from harness.model.finding import Finding
from harness.model.problem import Problem
from harness.model.repro import Origin, Repro
from harness.model.scenario import Scenario
from harness.model.schedule import Options, Schedule
from harness.model.suite import Shape, Suite
from harness.model.token import parse_token
from harness.repro import ReplayRequest
from harness.repro.replay import replay_with
from harness.repro.resolve import resolve
from harness.store import Intents, new_run, read_findings, store_findings, unfinished_runs
from harness.stress.intents import recover, scheduled_intent, threads_intent
from harness.stress.process import NOTE
from harness.stress.slot import Slot as StressSlot
from harness.tests.fake_explorer import CHOICES, leave
from harness.tests.fake_suites import suite as fake_suite
from harness.tests.test_explore import launch, search
from harness.tests.test_explore import suite as exploring_suite
from harness.tests.test_stress import race

pytestmark = pytest.mark.contract

ROOT = Path(__file__).resolve().parents[2]
NOWHERE = Path("no-store")
IDENTITY = "0123456789abcdef"
SHAPE = Shape(threads=2, ops=6)
PATIENCE = 300.0  # seconds for a supervisor and its worker to get to work, far above what they need

# ---- Intents ----

SUPERVISOR = """
import sys
from pathlib import Path
from harness.tests import test_explore, test_stress
which, store = sys.argv[1:]
if which == "schedules":
    test_explore.search(Path(store), test_explore.suite("slow"), executions=10**6, hang_after=900.0)
else:
    test_stress.race(Path(store), test_stress.suite(which), seconds=900.0, hang_after=900.0)
"""


def killed(what: str, store: Path, ready: Any) -> None:
    """Let a supervisor of the fake workers run until `ready` says so, and kill it."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    with subprocess.Popen([sys.executable, "-c", SUPERVISOR, what, str(store)], env=environment) as process:
        watched = psutil.Process(process.pid)
        deadline = time.monotonic() + PATIENCE
        areas: list[Path] = []
        try:
            while not any(map(ready, areas)):
                assert time.monotonic() < deadline, "nothing came under way"
                psutil.wait_procs([watched], timeout=0.05)
                areas = [path for path in store.glob("runs/*/under-way/*.area") if path.with_suffix(".json").exists()]
            workers = watched.children(recursive=True)
        finally:
            process.kill()
        psutil.wait_procs(workers, timeout=30)


@pytest.mark.parametrize(("what", "kind"), [("schedules", "crash"), ("slow", "crash"), ("sleep", "hang")])
def test_what_was_under_way_when_racewash_died_is_a_finding(
    what: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "hang":
        monkeypatch.setattr("harness.stress.intents.HANG_MS", 700)
    seed_at = BatchProgress.seed_at()

    def ready(area: Path) -> bool:
        data = area.read_bytes()
        quiet = int.from_bytes(data[-8:], "little")
        seed = int.from_bytes(data[seed_at : seed_at + 8], "little")
        return quiet > 1000 if kind == "hang" else what != "schedules" or seed > 0

    killed(what, tmp_path, ready)
    name = "slow" if what == "schedules" else what
    known = exploring_suite(name) if what == "schedules" else fake_suite(name)
    monkeypatch.setattr("harness.generate.discover", lambda: {name: known})
    told: list[str] = []
    recover(tmp_path, told.append)
    [finding] = store_findings(tmp_path)
    assert (finding.kind, finding.suite) == (kind, name)
    assert any(finding.token and finding.token in line for line in told), "the token is announced"
    parsed = parse_token(finding.token or "")
    assert isinstance(parsed, Repro)
    assert parsed.scheduled == (what == "schedules")
    assert finding.seed == (parsed.schedule.seed if parsed.scheduled else parsed.origin and parsed.origin.seed)
    assert resolve(finding.bundle or "", NOWHERE).scenario == resolve(finding.token or "", NOWHERE).scenario
    again: list[str] = []
    recover(tmp_path, again.append)
    assert again == []


def cut_off(store: Path, records: list[dict[str, Any]], area: bytes = b"", build: str = IDENTITY) -> Path:
    """Leave a run behind whose process is gone, as these workers were under way; return its folder."""
    run = new_run(store, 2)
    die(run.path)
    intents = Intents(
        run.path, {"kind": "sched", "identity": build, "compiler": "", "patches": [], "archive": ""}, print
    )
    for number, record in enumerate(records):
        intents.begin(f"worker-{number}", record)
        (run.path / "under-way" / f"worker-{number}.area").write_bytes(area)
    return run.path


def die(run: Path) -> None:
    """Let the process of a run be another one than this."""
    intent = run / "intent.json"
    intent.write_text(json.dumps({**json.loads(intent.read_bytes()), "started": 1.0}), encoding="utf-8")


def batch_of(name: str, seed: int, strategy: str = "random") -> dict[str, Any]:
    """Return the intent of a batch that begins with a seed."""
    scenario = exploring_suite(name, 1).drawn(3, SHAPE)
    repro = Repro(Origin(name, 3, SHAPE), scenario.digest, Options(strategy), Schedule(strategy, seed), IDENTITY, "")
    return scheduled_intent(repro, scenario, 10, BatchProgress.seed_at())


def test_each_worker_under_way_is_a_finding_with_a_token(tmp_path: Path) -> None:
    cut_off(tmp_path, [batch_of("segv", 100), batch_of("segv", 200)])
    recover(tmp_path, lambda _: None)
    findings = store_findings(tmp_path)
    assert sorted((finding.seed, finding.count) for finding in findings) == [(100, 1), (200, 1)]
    assert len({finding.token for finding in findings}) == 2


@pytest.mark.parametrize(("what", "seen"), [("segv", 1), ("data-race", 0)])
def test_what_ended_racewash_is_seen_again_as_any_end_of_the_process(what: str, seen: int, tmp_path: Path) -> None:
    """Nobody knows how it ended: any way counts, and no other finding."""
    cut_off(tmp_path, [batch_of(what, 100)])
    recover(tmp_path, lambda _: None)
    [finding] = store_findings(tmp_path)
    known = {what: exploring_suite(what, 1)}
    for given in (finding.token or "", finding.bundle or ""):
        recorded = resolve(given, tmp_path / "elsewhere", known)
        replayed = replay_with(launch(), recorded, ReplayRequest(given, times=1))
        assert (replayed.seen, len(replayed.findings)) == (seen, 1)


def test_what_was_under_way_has_its_choices_where_no_seed_says_them(tmp_path: Path) -> None:
    area = bytearray(BlackBox.size(events=False) + NOTE)
    leave(area, CHOICES)
    area[BatchProgress.seed_at()] = 105
    cut_off(tmp_path, [batch_of("chosen-segv", 100, "guided")], bytes(area))
    recover(tmp_path, lambda _: None)
    [finding] = store_findings(tmp_path)
    schedule = resolve(finding.bundle or "", NOWHERE).repro.schedule
    assert (schedule.seed, schedule.choices) == (105, CHOICES)


@pytest.mark.parametrize("raised", [Problem("no such fault"), IndexError("list index"), RuntimeError("a\nb")], ids=repr)
def test_what_cannot_be_drawn_again_is_told_and_the_store_stays_usable(
    raised: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def draw(seed: int, shape: Shape) -> Scenario:
        raise raised

    monkeypatch.setattr("harness.generate.discover", lambda: {"lost": Suite("lost", "a test", (), (), draw)})
    lost = threads_intent("lost", "kvcache", 5, SHAPE, 0, 1, 0)
    cut_off(tmp_path, [lost, batch_of("segv", 100)])
    told: list[str] = []
    recover(tmp_path, told.append)
    assert any(type(raised).__name__ in line and "\n" not in line for line in told)
    assert {(finding.suite, finding.token is None) for finding in store_findings(tmp_path)} == {
        ("lost", True),
        ("segv", False),
    }
    again: list[str] = []
    recover(tmp_path, again.append)
    assert again == []


def test_a_damaged_build_leaves_the_finding_without_a_token(tmp_path: Path) -> None:
    path = cut_off(tmp_path, [batch_of("segv", 100)])
    (path / "under-way" / "build.json").write_text("{", encoding="utf-8")
    told: list[str] = []
    recover(tmp_path, told.append)
    [finding] = store_findings(tmp_path)
    assert (finding.kind, finding.suite, finding.token) == ("crash", "segv", None)
    assert any("can't be made again" in line for line in told)


def test_no_run_takes_anything_away_from_an_earlier_one(tmp_path: Path) -> None:
    """Neither one that ends well nor one that was cut off, nor what is made of that."""
    first = race(tmp_path, fake_suite("violate"), seconds=0.1)
    before = {path: path.read_bytes() for path in first.path.rglob("*") if path.is_file()}
    run = cut_off(tmp_path, [])
    race(tmp_path, fake_suite("violate"), seconds=0.1)
    assert (run / "reported.json").exists()
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("what", ["schedules", "threads"])
def test_a_run_that_ends_by_an_error_of_its_own_blames_no_execution(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def step(slot: Any, passed: float) -> None:
        real(slot, passed)
        if slot.suite and list(tmp_path.glob("runs/*/under-way/worker-*.json")):
            raise AssertionError("a mistake of racewash")

    kind = ExploreSlot if what == "schedules" else StressSlot
    real = kind.step
    monkeypatch.setattr(kind, "step", step)
    execute: dict[str, Callable[[], object]] = {
        "schedules": lambda: search(tmp_path, exploring_suite("slow"), executions=20),
        "threads": lambda: race(tmp_path, fake_suite("fine"), seconds=0.1),
    }
    with pytest.raises(AssertionError, match="a mistake"):
        execute[what]()
    [run] = tmp_path.glob("runs/*")
    die(run)
    recover(tmp_path, lambda _: None)
    assert store_findings(tmp_path) == []


def test_a_run_that_ends_while_it_is_looked_at_was_not_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def alive(intent: Path) -> bool:
        (intent.parent / "run.json").write_text("{}", encoding="utf-8")
        return False

    cut_off(tmp_path, [])
    monkeypatch.setattr("harness.store.write._alive", alive)
    assert list(unfinished_runs(tmp_path)) == []


def test_a_finished_run_leaves_no_intent(tmp_path: Path) -> None:
    race(tmp_path, fake_suite("fine"), seconds=0.1)
    assert list(tmp_path.glob("runs/*/under-way")) == []


# ---- Kills ----


def write_bundles(store: Path, announce: int) -> None:
    """Write bundle after bundle, each announced when it is written; never returns."""
    big = {"scenario.json": b"{}", "filler.txt": b"x" * 100_000}
    number = 0
    while True:
        run = new_run(store, number)
        for _ in range(4):
            name = f"{os.getpid():06x}{number:06x}"
            run.add_finding(Finding("leak", "a leak", "map", name), big)
            os.write(announce, f"{name}\n".encode())
            number += 1


def killed_writer(store: Path, seconds: float) -> list[str]:
    """Kill a process that writes bundles after some time; return what it had announced."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        try:
            write_bundles(store, write)
        finally:
            os._exit(1)
    os.close(write)
    with os.fdopen(read, "rb") as announced:
        first = announced.readline()
        with pytest.raises(psutil.TimeoutExpired):
            psutil.Process(child).wait(seconds)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return [line.decode().strip() for line in [first, *announced.readlines()] if line.endswith(b"\n")]


def check_whole(store: Path, announced: list[str]) -> None:
    """No half bundle is to be seen, and each announced one is there."""
    seen = set()
    for run in (store / "runs").glob("[!.]*"):
        for finding in read_findings(run):
            assert finding.bundle
            assert len((Path(finding.bundle) / "filler.txt").read_bytes()) == 100_000
            assert {path.name for path in Path(finding.bundle).iterdir()} == {
                "finding.json", "stderr.txt", "scenario.json", "filler.txt",
            }  # fmt: skip
            seen.add(finding.fingerprint)
        for folder in (run / "findings").glob("[!.]*"):
            assert (folder / "finding.json").exists(), "a folder without its finding"
    assert set(announced) <= seen


def test_kills_leave_whole_bundles_and_every_announced_finding(tmp_path: Path) -> None:
    announced: list[str] = []
    for number in range(12):
        announced += killed_writer(tmp_path, 0.001 + number * 0.0037)
    assert len(announced) >= 12
    check_whole(tmp_path, announced)
