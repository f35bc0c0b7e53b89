"""Files and folders that appear whole or not at all, whenever the process or the machine stops.

Each is written under a temporary name beside its place, synced, renamed, and then the folder that holds the name is
synced too: a rename alone may reach the disk before the data does.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

TEMPORARY = ".new-"  # how temporary names begin; readers pass over them


def write_file(path: Path, data: bytes) -> None:
    """Write or replace a file. Raises OSError, and then the old file is still there."""
    temporary = _beside(path)
    try:
        _write_synced(temporary, data)
        os.replace(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Write a new folder with its files. Raises FileExistsError when there is one with a file in it, else OSError."""
    temporary = _beside(path)
    try:
        temporary.mkdir()
        for name, data in files.items():
            _write_synced(temporary / name, data)
        sync_folder(temporary)
        _rename_new(temporary, path)
    except OSError:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_folder(path.parent)


def make_folder(path: Path) -> None:
    """Make a folder and those above it, each synced into the one that holds it."""
    if path.is_dir():
        return
    make_folder(path.parent)
    with contextlib.suppress(FileExistsError):
        path.mkdir()
    if not path.is_dir():
        raise NotADirectoryError(20, os.strerror(20), str(path))
    sync_folder(path.parent)


def _beside(path: Path) -> Path:
    return path.with_name(f"{TEMPORARY}{path.name}-{secrets.token_hex(4)}")


def _rename_new(source: Path, target: Path) -> None:
    """A folder is only renamed over nothing or an empty one, so that two writers never mix their files."""
    try:
        source.rename(target)
    except OSError as error:
        if target.is_dir():
            raise FileExistsError(17, os.strerror(17), str(target)) from error
        raise


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Let the names in a folder be on disk when this returns. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
