"""The folder of object files: a file that many builds compile alike, as those with patches do, is compiled once.

An object is the same wherever its source lies (see harness.builds.compile), so its name here is a hash over everything
that it is made of: compiler, flags, its source, and the headers of ours that it includes.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path

from harness.builds.kept import fetch, keep

_INCLUDE = re.compile(rb'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"', re.MULTILINE)
_FOLDER = "objects"


def object_key(root: Path, source: Path, compiler: str, flags: Sequence[str]) -> str:
    """Return the name of what comes of a source, a path below `root`, with this compiler and these flags."""
    digest = hashlib.sha256("\0".join((compiler, repr(tuple(flags)))).encode())
    for path in included(root, source):
        data = (root / path).read_bytes()
        digest.update(f"\0{path.as_posix()}\0{len(data)}\0".encode() + data)
    return digest.hexdigest()[:32]


def included(root: Path, source: Path) -> list[Path]:
    """Return a source and all files of ours that it includes, directly or not: those in quotes, beside the includer.

    What an #if leaves out is there too: it can only make a file be compiled again in vain.
    """
    found = [source]
    for path in found:  # it grows
        for name in _INCLUDE.findall((root / path).read_bytes()):
            other = Path(os.path.normpath(path.parent / name.decode(errors="replace")))
            if other not in found and (root / other).is_file():
                found.append(other)
    return found


def fetch_object(key: str, to: Path) -> bool:
    """Put a kept object at `to`; False when there is none, or it is damaged."""
    data = fetch(_FOLDER, key)
    if data is None:
        return False
    to.write_bytes(data)
    return True


def keep_object(key: str, made: Path) -> None:
    """Keep an object just made. One that can't be kept is made again next time: no error."""
    keep(_FOLDER, key, made.read_bytes())
