"""Read runs and findings back; a broken or newer file is one sentence, never a guess."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from harness.model.finding import Finding
from harness.model.problem import Problem
from harness.store.disk import TEMPORARY
from harness.store.write import FINDING, FINDINGS, FORMAT, RUN, RUNS, SHRUNK


def _refuse(sentence: str) -> None:
    raise Problem(sentence)


def read_run(folder: Path) -> dict[str, Any]:
    """Return what run.json says."""
    return _read(folder / RUN)


def read_findings(folder: Path) -> list[Finding]:
    """Return a run's findings, in the order in which they were found."""
    return _read_findings(folder, _refuse)


def read_finding(bundle: Path) -> Finding:
    """Return the finding of a bundle's folder."""
    if not bundle.is_dir():
        raise Problem(f"{bundle} does not exist; give the folder of a finding")
    return _read_finding(bundle)[1]


def newest_run(root: Path) -> Path | None:
    """Return the folder of the newest finished run of a store, None when there is none."""
    finished = [folder for folder in _entries(root / RUNS) if (folder / RUN).is_file()]
    return finished[-1] if finished else None


def store_findings(root: Path, unreadable: Callable[[str], None] = _refuse) -> list[Finding]:
    """Return all findings of a store, of unfinished runs too: one for each fingerprint, the first one first.

    Counts are added up; the bundle is the first one. `unreadable` gets a sentence for each that can't be read; without
    it the first one of these raises Problem.
    """
    found: dict[str, Finding] = {}
    for folder in _entries(root / RUNS):
        for finding in _read_findings(folder, unreadable):
            known = found.get(finding.fingerprint)
            merged = replace(known, count=known.count + finding.count) if known else finding
            found[finding.fingerprint] = merged
    return list(found.values())


def bundles(root: Path, *, shrunk: bool = False) -> list[Path]:
    """Return the folders of all findings of a store, run by run; `shrunk`: also the smaller ones inside of them."""
    runs = _entries(root / RUNS)
    found = [path for run in runs for path in _entries(run / FINDINGS)]
    smaller = [path for folder in found for path in _entries(folder) if path.name.startswith(SHRUNK)] if shrunk else []
    return [path for path in [*found, *smaller] if (path / FINDING).exists()]


def _entries(folder: Path) -> list[Path]:
    """The folders in a folder, by name (a run's begins with its time), without temporary ones."""
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(TEMPORARY))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise Problem(f"{folder} can't be read: {error.strerror}") from error


def _read_findings(folder: Path, unreadable: Callable[[str], None]) -> list[Finding]:
    """A run's findings, in the order in which they were found, without those that can't be read."""
    found = []
    for path in _entries(folder / FINDINGS):
        try:
            if (path / FINDING).exists():
                found.append(_read_finding(path))
        except Problem as problem:
            unreadable(str(problem))
    return [finding for _, finding in sorted(found, key=lambda item: (item[0], item[1].fingerprint))]


def _read_finding(folder: Path) -> tuple[str, Finding]:
    """When it was found, and the finding; its bundle is where it is now, because stores are moved and uploaded."""
    data = {**_read(folder / FINDING), "bundle": str(folder)}
    try:
        return str(data.get("found", "")), msgspec.convert(data, Finding)
    except msgspec.ValidationError as error:
        raise Problem(f"{folder / FINDING} is no finding: {error}") from error


def _read(path: Path) -> dict[str, Any]:
    try:
        data = msgspec.json.decode(path.read_bytes())
    except FileNotFoundError:
        raise Problem(f"{path} does not exist; give the folder of a finished run, or of a finding") from None
    except OSError as error:
        raise Problem(f"{path} can't be read: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(f"{path} is damaged: {error}") from error
    if not isinstance(data, dict) or not isinstance(data.get("format"), int):
        raise Problem(f"{path} is damaged: it does not say its format")
    if data["format"] > FORMAT:
        raise Problem(f"{path} has format {data['format']}, newer than this racewash reads ({FORMAT}); update racewash")
    return data
