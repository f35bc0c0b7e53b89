"""The C interface as cffi knows it: read from the headers themselves, so that the two can't drift apart."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import _cffi_backend
import cffi
from cffi import FFI

from harness.builds.kept import fetch, keep

HEADERS = ("target/target.h", "stress/stress.h", "live/live.h")
SCHEDULED = (*HEADERS, "linear/linear.h", "sched/sched_api.h")
_MARKED = re.compile(r"/\* cffi: begin \*/(.*?)/\* cffi: end \*/", re.DOTALL)
_FOLDER, _MODULE = "interfaces", "interface"
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
    """Return cffi's idea of the declarations; the same object for the same text.

    Parsing them takes most of a worker's start: it is done once, and what comes of it is kept in the cache.
    """
    key = hashlib.sha256("\0".join((cffi.__version__, _cffi_backend.__version__, text)).encode()).hexdigest()[:32]
    code = fetch(_FOLDER, key)
    if code is None:
        ffi = FFI()
        ffi.cdef(text)
        try:
            code = _python_code(ffi)
        except OSError:  # no room for its files: parsed again next time
            return ffi
        keep(_FOLDER, key, code)
    module: dict[str, Any] = {}
    exec(compile(code, f"interface {key}", "exec"), module)
    return cast(FFI, module["ffi"])


def _python_code(ffi: FFI) -> bytes:
    """Return the code of a module whose `ffi` knows the same declarations (cffi: out of line, by ABI)."""
    ffi.set_source(_MODULE, None)
    with TemporaryDirectory(prefix="racewash-interface-") as folder:
        return Path(ffi.compile(tmpdir=folder)).read_bytes()
