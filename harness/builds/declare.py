"""The C interface as cffi knows it: read from the headers themselves, so that the two can't drift apart."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from pathlib import Path

from cffi import FFI

HEADERS = ("target/target.h", "stress/stress.h", "live/live.h")
SCHEDULED = (*HEADERS, "linear/linear.h", "sched/sched_api.h")
_MARKED = re.compile(r"/\* cffi: begin \*/(.*?)/\* cffi: end \*/", re.DOTALL)
_STRUCTURE = re.compile(r"^typedef struct (\w+) \{", re.MULTILINE)


def declarations(native: Path, headers: Sequence[str] = HEADERS) -> str:
    """Return what stands between the markers of the headers below `native`."""
    texts = []
    for name in headers:
        marked = _MARKED.search((native / name).read_text(encoding="utf-8"))
        if marked is None:
            raise ValueError(f"{native / name} has no part between 'cffi: begin' and 'cffi: end'")
        texts.append(marked[1])
    return "\n".join(texts)


def structures(text: str) -> list[str]:
    """Return the names of the structures that declarations define.

    >>> structures("typedef struct rw_param {\\n    int a;\\n} rw_param;\\ntypedef struct rw_core rw_core;")
    ['rw_param']
    """
    return _STRUCTURE.findall(text)


@functools.cache
def interface(text: str) -> FFI:
    """Return cffi's idea of the declarations; the same object for the same text."""
    ffi = FFI()
    ffi.cdef(text)
    return ffi
