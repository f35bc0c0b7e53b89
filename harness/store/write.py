"""Write runs and their findings: an intent before the first worker starts, a bundle as soon as something is found.

`<root>/runs/<UTC>-<seed>/` holds intent.json, then findings/<fingerprint>/ (finding.json, stderr.txt, and what else the
finder hands over), then run.json. A folder with an intent, without run.json, whose process is gone is a run in which
racewash itself died: the next start says so.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import psutil

from harness.model.finding import Finding
from harness.model.problem import Problem
from harness.store.disk import TEMPORARY, make_folder, sync_folder, write_file, write_folder

FORMAT = 1
RUNS, RUN, INTENT, FINDINGS, FINDING, REPORTED, SHRUNK = (
    "runs", "run.json", "intent.json", "findings", "finding.json", "reported.json", "shrunk",
)  # fmt: skip


@dataclass(slots=True)
class RunStore:
    """One run's folder. Its methods raise Problem when the disk refuses; what is there already stays whole."""

    path: Path
    _kept: dict[str, tuple[Finding, str]] = field(default_factory=dict)  # by fingerprint: as stored, and when found
    _unsynced: set[Path] = field(default_factory=set)  # bundles that are there, unless the machine stops

    def write_run(self, run: Mapping[str, Any]) -> None:
        """Write run.json, by which the run counts as finished."""
        with _telling(self.path):
            write_file(self.path / RUN, _json(run))

    def bundle_of(self, finding: Finding) -> Path:
        """Return the folder that a finding has or would have."""
        return self.path / FINDINGS / finding.fingerprint

    def add_finding(self, finding: Finding, files: Mapping[str, bytes]) -> Path:
        """Write a finding's bundle and return its folder; one known by its fingerprint only adds to the count."""
        folder = self.bundle_of(finding)
        known = self._kept.get(finding.fingerprint)
        with _telling(self.path):
            if known:
                kept, when = replace(known[0], count=known[0].count + finding.count), known[1]
                write_file(folder / FINDING, _finding_json(kept, when))
            else:
                kept, when = replace(finding, bundle=str(folder)), datetime.now(UTC).isoformat()
                make_folder(folder.parent)
                texts = {"stderr.txt": finding.report.encode(), **files}
                self._place(folder, {**texts, FINDING: _finding_json(kept, when)})
        self._kept[finding.fingerprint] = (kept, when)
        return folder

    def _place(self, folder: Path, files: Mapping[str, bytes]) -> None:
        """Write a bundle's folder. Where an earlier try failed after its renaming, only the name is left to sync."""
        try:
            write_folder(folder, files)
        except FileExistsError:
            if folder not in self._unsynced:
                raise
            sync_folder(folder.parent)
        except OSError:
            if folder.is_dir():
                self._unsynced.add(folder)
            raise


def new_run(root: Path, seed: int, intent: Mapping[str, Any] | None = None) -> RunStore:
    """Make a run's folder with its intent on disk. Raises Problem naming the store when it can't be written."""
    boot, me = psutil.boot_time(), psutil.Process()
    record = {**(intent or {}), "seed": seed, "pid": me.pid, "started": me.create_time(), "boot": boot,
              "host": socket.gethostname()}  # fmt: skip
    with _telling(root):
        make_folder(root / RUNS)
        while True:
            path = root / RUNS / f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{seed}"
            try:
                write_folder(path, {INTENT: _json(record)})
            except FileExistsError:
                continue  # two runs of one seed in one microsecond: the next one is free
            return RunStore(path)


def add_shrunk(bundle: Path, finding: Finding, files: Mapping[str, bytes]) -> Path:
    """Write a smaller bundle inside a finding's, which stays as it is, and return its folder.

    One that is there already, with the same files, is not written again; another one gets the next number.
    """
    number = 1
    while True:
        folder = bundle / (SHRUNK if number == 1 else f"{SHRUNK}-{number}")
        if all(_holds(folder / name, data) for name, data in files.items()):
            return folder
        kept = replace(finding, bundle=str(folder))
        texts = {"stderr.txt": finding.report.encode(), **files}
        with _telling(bundle):
            try:
                write_folder(folder, {**texts, FINDING: _finding_json(kept, datetime.now(UTC).isoformat())})
                return folder
            except FileExistsError:
                number += 1


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.read_bytes() == data
    except OSError:
        return False


def unfinished_runs(root: Path) -> Iterator[Path]:
    """Yield the runs of the store that ended because racewash itself died, until they are marked as reported."""
    for folder in sorted((root / RUNS).glob("*")):
        intent = folder / INTENT
        if folder.name.startswith(TEMPORARY) or not intent.is_file():
            continue
        if (folder / RUN).exists() or (folder / REPORTED).exists() or _alive(intent):
            continue
        if not (folder / RUN).exists():  # it may have ended well since the first look
            yield folder


def mark_reported(folder: Path) -> None:
    """Remember that a run's end has been told."""
    with contextlib.suppress(OSError):  # new_run tells of a store that can't be written; twice said does no harm
        write_file(folder / REPORTED, _json({}))


def _alive(intent: Path) -> bool:
    """True when the run's process may still be there; another machine's processes can't be looked up.

    When a process was started is measured from the boot: by a clock that is set meanwhile, both times move alike.
    """
    try:
        record = msgspec.json.decode(intent.read_bytes())
        if record["host"] != socket.gethostname():
            return True
        boot = psutil.boot_time()
        started = psutil.Process(record["pid"]).create_time() - boot
        return bool(abs(started - (record["started"] - record.get("boot", boot))) < 1)
    except psutil.NoSuchProcess:
        return False
    except (OSError, KeyError, TypeError, msgspec.DecodeError, psutil.Error):
        return True


def keep_file(path: Path, data: bytes) -> None:
    """Write or replace a file of the store beside its runs. Raises Problem when the disk refuses."""
    with _telling(path.parent.parent):
        make_folder(path.parent)
        write_file(path, data)


class _telling:
    """Turns an OSError of writing into a Problem that names the store and what to do."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            reason = error.strerror or str(error)
            raise Problem(
                f"the store {self._place} can't be written: {reason}; make room or choose another with --store"
            ) from error


def _json(value: Mapping[str, Any]) -> bytes:
    return msgspec.json.format(msgspec.json.encode({"format": FORMAT, **value}), indent=1) + b"\n"


def _finding_json(finding: Finding, when: str) -> bytes:
    return _json({**msgspec.to_builtins(finding), "found": when})
