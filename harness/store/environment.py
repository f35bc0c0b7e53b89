"""Where a finding was made: the system, the interpreter, and the variables that decide over builds and runs."""

from __future__ import annotations

import functools
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from harness.version import VERSION

_NAMES = ("CC", "CFLAGS", "CI", "LD_PRELOAD", "PYTHONPATH", "PYTEST_XDIST_WORKER")
_PREFIXES = ("RACEWASH_", "TSAN_", "ASAN_", "UBSAN_", "LSAN_")
_RANDOM = Path("/proc/sys/vm/mmap_rnd_bits")


def environment() -> dict[str, Any]:
    """Return what is known of this machine and process."""
    return {**_machine(), "variables": _variables(os.environ)}


@functools.cache
def _machine() -> dict[str, Any]:
    return {
        "racewash": VERSION,
        "system": platform.platform(),
        "machine": platform.machine(),
        "processor": _processor(),
        "cpus": os.cpu_count(),
        "memory": psutil.virtual_memory().total,
        "libc": " ".join(platform.libc_ver()),
        "python": platform.python_version(),
        "mmap_rnd_bits": _text(_RANDOM),
    }


def _variables(given: Mapping[str, str]) -> dict[str, str]:
    return {name: given[name] for name in sorted(given) if name in _NAMES or name.startswith(_PREFIXES)}


def _processor() -> str:
    lines = _text(Path("/proc/cpuinfo")).splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
