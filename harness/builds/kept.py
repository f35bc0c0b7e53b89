"""Files of the cache that can be made again at any time: each is there whole, its hash before it, or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

from harness.builds.cache import cache_folder

_DIGEST = hashlib.sha256().digest_size


def fetch(folder: str, name: str) -> bytes | None:
    """Return what is kept under a name; None when there is nothing, or it is damaged."""
    try:
        data = (cache_folder() / folder / name).read_bytes()
    except OSError:
        return None
    content = data[_DIGEST:]
    return content if hashlib.sha256(content).digest() == data[:_DIGEST] else None


def keep(folder: str, name: str, content: bytes) -> None:
    """Keep what was just made. What can't be kept is made again next time: no error."""
    with contextlib.suppress(OSError):
        place = cache_folder() / folder
        place.mkdir(parents=True, exist_ok=True)
        number, unfinished = tempfile.mkstemp(dir=place, prefix=".new-")
        try:
            with os.fdopen(number, "wb") as file:
                file.write(hashlib.sha256(content).digest() + content)
            os.replace(unfinished, place / name)
        except OSError:
            Path(unfinished).unlink(missing_ok=True)
            raise
