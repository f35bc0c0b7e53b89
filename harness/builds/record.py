"""What a build was made of, as data that is written down beside a finding."""

from __future__ import annotations

import functools
import hashlib
from typing import Any

from harness.builds.build import Build
from harness.builds.identity import runtime_files, source_files

_SHORT = 16  # hex digits of a source's SHA-256


def made_with(build: Build) -> dict[str, Any]:
    """Return the compiler, the patches and the hash of the objects of a build: what a replay is told of it."""
    return {"compiler": build.compiler, "patches": list(build.patches), "archive": build.archive_hash}


@functools.cache
def _sources(build: Build) -> dict[str, str]:
    scheduled = build.kind == "sched"
    files = [*source_files(build.native), *(runtime_files(build.native) if scheduled else ())]
    return {f"native/{path.relative_to(build.native).as_posix()}": _hash(path.read_bytes()) for path in files}


def build_record(build: Build) -> dict[str, Any]:
    """Return the whole identity of a build, with a hash of each source as it was compiled, patches applied.

    A source that can't be read any more is left out: the rest is worth having.
    """
    try:
        files = _sources(build)
    except OSError:
        files = {}
    return {"kind": build.kind, "identity": build.identity, **made_with(build), "sources": files}


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:_SHORT]
