"""The folder of object files: a file that many builds compile alike, as those with patches do, is compiled once.

An object is the same wherever its source lies (see harness.builds.compile), so its name here is a hash over everything
that it is made of: compiler, flags, its source, and all headers, whether it includes them or not.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from harness.builds.cache import cache_folder

_DIGEST = hashlib.sha256().digest_size


def headers_hash(native: Path) -> str:
    """Return the SHA-256 over the names and contents of all headers below `native`."""
    digest = hashlib.sha256()
    for path in sorted(native.rglob("*.h")):
        data = path.read_bytes()
        digest.update(f"{path.relative_to(native).as_posix()}\0{len(data)}\0".encode())
        digest.update(data)
    return digest.hexdigest()


def object_key(source: Path, name: str, compiler: str, flags: Sequence[str], headers: str) -> str:
    """Return the name of what comes of a source, called `name` in the build, with these flags and headers."""
    parts = "\0".join((compiler, repr(tuple(flags)), name, headers)).encode()
    return hashlib.sha256(parts + b"\0" + source.read_bytes()).hexdigest()[:32]


def fetch_object(key: str, to: Path) -> bool:
    """Put a kept object at `to`; False when there is none, or it is damaged."""
    try:
        data = (_folder() / key).read_bytes()
    except OSError:
        return False
    if hashlib.sha256(data[_DIGEST:]).digest() != data[:_DIGEST]:
        return False
    to.write_bytes(data[_DIGEST:])
    return True


def keep_object(key: str, made: Path) -> None:
    """Keep an object just made. One that can't be kept is made again next time: no error."""
    data = made.read_bytes()
    with contextlib.suppress(OSError):
        _folder().mkdir(parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(dir=_folder(), prefix=".new-")
        try:
            with os.fdopen(number, "wb") as file:
                file.write(hashlib.sha256(data).digest() + data)
            os.replace(name, _folder() / key)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise


def _folder() -> Path:
    return cache_folder() / "objects"
