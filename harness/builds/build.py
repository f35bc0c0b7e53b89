"""Get a build: the wheel's own library where it fits, else one from the cache, made at first use."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.builds.cache import cache_folder, entry, full_disk
from harness.builds.compile import ARCHIVE, LIBRARY, CompileError, compile_library
from harness.builds.compiler import Compiler, find_compiler
from harness.builds.identity import runtime_files, source_files, sources_hash
from harness.builds.patching import apply_patches, read_patches
from harness.builds.recipe import Recipe, recipe, runtime_library, symbolizer
from harness.builds.sources import LIBRARY as WHEEL
from harness.builds.sources import sources
from harness.model.problem import Problem

Kind = Literal["native", "tsan", "asan", "sched"]
_STEPS = "2"  # another number when compile_library does something else with the same recipe
MANIFEST = "build.json"
_SHOWN_LINES = 6
_MISSING = re.compile(r"fatal error: '?([^\s':]+)'?(?:: No such file| file not found)")


@dataclass(frozen=True, slots=True)
class Build:
    """A shared library and what it was made of. `identity` differs when anything differs that could change it."""

    kind: str
    identity: str
    compiler: str
    library: Path
    native: Path  # the sources as they were compiled
    patches: tuple[str, ...] = ()
    archive: Path | None = None  # the objects, instrumented where the kind is; None for the wheel's library
    archive_hash: str = ""
    runtime: Path | None = None  # the sanitizer's library, which a worker preloads
    symbolizer: str = ""  # a program that the sanitizer's library needs


def get_build(kind: Kind, patches: Sequence[Path] = ()) -> Build:
    """Return a build, made now if there is none of these sources, this compiler, these flags and patches.

    Making one is said in a line on stderr. Raises Problem when something is missing or doesn't compile.
    """
    if kind == "native" and not patches:
        shipped = _shipped()
        if shipped is not None:
            return shipped
    order = _ordered(kind, patches)
    runtime = runtime_library(order.recipe.runtime, order.compiler) if order.recipe.runtime else None
    folder = entry(f"{kind}-{order.identity}", order.make, _whole)
    return Build(
        kind=kind,
        identity=order.identity,
        compiler=str(order.compiler),
        library=folder / LIBRARY,
        native=folder / "native",
        patches=tuple(path.name for path in patches),
        archive=folder / ARCHIVE,
        archive_hash=_manifest(folder)[ARCHIVE],
        runtime=runtime,
        symbolizer=symbolizer(order.compiler) if runtime else "",
    )


@dataclass(frozen=True, slots=True)
class _Order:
    """Everything that a build is made of."""

    compiler: Compiler
    recipe: Recipe
    native: Path
    sources: str  # hash of what is in `native`
    patches: tuple[Path, ...]
    contents: tuple[bytes, ...]

    @property
    def identity(self) -> str:
        parts = [_STEPS, self.sources, self.compiler.identity, self.recipe.key(), *map(_hash, self.contents)]
        return _hash("\0".join(parts).encode())[:16]

    def make(self, folder: Path) -> None:
        """Fill an empty folder with a copy of the sources, patched, and with what comes of it."""
        scheduled = bool(self.recipe.scheduled)
        for path in [*source_files(self.native), *(runtime_files(self.native) if scheduled else ())]:
            copy = folder / "native" / path.relative_to(self.native)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        if sources_hash(folder / "native", runtime=scheduled) != self.sources:
            raise Problem("the C sources changed while a build was made of them: run the command again")
        apply_patches(folder, self.patches, self.contents)
        names = ", ".join(path.name for path in self.patches)
        patched = f", patched by {names}" if names else ""
        print(f"racewash: building {self.recipe.kind} with {self.compiler}{patched} ...", file=sys.stderr, flush=True)
        try:
            compile_library(self.compiler, self.recipe, folder)
        except CompileError as error:
            raise self._failed(error) from error
        manifest = {name: _hash((folder / name).read_bytes()) for name in (ARCHIVE, LIBRARY)}
        (folder / MANIFEST).write_text(json.dumps({"format": 1, "files": manifest}) + "\n", encoding="utf-8")

    def _failed(self, error: CompileError) -> Problem:
        if "No space left on device" in error.said:
            return full_disk()
        log = cache_folder() / "logs" / f"{self.recipe.kind}-{self.identity}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(f"{error.command}\n{error.said}", encoding="utf-8")
        missing = _MISSING.search(error.said)
        if missing:
            return Problem(
                f"the {self.recipe.kind} build needs the source {missing[1]}, which is missing in {self.native}"
            )
        first = "\n".join(error.said.splitlines()[:_SHOWN_LINES])
        return Problem(f"the {self.recipe.kind} build failed with {self.compiler}; all of it is in {log}:\n{first}")


def _ordered(kind: Kind, patches: Sequence[Path]) -> _Order:
    contents = read_patches(patches)
    compiler = find_compiler()
    native = sources() / "native"
    made = recipe(kind, compiler)
    digest = sources_hash(native, runtime=bool(made.scheduled))
    return _Order(compiler, made, native, digest, tuple(patches), tuple(contents))


def _shipped() -> Build | None:
    """Return the wheel's own library, None when there is none or it was made of other sources."""
    library = WHEEL / LIBRARY
    try:
        identity = json.loads((WHEEL / "identity.json").read_bytes())
    except (OSError, ValueError):
        return None
    native = sources() / "native"
    if not library.is_file() or identity.get("sources") != sources_hash(native):
        return None
    digest = _hash(library.read_bytes())[:16]
    return Build("native", digest, str(identity.get("compiler", "unknown")), library, native)


def _manifest(folder: Path) -> dict[str, str]:
    """Return the hash of each file of a finished build; empty when it can't be read."""
    try:
        return dict(json.loads((folder / MANIFEST).read_bytes())["files"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _whole(folder: Path) -> bool:
    manifest = _manifest(folder)
    try:
        return bool(manifest) and all(_hash((folder / name).read_bytes()) == made for name, made in manifest.items())
    except OSError:
        return False


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
