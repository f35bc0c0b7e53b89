"""The scheduled runtime's own tests: a C program against it, and two programs that know nothing of it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.builds import Build, get_build
from harness.builds.compile import RUNTIME_ARCHIVE
from harness.builds.compiler import find_compiler
from harness.builds.recipe import recipe

TESTS = Path(__file__).resolve().parents[2] / "native" / "tests" / "sched"
SECONDS = 300  # far above what any program is meant to take
SCHED = TESTS.parents[1] / "sched"


@pytest.fixture(scope="module")
def build() -> Build:
    return get_build("sched")


def call(*command: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS,
                          env={**os.environ, **(env or {})})  # fmt: skip


def checked(*command: str) -> None:
    run = call(*command)
    assert run.returncode == 0, f"{' '.join(command)}\n{run.stderr}"


def linked(build: Build, tmp_path: Path, compiler: tuple[str, ...], source: Path, *final: str,
           standard: str = "", join: tuple[str, ...] = ()) -> Path:  # fmt: skip
    """Compile a program that is to run under the scheduler as the build's objects are, and link it with the runtime."""
    root = build.library.parent
    flags = [flag for flag in recipe("sched", find_compiler()).compile if not flag.startswith("-std=")]
    wraps = [f"-Wl,{line}" for line in (build.native / "sched" / "wrap.txt").read_text().split()]
    objects = [tmp_path / f"{source.stem}.o"]
    checked(*compiler, *flags, *([standard] if standard else ["-std=c11"]), "-c", str(source), "-o", str(objects[0]))
    for workload in sorted((build.native / "sched" / "workload").glob("*.c")):
        objects.append(tmp_path / f"{workload.stem}.o")
        checked(*find_compiler().command, *flags, "-std=c11", "-c", str(workload), "-o", str(objects[-1]))
    whole, program = tmp_path / "joined.o", tmp_path / source.stem
    checked(*compiler, "-r", "-nostdlib", *wraps, *map(str, objects), *join, "-o", str(whole))
    checked(
        *compiler,
        "-Wl,-z,now",
        "-o",
        str(program),
        *final,
        str(whole),
        str(root / RUNTIME_ARCHIVE),
        "-lcmocka",
        "-lpthread",
    )
    return program


def test_same_objects_as_tsan(build: Build) -> None:
    assert build.archive_hash == get_build("tsan").archive_hash


def test_intercepted_names_are_those_of_the_shims() -> None:
    folder = SCHED
    text = "".join(path.read_text() for path in sorted(folder.glob("*_shim.c")))
    shims = {part.partition(")")[0] for part in text.split("SHIM(")[1:]}
    assert {f"--wrap={name}" for name in shims} == set((folder / "wrap.txt").read_text().split())


def test_runtime(build: Build, tmp_path: Path) -> None:
    program = linked(build, tmp_path, find_compiler().command, TESTS / "misuse_target.c", str(TESTS / "test_sched.c"))
    run = call(str(program))
    assert run.returncode == 0, run.stdout + run.stderr


def test_exhaustive_search(build: Build, tmp_path: Path) -> None:
    program = linked(build, tmp_path, find_compiler().command, TESTS / "litmus_target.c", str(TESTS / "test_dfs.c"))
    run = call(str(program))
    assert run.returncode == 0, run.stdout + run.stderr


def test_pthread_program_runs_unmodified(build: Build, tmp_path: Path) -> None:
    program = linked(build, tmp_path, find_compiler().command, TESTS / "pthread_program.c", "-Wl,--wrap=main")
    runs = [call(str(program), env={"RACEWASH_SCHED": "portfolio 1000 1"}) for _ in range(2)]
    assert runs[0].returncode == 0, runs[0].stderr
    assert runs[0].stderr == runs[1].stderr  # the trace hash is in it


def test_cxx17_program_runs_unmodified(build: Build, tmp_path: Path) -> None:
    compiler = shutil.which("g++" if find_compiler().family == "gcc" else "clang++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    program = linked(build, tmp_path, (compiler,), TESTS / "cxx17.cpp", "-Wl,--wrap=main", "-static-libstdc++",
                     standard="-std=c++17", join=("-static-libstdc++", "-lstdc++"))  # fmt: skip
    runs = [call(str(program), env={"RACEWASH_SCHED": "portfolio 300 1"}) for _ in range(2)]
    assert runs[0].returncode == 0, runs[0].stderr
    assert runs[0].stderr == runs[1].stderr


def test_aarch64_switch_assembles(tmp_path: Path) -> None:
    compiler = shutil.which("aarch64-linux-gnu-gcc")
    if compiler is None:
        pytest.skip("no cross compiler for aarch64")
    folder = SCHED
    for source in (folder / "switch_aarch64.S", folder / "fiber.c", folder / "crash.c"):
        checked(compiler, "-std=c11", "-D_GNU_SOURCE", "-O2", "-c", str(source), "-o", str(tmp_path / "out.o"))
