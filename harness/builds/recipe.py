"""How each kind of build is compiled and linked."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from harness.builds.compiler import Compiler
from harness.builds.preload import require_preload
from harness.model.problem import Problem

# The native library of the wheel is compiled with the same flags: see CMakeLists.txt.
_COMMON: tuple[str, ...] = (
    "-std=c11",
    "-D_GNU_SOURCE",
    "-O2",
    "-g",
    "-fPIC",
    "-fvisibility=hidden",
    "-Wall",
    "-Wextra",
)
# Constant-size copies would be expanded in place, unseen; volatile accesses would pass for plain ones.
_THREAD: tuple[str, ...] = ("-fsanitize=thread", "-fno-builtin-memcpy", "-fno-builtin-memset", "-fno-builtin-memmove",
           "-fno-omit-frame-pointer")  # fmt: skip
_VOLATILE = {
    "gcc": ("--param", "tsan-distinguish-volatile=1"),
    "clang": ("-mllvm", "-tsan-distinguish-volatile=1"),
}
# Recovering lets a worker report the planted overflow, go on, and report every other defect once.
_ADDRESS = ("-fsanitize=address,undefined", "-fsanitize-recover=address,undefined", "-fno-omit-frame-pointer")

_LINK: tuple[str, ...] = ("-shared", "-Wl,-z,defs")  # what nothing defines is an error here, not in a worker

UNINSTRUMENTED = "mem_note.c"  # the seam that each linked library resolves its own way: see mem_note.h


@dataclass(frozen=True, slots=True)
class Recipe:
    """Flags of one kind of build; `runtime` is the sanitizer's library by its name for each compiler.

    `scheduled`: flags of the scheduled runtime's files, where the build has it.
    """

    kind: str
    compile: tuple[str, ...]
    seam: tuple[str, ...]  # flags of UNINSTRUMENTED
    link: tuple[str, ...]
    runtime: str = ""
    scheduled: tuple[str, ...] = ()

    def key(self) -> str:
        """Return everything of the recipe that changes what comes of it."""
        return repr((self.kind, self.compile, self.seam, self.link, self.scheduled))


def recipe(kind: str, compiler: Compiler) -> Recipe:
    """Return the recipe of a kind of build: native, tsan, asan, or sched, whose objects are those of tsan."""
    runtime = ("-shared-libsan",) if compiler.family == "clang" else ()
    if kind == "native":
        return Recipe(kind, _COMMON, _COMMON, _LINK)
    instrumented = (*_COMMON, *_THREAD, *_VOLATILE[compiler.family])
    if kind == "sched":
        return Recipe(kind, instrumented, _COMMON, (*_LINK, "-Wl,-z,now"), scheduled=_COMMON)
    if kind == "tsan":
        return Recipe(kind, instrumented, _COMMON, ("-fsanitize=thread", *runtime, *_LINK), "tsan")
    if kind == "asan":
        flags = (*_COMMON, *_ADDRESS)
        return Recipe(kind, flags, flags, ("-fsanitize=address,undefined", *runtime, *_LINK), "asan")
    raise Problem(f"there is no build {kind!r}: use native, tsan, asan or sched")


def runtime_library(kind: str, compiler: Compiler) -> Path:
    """Return the real path of the library that a worker of this kind of build preloads.

    Raises Problem, naming it, when it isn't installed or doesn't work here.
    """
    names = {
        "gcc": (f"lib{kind}.so",),
        "clang": (f"libclang_rt.{kind}.so", f"libclang_rt.{kind}-x86_64.so", f"libclang_rt.{kind}-aarch64.so"),
    }[compiler.family]
    for name in names:
        path = compiler.file(name)
        if path is not None:
            symbolizer(compiler)
            require_preload(path)
            return path
    package, fedora = (
        ("libgcc-*-dev", f"lib{kind}") if compiler.family == "gcc" else ("libclang-rt-*-dev", "compiler-rt")
    )
    raise Problem(
        f"the {kind} build needs lib{kind} ({names[0]}), a library of {compiler}, which is not installed: install it "
        f"(Debian, Ubuntu: {package}; Fedora: {fedora})"
    )


def symbolizer(compiler: Compiler) -> str:
    """Return the program that gives reports their files and lines; empty for gcc, whose libraries need none."""
    if compiler.family == "gcc":
        return ""
    path = shutil.which(compiler.tool("llvm-symbolizer"))
    if path is None:
        raise Problem(
            f"the sanitizers of {compiler} need llvm-symbolizer, without which reports have no lines: install llvm"
        )
    return path
