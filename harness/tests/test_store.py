"""The store keeps what it was given, whole or not at all, and says in one sentence what it can't do."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.cli.main import call
from harness.model.finding import Finding, Location
from harness.model.problem import Problem
from harness.store import new_run, newest_run, read_findings, read_run, store_findings
from harness.stress.intents import recover

pytestmark = pytest.mark.contract

FOUND = Finding(
    kind="data-race", message="write against read", suite="map", fingerprint="0123456789ab",
    locations=(Location("native/core/dlist.c", 31, "dl_insert"),), seed=7, report="WARNING: a report\n",
)  # fmt: skip
FILES = {"scenario.json": b'{"format":1}', "operations.json": b"{}"}


def unfinished(root: Path) -> list[str]:
    told: list[str] = []
    recover(root, told.append)
    return told


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    run = new_run(tmp_path / "deep" / "store", 42, {"suites": ["map"]})
    assert run.path.parent == tmp_path / "deep" / "store" / "runs"
    assert run.path.name.endswith("Z-42")
    bundle = run.add_finding(FOUND, FILES)
    run.write_run({"seed": 42, "findings": []})
    assert read_run(run.path) == {"format": 1, "seed": 42, "findings": []}
    assert read_findings(run.path) == [replace(FOUND, bundle=str(bundle))]
    assert bundle == run.path / "findings" / FOUND.fingerprint
    assert {path.name for path in bundle.iterdir()} == {
        "finding.json",
        "stderr.txt",
        "scenario.json",
        "operations.json",
    }
    assert (bundle / "stderr.txt").read_text(encoding="utf-8") == FOUND.report
    assert json.loads((run.path / "intent.json").read_bytes())["suites"] == ["map"]
    for path in run.path.rglob("*.json"):
        if path.name != "operations.json":
            assert json.loads(path.read_bytes())["format"] == 1, path


def test_the_intent_is_there_before_anything_else(tmp_path: Path) -> None:
    run = new_run(tmp_path, 42, {"again": "racewash run"})
    assert [path.name for path in run.path.iterdir()] == ["intent.json"]
    assert json.loads((run.path / "intent.json").read_bytes())["seed"] == 42


def test_a_known_finding_adds_to_the_count_and_keeps_the_first_bundle(tmp_path: Path) -> None:
    run = new_run(tmp_path, 1)
    run.add_finding(FOUND, FILES)
    bundle = run.add_finding(replace(FOUND, count=4, message="other", seed=8), {"scenario.json": b"another"})
    [finding] = read_findings(run.path)
    assert (finding.count, finding.message, finding.seed) == (5, FOUND.message, 7)
    assert (bundle / "scenario.json").read_bytes() == FILES["scenario.json"]


def test_findings_come_in_the_order_in_which_they_were_found(tmp_path: Path) -> None:
    run = new_run(tmp_path, 1)
    names = ["ff", "00", "77"]
    for name in names:
        run.add_finding(replace(FOUND, fingerprint=name), {})
    run.add_finding(replace(FOUND, fingerprint="ff"), {})
    assert [finding.fingerprint for finding in read_findings(run.path)] == names


def test_all_findings_of_a_store(tmp_path: Path) -> None:
    assert store_findings(tmp_path / "nothing") == []
    first, second = new_run(tmp_path, 1), new_run(tmp_path, 2)
    bundle = first.add_finding(FOUND, {})
    second.add_finding(replace(FOUND, count=2), {})
    second.add_finding(replace(FOUND, fingerprint="ff"), {})
    found = store_findings(tmp_path)
    assert [(finding.fingerprint, finding.count) for finding in found] == [(FOUND.fingerprint, 3), ("ff", 1)]
    assert found[0].bundle == str(bundle)


def test_a_moved_store_names_where_it_is_now(tmp_path: Path) -> None:
    run = new_run(tmp_path / "old", 1)
    run.add_finding(FOUND, {})
    (tmp_path / "old").rename(tmp_path / "new")
    [finding] = store_findings(tmp_path / "new")
    assert finding.bundle is not None
    assert Path(finding.bundle).is_dir()


def test_the_newest_finished_run(tmp_path: Path) -> None:
    assert newest_run(tmp_path) is None
    first, second, _unfinished = (new_run(tmp_path, seed) for seed in (9, 1, 5))
    for run in (second, first):
        run.write_run({})
    assert newest_run(tmp_path) == second.path


def test_runs_at_the_same_moment_have_folders_of_their_own(tmp_path: Path) -> None:
    paths: list[Path] = []

    def several() -> None:
        paths.extend(new_run(tmp_path, 1).path for _ in range(25))

    threads = [threading.Thread(target=several) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(paths)) == 100


# ---- Runs that were cut off ----


def test_a_run_under_way_is_no_cut_off_one(tmp_path: Path) -> None:
    new_run(tmp_path, 1)
    assert unfinished(tmp_path) == []
    assert unfinished(tmp_path / "nothing") == []


def cut_off(root: Path, **changes: Any) -> Path:
    """A run whose process is gone (or as `changes` say)."""
    run = new_run(root, 1)
    intent = run.path / "intent.json"
    intent.write_text(json.dumps({**json.loads(intent.read_bytes()), "started": 1.0, **changes}), encoding="utf-8")
    return run.path


def test_a_run_whose_process_is_gone_is_told_once(tmp_path: Path) -> None:
    path = cut_off(tmp_path)
    [told] = unfinished(tmp_path)
    assert str(path) in told
    assert unfinished(tmp_path) == []


def test_a_process_of_another_machine_is_not_judged(tmp_path: Path) -> None:
    cut_off(tmp_path, host="elsewhere")
    assert unfinished(tmp_path) == []


def test_a_clock_that_is_set_ends_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time of the boot, from which psutil reckons when a process was started, is moved as the clock is."""
    new_run(tmp_path, 1)
    proc = tmp_path / "proc"
    proc.mkdir()
    (proc / str(os.getpid())).symlink_to(f"/proc/{os.getpid()}")
    boot = int(psutil.boot_time())
    stat = Path("/proc/stat").read_text(encoding="utf-8").replace(f"btime {boot}", f"btime {boot + 3600}")
    (proc / "stat").write_text(stat, encoding="utf-8")
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(proc))
    assert unfinished(tmp_path) == []


def test_an_older_intent_names_no_boot(tmp_path: Path) -> None:
    intent = new_run(tmp_path, 1).path / "intent.json"
    older = json.loads(intent.read_bytes())
    del older["boot"]
    intent.write_text(json.dumps(older), encoding="utf-8")
    assert unfinished(tmp_path) == []
    intent.write_text(json.dumps({**older, "started": older["started"] - 60}), encoding="utf-8")
    assert len(unfinished(tmp_path)) == 1


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"host": 3}'])
def test_a_damaged_intent_stops_nobody(damage: bytes, tmp_path: Path) -> None:
    (cut_off(tmp_path) / "intent.json").write_bytes(damage)
    assert unfinished(tmp_path) == []
    new_run(tmp_path, 2)


# ---- All or nothing ----

WRITER = """
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from harness.store import new_run
from harness.tests.test_store import FILES, FOUND
big = {**FILES, "filler.txt": b"x" * 300_000}
print("go", flush=True)
number = 0
while True:
    run = new_run(Path(sys.argv[1]), number)
    run.add_finding(FOUND, big)
    run.add_finding(FOUND, {})
    run.write_run({"seed": number, "filler": "x" * 300_000})
    number += 1
"""


@pytest.mark.parametrize("milliseconds", [3, 11, 29, 47, 83])
def test_a_kill_leaves_all_or_nothing(milliseconds: int, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"go\n"
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(milliseconds / 1000)
        process.kill()
    for folder in (tmp_path / "runs").glob("[!.]*"):
        assert json.loads((folder / "intent.json").read_bytes())["format"] == 1
        if (folder / "run.json").exists():
            assert len(read_run(folder)["filler"]) == 300_000
        for finding in read_findings(folder):
            assert finding.count in (1, 2)
            assert finding.bundle is not None
            assert len((Path(finding.bundle) / "filler.txt").read_bytes()) == 300_000
    newest_run(tmp_path)
    store_findings(tmp_path)


def refusing(real: Callable[..., Any], after: int, code: int) -> Callable[..., Any]:
    """The function, but from the call number `after` on the disk refuses."""
    calls = 0

    def call(*args: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > after:
            raise OSError(code, os.strerror(code))
        return real(*args, **more)

    return call


@pytest.mark.parametrize("after", range(9))
def test_a_disk_that_fills_up_is_told_and_leaves_nothing_half(
    after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run(tmp_path, 1)
    run.add_finding(replace(FOUND, fingerprint="before"), FILES)
    monkeypatch.setattr(os, "fsync", refusing(os.fsync, after, errno.ENOSPC))
    refused = pytest.raises(Problem, match=f"{run.path}.*No space left.*--store") if after < 8 else nullcontext()
    with refused:
        run.add_finding(FOUND, FILES)
        run.write_run({"seed": 1})
    monkeypatch.undo()
    names = [finding.fingerprint for finding in read_findings(run.path)]
    assert names in (["before"], ["before", FOUND.fingerprint])
    assert not list(run.path.rglob(".new-*"))
    assert (run.path / "run.json").exists() == (after >= 7), "the last one is of the folder that has it already"


def test_after_a_refusal_the_same_finding_can_be_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = new_run(tmp_path, 1)
    monkeypatch.setattr(os, "fsync", refusing(os.fsync, 0, errno.ENOSPC))
    with pytest.raises(Problem):
        run.add_finding(FOUND, FILES)
    monkeypatch.undo()
    run.add_finding(FOUND, FILES)
    assert [finding.count for finding in read_findings(run.path)] == [1]


def test_a_store_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("x", encoding="utf-8")
    with pytest.raises(Problem, match="store"):
        new_run(tmp_path / "store", 1)
    assert unfinished(tmp_path / "store") == []


# ---- Damage ----


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (b"", "damaged"),
        (b'{"format": 1, "se', "damaged"),
        (b"\xff\xfe", "damaged"),
        (b"[1]", "format"),
        (b'{"seed": 1}', "format"),
        (b'{"format": "one"}', "format"),
        (b'{"format": 2}', "newer"),
    ],
)
def test_a_damaged_or_newer_file_is_one_sentence(damage: bytes, words: str, tmp_path: Path) -> None:
    run = new_run(tmp_path, 1)
    bundle = run.add_finding(FOUND, {})
    (run.path / "run.json").write_bytes(damage)
    (bundle / "finding.json").write_bytes(damage)
    for read in (read_run, read_findings):
        with pytest.raises(Problem, match=words) as caught:
            read(run.path)
        assert str(run.path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_finding_without_its_fields(tmp_path: Path) -> None:
    run = new_run(tmp_path, 1)
    (run.add_finding(FOUND, {}) / "finding.json").write_text('{"format": 1, "kind": "leak"}', encoding="utf-8")
    with pytest.raises(Problem, match="is no finding"):
        store_findings(tmp_path)


def test_a_damaged_finding_hides_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = new_run(tmp_path, 1)
    other = replace(FOUND, fingerprint="fedcba987654", message="the other one")
    (run.add_finding(FOUND, {}) / "finding.json").write_bytes(b'{"format": 1, "ki')
    run.add_finding(other, {})
    assert call(["list", "findings", "--store", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert "the other one" in out
    assert f"{FOUND.fingerprint}/finding.json is damaged" in err


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="does not exist"):
        read_run(tmp_path)
    assert read_findings(tmp_path) == []
