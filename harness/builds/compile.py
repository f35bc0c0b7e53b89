"""From C sources to a shared library: objects, an archive of them, and a link step of its own."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.builds.compiler import Compiler
from harness.builds.identity import source_files
from harness.builds.recipe import UNINSTRUMENTED, Recipe
from harness.builds.scheduled import is_runtime, link_scheduled

LIBRARY, ARCHIVE = "libracewash.so", "libracewash.a"
_AT_ONCE = 2


class CompileError(Exception):
    """A step of the build failed: what was called and what it said."""

    def __init__(self, command: Sequence[str], said: str) -> None:
        super().__init__(said)
        self.command = shlex.join(command)
        self.said = said


def compile_library(compiler: Compiler, recipe: Recipe, root: Path) -> None:
    """Compile what is in `root/native` and leave the archive and the library in `root`.

    The archive has every object but that of UNINSTRUMENTED. It is the same, byte for byte, wherever the folder is and
    whenever it is made, so that its hash tells which objects a library has.
    """
    files = [path.relative_to(root) for path in source_files(root / "native") if path.suffix == ".c"]
    files = [file for file in files if not is_runtime(file)]
    objects = {file: Path("objects") / "-".join(file.with_suffix(".o").parts[1:]) for file in files}
    (root / "objects").mkdir()

    def compiled(file: Path) -> None:
        flags = recipe.seam if file.name == UNINSTRUMENTED else recipe.compile
        # Paths in reports are those below `root`, which has another name when the build is finished.
        place = f"-ffile-prefix-map={root}=."
        _run([*compiler.command, *flags, place, "-c", str(file), "-o", str(objects[file])], root)

    pool = ThreadPoolExecutor(_AT_ONCE)
    try:
        for _ in pool.map(compiled, files):
            pass
    finally:
        pool.shutdown(cancel_futures=True)
    apart = [str(path) for file, path in objects.items() if file.name == UNINSTRUMENTED]
    archived = [str(path) for file, path in objects.items() if file.name != UNINSTRUMENTED]
    _run([compiler.tool("ar"), "rcsD", ARCHIVE, *archived], root)
    if recipe.kind == "sched":
        link_scheduled(compiler, recipe, root, ARCHIVE, LIBRARY, _run)
    else:
        link = [*compiler.command, *recipe.link, "-o", LIBRARY]
        _run([*link, "-Wl,--whole-archive", ARCHIVE, "-Wl,--no-whole-archive", *apart, "-lpthread", "-lm"], root)
    for path in (root / "objects").iterdir():
        path.unlink()
    (root / "objects").rmdir()


def _run(command: Sequence[str], folder: Path) -> None:
    try:
        run = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
    except OSError as error:
        raise CompileError(command, f"{command[0]}: {error.strerror}") from error
    if run.returncode != 0:
        raise CompileError(command, run.stdout.decode(errors="replace") or f"exit code {run.returncode}")
