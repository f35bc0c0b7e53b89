"""A build's shared library opened through cffi, once its structures are known to be those of the headers beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cffi import FFI

from harness.builds.build import Build
from harness.builds.declare import declarations, interface, structures
from harness.model.problem import Problem


@dataclass(frozen=True, slots=True)
class Opened:
    """A library, cffi's idea of its interface, and its target's table."""

    ffi: FFI
    lib: Any
    table: Any


def open_library(build: Build, headers: Sequence[str], instrumentation: str, getter: str = "rw_target_get") -> Opened:
    """Open a build's library. Raises RuntimeError when it is not what the headers and the build's kind say.

    `getter`: the function that gives the target's table.
    """
    text = declarations(build.native, headers)
    ffi = interface(text)
    try:
        lib: Any = ffi.dlopen(str(build.library))
    except OSError as error:
        raise Problem(f"the library {build.library} can't be loaded: {error}") from error
    for name in structures(text):
        measure = lib.rs_sizeof if name.startswith(("rs_", "rl_")) else lib.rw_sizeof
        ours, theirs = ffi.sizeof(name), int(measure(name.encode()))
        if ours != theirs:
            raise RuntimeError(f"{build.library} has {theirs} bytes in {name}, the headers beside it {ours}")
    if plain(ffi, lib.rw_build_kind()) != instrumentation:
        raise RuntimeError(f"{build.library} is not instrumented as a {build.kind} build is")
    table = getattr(lib, getter)()
    if table.abi != lib.RW_TARGET_ABI:
        raise RuntimeError(f"{build.library} speaks ABI {table.abi}, not {lib.RW_TARGET_ABI}")
    return Opened(ffi, lib, table)


def plain(ffi: FFI, raw: Any) -> str:
    """Return a C string; the empty one for NULL."""
    if raw == ffi.NULL:
        return ""
    value = ffi.string(raw)
    return value.decode(errors="replace") if isinstance(value, bytes) else value
