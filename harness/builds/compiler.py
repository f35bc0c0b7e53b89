"""The C compiler and what belongs to it: the sanitizers' run-time libraries."""

from __future__ import annotations

import functools
import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from harness.model.problem import Problem

OLDEST = {"gcc": 12, "clang": 14}
_VERSION = {  # macros of a version; clang, which calls itself an old gcc too, comes first
    "clang": ("__clang_major__", "__clang_minor__", "__clang_patchlevel__"),
    "gcc": ("__GNUC__", "__GNUC_MINOR__", "__GNUC_PATCHLEVEL__"),
}
_MACRO = re.compile(r"#define (__clang_\w+__|__GNUC\w*__) (\d+)")
_LINKER_SCRIPT = re.compile(r"INPUT\s*\(\s*(/[^\s)]+)")


@dataclass(frozen=True, slots=True)
class Compiler:
    """A C compiler that works: `command` calls it, `identity` says which one it is, to tell builds apart."""

    command: tuple[str, ...]
    family: str  # gcc or clang
    version: str
    identity: str

    def __str__(self) -> str:
        return f"{self.family} {self.version}"

    def file(self, name: str) -> Path | None:
        """Return the real path of a library that comes with the compiler, None when it isn't installed."""
        answer = _output([*self.command, f"-print-file-name={name}"]).strip()
        path = Path(answer)
        if not path.is_absolute() or not path.is_file():  # a bare name: the compiler doesn't know where it is
            return None
        # Some systems put a linker script there, which names the library but can't be preloaded itself.
        with path.open("rb") as file:
            head = file.read(1024)
        script = None if head.startswith(b"\x7fELF") else _LINKER_SCRIPT.search(head.decode(errors="replace"))
        path = Path(script[1]) if script else path
        return path.resolve() if path.is_file() else None

    def tool(self, name: str) -> str:
        """Return the path of a program that comes with the compiler, like `ar`, or its bare name."""
        return _output([*self.command, f"-print-prog-name={name}"]).strip() or name


def find_compiler() -> Compiler:
    """Return the compiler that CC names, else gcc, else clang. Raises Problem when there is none or it is too old."""
    return _probed(_command(), os.environ.get("PATH", ""))


def _command() -> tuple[str, ...]:
    words = shlex.split(os.environ.get("CC", ""))
    if words:
        if shutil.which(words[0]) is None:
            raise Problem(f"no C compiler: CC names {words[0]!r}, which is not there; install it, or unset CC")
        return tuple(words)
    for name in ("gcc", "clang", "cc"):
        if shutil.which(name) is not None:
            return (name,)
    raise Problem("no C compiler: install gcc or clang, or set CC")


@functools.cache
def _probed(command: tuple[str, ...], search_path: str) -> Compiler:
    path = shutil.which(command[0], path=search_path) or command[0]
    try:
        said = _output([*command, "-dM", "-E", "-xc", os.devnull])
        first = _output([*command, "--version"]).partition("\n")[0]
    except (OSError, subprocess.CalledProcessError) as error:
        raise Problem(f"the C compiler {shlex.join(command)!r} doesn't work ({error}); set CC to another") from error
    macros = {name: int(value) for name, value in _MACRO.findall(said)}
    for family, names in _VERSION.items():
        if names[0] in macros:
            version = ".".join(str(macros.get(name, 0)) for name in names)
            if macros[names[0]] < OLDEST[family]:
                raise Problem(
                    f"{family} {version} is too old: racewash needs gcc 12 or clang 14; set CC to a newer one"
                )
            return Compiler(command, family, version, f"{shlex.join([path, *command[1:]])}: {first}")
    raise Problem(f"the C compiler {shlex.join(command)!r} is neither gcc nor clang; set CC to one of them")


def _output(command: list[str]) -> str:
    run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    return run.stdout
