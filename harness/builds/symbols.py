"""From return addresses in a build's library to functions and lines, inlined calls included.

Done by addr2line, which comes with every compiler's assembler and linker: it knows all forms of debugging information
that compilers write, and reads them far faster than Python could. Without it functions and lines stay unknown.
"""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
from collections.abc import Iterable

from harness.builds.build import Build
from harness.builds.compiler import find_compiler
from harness.model.finding import Location
from harness.model.problem import Problem

_TOOLS = ("addr2line", "llvm-addr2line")
_CLONE = re.compile(r"\.(?:isra|part|constprop|cold|lto_priv|llvm)\b.*")  # what an optimiser adds to a function's name
_ADDRESS = re.compile(r"^0x[0-9a-f]+$")


@functools.cache
def symbols_of(build: Build) -> Symbols:
    """Return the symbols of a build; the same build gives the same ones, with what they know already."""
    return Symbols(build)


class Symbols:
    """The symbols of one build; every address is looked up once."""

    def __init__(self, build: Build) -> None:
        self._library = build.library
        self._tool = _tool()
        self._known: dict[int, tuple[Location, ...]] = {}

    def look_up(self, pcs: Iterable[int]) -> None:
        """Look up many addresses at once."""
        new = sorted({pc for pc in pcs if pc and pc not in self._known})
        if new and self._tool:
            self._known.update(zip(new, self._asked(new), strict=True))

    def frames(self, pcs: Iterable[int]) -> tuple[Location, ...]:
        """Return a stack's frames, innermost first; a call that was inlined is a frame like any other."""
        listed = tuple(pcs)
        self.look_up(listed)
        return tuple(frame for pc in listed for frame in self._known.get(pc, ()))

    def _asked(self, pcs: list[int]) -> list[tuple[Location, ...]]:
        # A return address is the one after the call: it may already belong to the next line.
        asked = "\n".join(hex(pc - 1) for pc in pcs)
        command = [self._tool, "-e", str(self._library), "-a", "-f", "-i"]
        run = subprocess.run(command, input=asked, capture_output=True, text=True, check=False)
        answers = _parse(run.stdout)
        return answers if len(answers) == len(pcs) else [()] * len(pcs)


def _parse(text: str) -> list[tuple[Location, ...]]:
    """Read, for each address, pairs of lines: a function and its file:line, the innermost first.

    >>> _parse("0x10\\nf.isra.0\\n./native/core/dlist.c:7 (discriminator 2)\\n")
    [(Location(file='native/core/dlist.c', line=7, function='f'),)]
    """
    answers: list[list[Location]] = []
    function: str | None = None
    for line in text.splitlines():
        if _ADDRESS.match(line):
            answers.append([])
            function = None
        elif function is None:
            function = line
        else:
            file, _, number = line.partition(" ")[0].rpartition(":")
            answers[-1].append(_location(function, file, number))
            function = None
    return [tuple(answer) for answer in answers]


def _location(function: str, file: str, line: str) -> Location:
    name = "" if function == "??" else _CLONE.sub("", function)
    place = "" if file == "??" else file.removeprefix("./")
    return Location(place, int(line) if line.isdigit() else 0, name)


def _tool() -> str:
    """Return the path of addr2line, empty when there is none."""
    try:
        compiler = find_compiler()
        named = [compiler.tool(name) for name in _TOOLS]
    except Problem:
        named = list(_TOOLS)
    return next((path for name in named if (path := shutil.which(name))), "")
