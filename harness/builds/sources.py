"""Where the C sources are: the checkout's own, or the copies that the wheel carries."""

from __future__ import annotations

from pathlib import Path

from harness.model.problem import Problem

_HARNESS = Path(__file__).resolve().parents[1]
LIBRARY = _HARNESS / "_lib"  # the wheel's own `native` library and the hash of what it was made of; not in a checkout


def sources() -> Path:
    """Return the folder that holds `native/` (the C sources and the defects) and `docs/`.

    >>> (sources() / "native" / "target" / "target.h").is_file()
    True
    """
    for folder in (_HARNESS / "_sources", _HARNESS.parent):
        if (folder / "native" / "core").is_dir():
            return folder
    raise Problem("the C sources of racewash are missing from its installation: install it again")
