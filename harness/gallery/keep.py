"""Keeps each search's outcome in the store, so that an interrupted gallery goes on where it was."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from harness.gallery.search import Hunt
from harness.model.gallery import Attempt
from harness.store.disk import write_file, write_folder

FORMAT = 1
_SCENARIOS = 3  # of each suite: enough to notice that a suite draws others now


class Kept(msgspec.Struct):
    """A kept outcome, and what it is the outcome of, for people."""

    format: int
    defect: str
    side: str
    attempt: Attempt


def key_of(identity: str, hunt: Hunt, seed: int) -> str:
    """Return the name of a search: a hash over everything that decides what it does."""
    drawn = [suite.generate(seed + i, hunt.shape).digest for suite in hunt.suites for i in range(_SCENARIOS)]
    names = [suite.name for suite in hunt.suites]
    parts = [FORMAT, identity, names, drawn, hunt.shape, hunt.options, sorted(hunt.kinds), hunt.budget, seed]
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:24]


def fetch(store: Path, key: str) -> Attempt | None:
    """Return a kept outcome; None when there is none, or it can't be read."""
    try:
        kept = msgspec.json.decode((_folder(store) / f"{key}.json").read_bytes(), type=Kept)
    except (OSError, msgspec.DecodeError):
        return None
    return kept.attempt if kept.format == FORMAT else None


def keep_bundle(store: Path, key: str, files: Mapping[str, bytes]) -> str:
    """Keep the files by which a detection can be seen again; return their folder."""
    folder = _folder(store) / key
    with contextlib.suppress(FileExistsError):
        _folder(store).mkdir(parents=True, exist_ok=True)
        write_folder(folder, files)
    return str(folder)


def keep(store: Path, key: str, defect: str, side: str, attempt: Attempt) -> None:
    """Keep an outcome. Raises Problem when the store can't be written."""
    folder = _folder(store)
    folder.mkdir(parents=True, exist_ok=True)
    write_file(folder / f"{key}.json", msgspec.json.encode(Kept(FORMAT, defect, side, attempt)) + b"\n")


def _folder(store: Path) -> Path:
    return store / "gallery"
