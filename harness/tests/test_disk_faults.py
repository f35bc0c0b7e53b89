"""A disk that refuses: every call of the store fails in turn, once and from there on, as allocations do in a sweep.

Whatever fails, it is one sentence; what was there stays whole, nothing half is read, and the next try succeeds.
"""

from __future__ import annotations

import errno
import os
import resource
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

import harness.faults.run as sweeping
from harness.builds import get_build
from harness.cli.run import exit_code, output_of
from harness.cli.sweep import output_of as swept
from harness.explore.child import exploring
from harness.faults import SweepRequest, sweep
from harness.model.finding import Finding
from harness.model.layout import AFTER
from harness.model.problem import Problem
from harness.store import (
    Intents,
    RunStore,
    add_shrunk,
    bundles,
    keep_file,
    new_run,
    read_findings,
    read_intents,
    read_run,
)
from harness.store import disk as disk_module
from harness.store import intent as intent_module
from harness.tests.fake_suites import suite
from harness.tests.test_store import FILES, FOUND
from harness.tests.test_stress import race

pytestmark = pytest.mark.contract

EARLIER = replace(FOUND, fingerprint="earlier")
CODES = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO}


class Disk:
    """Refuses the call number `at`, and with `on` every one after it."""

    def __init__(self, at: int, code: int, on: bool) -> None:
        self.at, self.code, self.on = at, code, on
        self.calls = self.refused = 0

    def through(self, real: Callable[..., Any]) -> Callable[..., Any]:
        """Return the call as this disk answers it."""

        def call(*args: Any, **more: Any) -> Any:
            self.calls += 1
            if self.calls - 1 == self.at or (self.on and self.calls > self.at):
                self.refused += 1
                raise OSError(self.code, os.strerror(self.code))
            return real(*args, **more)

        return call


@contextmanager
def answered_by(disk: Disk) -> Iterator[None]:
    """Let the store's own calls be answered by a disk; those of cleaning up are not."""
    system = types.SimpleNamespace(**{name: getattr(os, name) for name in os.__all__})
    for name in ("fsync", "replace", "open", "posix_fallocate"):
        setattr(system, name, disk.through(getattr(os, name)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(disk_module, "os", system)
        patch.setattr(intent_module, "os", system)
        for name in ("mkdir", "rename", "open"):
            patch.setattr(Path, name, disk.through(getattr(Path, name)))
        yield


def steps(root: Path, run: RunStore, told: list[str]) -> list[Callable[[], object]]:
    """Everything that commands write: bundles, counts, smaller bundles, intents, a sweep's state, run.json."""
    intents = Intents(run.path, {"kind": "native"}, told.append)
    return [
        lambda: run.add_finding(FOUND, FILES),
        lambda: run.add_finding(FOUND, FILES),
        lambda: add_shrunk(run.bundle_of(EARLIER), replace(FOUND, fingerprint="smaller"), FILES),
        lambda: intents.area("worker-0", 4096),
        lambda: intents.begin("worker-0", {"what": "threads"}),
        lambda: keep_file(root / "sweeps" / "x.json", b"{}"),
        lambda: new_run(root, 2),
        lambda: run.write_run({"seed": 1}),
    ]


@pytest.mark.parametrize("on", [False, True], ids=["once", "from there on"])
@pytest.mark.parametrize("code", CODES)
def test_every_call_of_the_disk_fails_in_turn(
    code: str, on: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)  # that it is called counts here, not how long it takes
    at = refused = 0
    while True:
        root = tmp_path / str(at)
        run = new_run(root, 1)
        run.add_finding(EARLIER, FILES)
        disk, told = Disk(at, CODES[code], on), list[str]()
        said: list[str] = []
        with answered_by(disk):
            for step in steps(root, run, told):
                try:
                    step()
                except Problem as problem:
                    said.append(str(problem))
        check(root, run, [*said, *told], os.strerror(CODES[code]))
        again(root, run)
        if not disk.refused:
            break
        refused, at = refused + bool(said or told), at + 1
    assert at > 25, "the calls were not seen"
    assert refused > at - 4, "only an area that can't be had is replaced by another without a word"


def check(root: Path, run: RunStore, said: list[str], reason: str) -> None:
    """Everything that can be read is whole, and whatever was said names the place and the reason."""
    for sentence in said:
        assert reason in sentence
        assert str(root) in sentence
        assert "\n" not in sentence
    found = {finding.fingerprint: finding for finding in read_findings(run.path)}
    assert EARLIER.fingerprint in found
    for folder in bundles(root, shrunk=True):
        assert {path.name for path in folder.glob("[!s.]*")} >= {"finding.json", "operations.json"}
        assert (folder / "stderr.txt").read_text(encoding="utf-8") == FOUND.report
    if FOUND.fingerprint in found:
        assert found[FOUND.fingerprint].count in (1, 2)
    if (run.path / "run.json").exists():
        assert read_run(run.path)["seed"] == 1
    read_intents(run.path)
    assert not list(root.rglob(".new-*")), "what could not be finished was taken away"


def again(root: Path, run: RunStore) -> None:
    """The disk has room again: whatever was refused can be written now."""
    for step in steps(root, run, []):
        step()
    assert {finding.fingerprint for finding in read_findings(run.path)} == {EARLIER.fingerprint, FOUND.fingerprint}
    assert read_run(run.path)["seed"] == 1


@contextmanager
def files_no_longer_than(size: int) -> Iterator[None]:
    """Writes beyond are cut short by the system, then refused. (Python ignores the signal.)"""
    kept = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, kept[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, kept)


@pytest.mark.parametrize("size", [0, 1, 100, 8192])
def test_a_write_that_is_cut_short(size: int, tmp_path: Path) -> None:
    run = new_run(tmp_path, 1)
    run.add_finding(EARLIER, FILES)
    big = {**FILES, "filler.txt": b"x" * 300_000}
    with files_no_longer_than(size):
        with pytest.raises(Problem, match=r"File too large.*--store"):
            run.add_finding(FOUND, big)
        with pytest.raises(Problem, match=r"File too large.*--store"):
            run.write_run({"filler": "x" * 300_000})
    check(tmp_path, run, [], "")
    assert run.add_finding(FOUND, big).joinpath("filler.txt").stat().st_size == 300_000


# ---- Commands ----


def test_what_is_found_is_told_with_its_token_where_it_can_not_be_kept(tmp_path: Path) -> None:
    """The disk refuses from the first bundle on: the sentence, the token, and a code that is not 0."""
    told: list[str] = []
    real = RunStore.add_finding

    def full(self: RunStore, finding: Finding, files: dict[str, bytes]) -> Path:
        with answered_by(Disk(0, errno.ENOSPC, True)):
            return real(self, finding, files)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunStore, "add_finding", full)
        result = race(tmp_path, suite("violate"), notify=told.append)
    [line] = [text for text in told if text.startswith("found accounting")]
    assert f"not stored; replay: racewash replay {result.findings[0].token}" in line
    assert exit_code(output_of(result, "kvcache")) == 1


def test_a_run_that_finds_nothing_but_can_not_say_so_does_not_end_well(tmp_path: Path) -> None:
    def full(self: RunStore, run: dict[str, Any]) -> None:
        raise Problem(f"the store {self.path} can't be written: No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunStore, "write_run", full)
        result = race(tmp_path, suite("fine"))
    output = output_of(result, "kvcache")
    assert (output.findings, output.stored, exit_code(output)) == ((), False, 2)
    assert "No space left" in output.notes[0]


def test_a_sweep_whose_state_can_not_be_kept_goes_on_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, *_: Any) -> None:
        raise Problem(f"the store {path} can't be written: No space left on device")

    monkeypatch.setattr(sweeping, "save", full)
    monkeypatch.setattr(sweeping, "exploring", lambda _: exploring(get_build("sched")))
    result = sweep(SweepRequest(("expansion",), schedules=1, layouts=(AFTER,), modes=("once",), store=tmp_path), print)
    assert result.complete
    assert any("No space left" in note for note in result.notes)
    assert read_run(result.path)["complete"] is True
    assert msgspec.json.encode(swept(result))
