"""Preloading a sanitizer's library into the interpreter, which a worker of its build needs: does it work here?"""

from __future__ import annotations

import ctypes
import functools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.model.problem import Problem

_ADDR_NO_RANDOMIZE = 0x0040000
_ASK = 0xFFFFFFFF


@contextmanager
def fixed_addresses() -> Iterator[bool]:
    """Processes that this thread starts inside have no random addresses: some libtsan refuse those of newer systems.

    The personality is the thread's own; a program takes it over when it starts. Yields whether that was allowed: where
    it isn't (some containers), libtsan works when vm.mmap_rnd_bits is at most 28.
    """
    personality = ctypes.CDLL(None, use_errno=True).personality
    personality.argtypes, personality.restype = [ctypes.c_ulong], ctypes.c_int
    before = personality(_ASK)
    allowed = before != -1 and personality(before | _ADDR_NO_RANDOMIZE) != -1
    try:
        yield allowed
    finally:
        if allowed:
            personality(before)


def interpreter() -> str:
    """Return the interpreter's program file: preloading into a script that starts it would reach the shell instead."""
    with Path(sys.executable).open("rb") as file:
        if file.read(4) == b"\x7fELF":
            return sys.executable
    return str(Path("/proc/self/exe").readlink())


@functools.cache
def require_preload(library: Path) -> None:
    """Raise Problem when the interpreter doesn't start with the library preloaded, saying why.

    It doesn't with the shared ThreadSanitizer of clang 14, for one, nor with an old libtsan where addresses can't be
    fixed.
    """
    command = [interpreter(), "-I", "-S", "-c", ""]
    with fixed_addresses():
        run = subprocess.run(
            command,
            env={**os.environ, "LD_PRELOAD": str(library)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
        )
    if run.returncode != 0:
        said = run.stderr.decode(errors="replace").strip().partition("\n")[0] or _ending(run.returncode)
        advice = "sysctl -w vm.mmap_rnd_bits=28 helps" if "memory mapping" in said else "set CC to another compiler"
        raise Problem(f"the Python interpreter doesn't start with {library} preloaded ({said}): {advice}")


def _ending(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
