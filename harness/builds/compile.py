"""From C sources to a shared library: objects, an archive of them, and a link step of its own."""

from __future__ import annotations

import platform
import shlex
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.builds.compiler import Compiler
from harness.builds.identity import RUNTIME, runtime_files, source_files
from harness.builds.objects import fetch_object, keep_object, object_key
from harness.builds.recipe import UNINSTRUMENTED, Recipe
from harness.model.problem import Problem

LIBRARY, ARCHIVE = "libracewash.so", "libracewash.a"
WRAPPED, EXPORTS = "wrap.txt", "exports.map"  # the runtime's: functions it intercepts, symbols the library shows
RUNTIME_ARCHIVE = "libsched.a"  # for programs that are linked with the runtime without a target: see its tests
_INTERCEPTED = "objects/intercepted.o"
_MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
_AT_ONCE = 2


class CompileError(Exception):
    """A step of the build failed: what was called and what it said."""

    def __init__(self, command: Sequence[str], said: str) -> None:
        super().__init__(said)
        self.command = shlex.join(command)
        self.said = said


def compile_library(compiler: Compiler, recipe: Recipe, root: Path) -> None:
    """Compile what is in `root/native` and leave the archive and the library in `root`.

    The archive has every object but that of UNINSTRUMENTED and those of the scheduled runtime. It is the same, byte for
    byte, wherever the folder is and whenever it is made, so that its hash tells which objects a library has.
    """
    native = root / "native"
    target = _relative(source_files(native), root, ".c")
    runtime = _relative(runtime_files(native), root, ".c", _assembly()) if recipe.scheduled else []
    if runtime:  # it has its own answer to the seam
        target = [file for file in target if file.name != UNINSTRUMENTED]
    objects = {file: Path("objects") / "-".join(file.with_suffix(".o").parts[1:]) for file in [*target, *runtime]}
    (root / "objects").mkdir()

    def compiled(file: Path) -> None:
        flags = recipe.seam if file.name == UNINSTRUMENTED else recipe.compile
        if file in runtime:
            flags = recipe.scheduled
        # Paths in reports are those below `root`, which has another name when the build is finished.
        place = f"-ffile-prefix-map={root}=."
        key, made = object_key(root, file, compiler.identity, flags), root / objects[file]
        if not fetch_object(key, made):
            _run([*compiler.command, *flags, place, "-c", str(file), "-o", str(objects[file])], root)
            keep_object(key, made)

    pool = ThreadPoolExecutor(_AT_ONCE)
    try:
        for _ in pool.map(compiled, objects):
            pass
    finally:
        pool.shutdown(cancel_futures=True)
    archived = [file for file in target if file.name != UNINSTRUMENTED]
    apart = [str(path) for file, path in objects.items() if file not in archived]
    _run([compiler.tool("ar"), "rcsD", ARCHIVE, *(str(objects[file]) for file in archived)], root)
    under_test = ["-Wl,--whole-archive", ARCHIVE, "-Wl,--no-whole-archive"]
    link = [*compiler.command, *recipe.link, "-o", LIBRARY]
    if runtime:  # only the calls of the code under test are intercepted, not the runtime's own
        folder = Path("native") / RUNTIME
        _run([*compiler.command, "-r", "-nostdlib", f"-Wl,@{folder / WRAPPED}", *under_test, "-o", _INTERCEPTED], root)
        _run([compiler.tool("ar"), "rcsD", RUNTIME_ARCHIVE, *(str(objects[file]) for file in runtime)], root)
        under_test = [_INTERCEPTED, f"-Wl,--version-script={folder / EXPORTS}"]
    _run([*link, *under_test, *apart, "-lpthread", "-ldl", "-lm"], root)
    for path in (root / "objects").iterdir():
        path.unlink()
    (root / "objects").rmdir()


def _assembly() -> str:
    """Return how the name of the runtime's assembly for this machine ends."""
    machine = _MACHINES.get(platform.machine().lower())
    if machine is None:
        raise Problem(f"the scheduled runtime has no fiber switch for {platform.machine()}: use x86-64 or aarch64")
    return f"_{machine}.S"


def _relative(files: Sequence[Path], root: Path, *suffixes: str) -> list[Path]:
    return [path.relative_to(root) for path in files if path.name.endswith(suffixes)]


def _run(command: Sequence[str], folder: Path) -> None:
    try:
        run = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
    except OSError as error:
        raise CompileError(command, f"{command[0]}: {error.strerror}") from error
    if run.returncode != 0:
        raise CompileError(command, run.stdout.decode(errors="replace") or f"exit code {run.returncode}")
