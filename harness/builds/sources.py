"""Where the C sources are: the checkout's own, or the copies that the wheel carries."""

from __future__ import annotations

import os
from pathlib import Path

from harness.model.problem import Problem

_HARNESS = Path(__file__).resolve().parents[1]
SOURCES = "RACEWASH_SOURCES"  # environment variable: another folder of sources, as a checkout has them
_NEEDED = ("native/core", "native/target/target.h", "native/stress/stress.h", "native/sched/sched_api.h")
LIBRARY = _HARNESS / "_lib"  # the wheel's own `native` library and the hash of what it was made of; not in a checkout


def sources() -> Path:
    """Return the folder that holds `native/` (the C sources and the defects) and `docs/`.

    The environment variable RACEWASH_SOURCES may name another one. Raises Problem when a source is missing there that
    everything else needs.

    >>> (sources() / "native" / "target" / "target.h").is_file()
    True
    """
    given = os.environ.get(SOURCES)
    if given:
        missing = next((name for name in _NEEDED if not (Path(given) / name).exists()), None)
        if missing:
            raise Problem(f"{SOURCES} names {given}, where {missing} is missing; name a checkout of racewash's sources")
        return Path(given)
    for folder in (_HARNESS / "_sources", _HARNESS.parent):
        if (folder / "native" / "core").is_dir():
            return folder
    raise Problem("the C sources of racewash are missing from its installation: install it again")
