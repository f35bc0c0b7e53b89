"""Links the archive of instrumented objects with the scheduled runtime instead of a sanitizer's library.

Three steps: the instrumented objects are joined into one, in which calls of what the runtime intercepts get other
names; the runtime itself is compiled without instrumentation; both become one library that shows nothing but its
interface.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.builds.compiler import Compiler
from harness.builds.recipe import Recipe
from harness.model.problem import Problem

FOLDER = Path("native/sched")
RUNTIME = "libsched.a"
_JOINED = Path("objects") / "sched-joined.o"
_SWITCHES = {"x86_64": "switch_x86_64.S", "amd64": "switch_x86_64.S", "aarch64": "switch_aarch64.S",
             "arm64": "switch_aarch64.S"}  # fmt: skip

Run = Callable[[Sequence[str], Path], None]


def is_runtime(path: Path) -> bool:
    """Say whether a source, relative to the build's folder, belongs to the scheduled runtime or its workloads."""
    return FOLDER in path.parents


def link_scheduled(compiler: Compiler, recipe: Recipe, root: Path, archive: str, library: str, run: Run) -> None:
    """Make `library` of the archive and of the runtime below `root`."""
    switch = _SWITCHES.get(platform.machine().lower())
    if switch is None:
        raise Problem(f"the scheduled runtime has no fiber switch for {platform.machine()}: use x86-64 or aarch64")
    place = f"-ffile-prefix-map={root}=."

    def compiled(files: Sequence[Path], flags: Sequence[str], prefix: str) -> list[str]:
        objects = []
        for file in files:
            objects.append(f"objects/{prefix}-{file.stem}.o")
            run([*compiler.command, *flags, place, "-c", str(file), "-o", objects[-1]], root)
        return objects

    sources = sorted(path.relative_to(root) for path in (root / FOLDER).glob("*.c"))
    workloads = sorted(path.relative_to(root) for path in (root / FOLDER / "workload").glob("*.c"))
    joined = compiled(workloads, recipe.compile, "workload")
    runtime = compiled([*sources, FOLDER / switch], recipe.seam, "sched")
    wraps = [f"-Wl,{line}" for line in (root / FOLDER / "wrap.txt").read_text(encoding="utf-8").split()]
    whole = ("-Wl,--whole-archive", archive, "-Wl,--no-whole-archive")
    run([*compiler.command, "-r", "-nostdlib", *wraps, *joined, *whole, "-o", str(_JOINED)], root)
    run([compiler.tool("ar"), "rcsD", RUNTIME, *runtime], root)  # for programs of their own: see the tests
    exports = f"-Wl,--version-script={FOLDER / 'exports.map'}"
    run([*compiler.command, *recipe.link, exports, "-o", library, str(_JOINED), *runtime, "-lpthread", "-lm"], root)
