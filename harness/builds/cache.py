"""The folder of builds: every entry is made once, under a lock, and appears whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from harness.model.problem import Problem


def cache_folder() -> Path:
    """Return the folder for builds: RACEWASH_CACHE, else the user's cache folder."""
    return Path(os.environ.get("RACEWASH_CACHE") or platformdirs.user_cache_dir("racewash")).absolute()


def entry(name: str, make: Callable[[Path], None], whole: Callable[[Path], bool]) -> Path:
    """Return the folder `name` of the cache; when it isn't there, `make` fills an empty one that then takes its name.

    A process that dies in the middle leaves a folder that nobody takes for an entry; the next one removes it. An entry
    that isn't `whole` any more (a disk that lost it) is made again. Raises Problem when the cache can't be written.
    """
    folder = cache_folder() / "builds"
    path = folder / name
    if whole(path):
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder / f"{name}.lock", name):
            if not whole(path):
                unfinished = folder / f".new-{name}"
                for stale in (unfinished, path):
                    shutil.rmtree(stale, ignore_errors=True)
                unfinished.mkdir()
                try:
                    make(unfinished)
                    unfinished.rename(path)
                finally:
                    shutil.rmtree(unfinished, ignore_errors=True)
    except OSError as error:
        raise _unwritable(error) from error
    return path


def full_disk() -> Problem:
    """Return what to tell the user when there is no room for a build."""
    where = cache_folder()
    return Problem(f"no space for a build in the cache folder {where}: free some, or set RACEWASH_CACHE to another")


def _unwritable(error: OSError) -> Problem:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return full_disk()
    reason = error.strerror or str(error)
    return Problem(f"the cache folder {cache_folder()} can't be written ({reason}): set RACEWASH_CACHE to another")


@contextmanager
def _locked(path: Path, name: str) -> Iterator[None]:
    """Hold the lock; say so when another process has it. A holder that dies lets go of it."""
    from filelock import FileLock, Timeout  # here: most processes make no build, and it takes a while

    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(f"racewash: waiting for another process that makes the build {name}", file=sys.stderr, flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
