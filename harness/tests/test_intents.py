"""A run that dies leaves what it was executing, and whole bundles of what it had found."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.builds import BatchProgress
from harness.model.finding import Finding
from harness.model.repro import Repro
from harness.model.token import parse_token
from harness.repro.resolve import resolve
from harness.store import new_run, read_findings, store_findings
from harness.stress.intents import recover
from harness.tests.fake_suites import suite as fake_suite
from harness.tests.test_explore import suite as exploring_suite
from harness.tests.test_stress import race

pytestmark = pytest.mark.contract

ROOT = Path(__file__).resolve().parents[2]
NOWHERE = Path("no-store")
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


def test_no_run_takes_anything_away_from_an_earlier_one(tmp_path: Path) -> None:
    """Neither one that ends well nor one that was cut off, nor what is made of that."""
    first = race(tmp_path, fake_suite("violate"), seconds=0.1)
    before = {path: path.read_bytes() for path in first.path.rglob("*") if path.is_file()}
    cut_off = new_run(tmp_path, 2)
    intent = cut_off.path / "intent.json"
    intent.write_text(json.dumps({**json.loads(intent.read_bytes()), "started": 1.0}), encoding="utf-8")
    race(tmp_path, fake_suite("violate"), seconds=0.1)
    assert (cut_off.path / "reported.json").exists()
    assert {path: path.read_bytes() for path in before} == before


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
