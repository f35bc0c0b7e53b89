"""The scheduled runtime's own tests: a C program against it, and two programs that know nothing of it."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from harness.builds import Build, get_build, load_runtime
from harness.builds.compile import RUNTIME_ARCHIVE
from harness.builds.compiler import find_compiler
from harness.builds.recipe import recipe
from harness.explore.exhaustive import EXHAUSTIVE
from harness.model.suite import Shape
from harness.tests.sched_programs import SCHED, TESTS, both_agree, call, checked, core_walker, linked


@pytest.fixture(scope="module")
def build() -> Build:
    return get_build("sched")


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


def of_cases(name: str, build: Build, folder: Path) -> Path:
    """A C program whose first word says which case of it is to run."""
    return linked(build, folder, find_compiler().command, TESTS / name, "-Wl,--wrap=main")


def finds(program: Path, case: str, found: str, how: str) -> None:
    run = call(str(program), case, env={"RACEWASH_SCHED": how})
    kinds = set(re.findall(r"^([a-z-]+) \(", run.stderr, re.MULTILINE))
    assert (kinds, run.returncode) == ({found} - {""}, int(found != "")), run.stderr


@pytest.fixture(scope="module")
def race_program(build: Build, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return of_cases("race_program.c", build, tmp_path_factory.mktemp("races"))


@pytest.mark.parametrize(
    ("name", "raced"),
    [
        ("neighbour-acquired", True),
        ("neighbour-stored", False),
        ("both-acquired", False),
        ("both-added-to", False),
        ("stored-twice", False),
        ("stored-over", True),
        ("both-stored-over", True),
        ("own-read-plainly", False),
        ("spin-locks", False),
        ("wide-half-read", True),
        ("wide-half-acquired", False),
        ("adaptive-mutexes", False),
    ],
)
def test_races_are_found_between_atomic_objects_and_not_made_up(name: str, raced: bool, race_program: Path) -> None:
    finds(race_program, name, "race" if raced else "", "random 300 1")


def test_exhaustive_search(build: Build, tmp_path: Path) -> None:
    program = linked(build, tmp_path, find_compiler().command, TESTS / "litmus_target.c", str(TESTS / "test_dfs.c"))
    run = call(str(program))
    assert run.returncode == 0, run.stdout + run.stderr


def test_exhaustive_search_of_the_core_agrees_with_the_plain_one(build: Build, tmp_path: Path) -> None:
    """Up to bound 1; accept_sched.py goes on from there."""
    program, target = core_walker(build, tmp_path), load_runtime(build).target
    for suite in EXHAUSTIVE.values():
        both_agree(program, suite.generate(0, Shape()), target, 1)


def test_pthread_program_runs_unmodified(build: Build, tmp_path: Path) -> None:
    program = linked(build, tmp_path, find_compiler().command, TESTS / "pthread_program.c", "-Wl,--wrap=main")
    runs = [call(str(program), env={"RACEWASH_SCHED": "portfolio 1000 1"}) for _ in range(2)]
    assert runs[0].returncode == 0, runs[0].stderr
    assert runs[0].stderr == runs[1].stderr  # the trace hash is in it


def test_a_process_ends_with_its_last_thread(build: Build, tmp_path: Path) -> None:
    program = linked(build, tmp_path, find_compiler().command, TESTS / "main_leaves.c", "-Wl,--wrap=main")
    run = call(str(program), env={"RACEWASH_SCHED": "random 100 1"})
    assert run.returncode == 1, run.stderr
    finding, *others = [line for line in run.stderr.splitlines() if "first seed" in line]
    assert "assertion failed" in finding
    assert "ended != 2" in finding
    assert "101 executions" in finding  # and the one that calibrates
    assert others == []


@pytest.fixture(scope="module")
def library_program(build: Build, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return of_cases("library_program.c", build, tmp_path_factory.mktemp("library"))


@pytest.mark.parametrize(
    ("case", "found"),
    [
        ("copies_are_cleared", ""),
        ("what_the_system_writes_is_cleared", ""),
        ("mapping_is_trimmed", ""),
        ("trimmed_part_is_used", "use-after-free"),
        ("rest_is_not_unmapped", "leak"),
        ("mapping_is_unmapped_twice", "double-free"),
        ("large_object_is_freed_unordered", "race"),
        ("large_object_is_freed_in_order", ""),
        ("far_behind_a_large_object", "bounds"),
        ("memchr_stops_at_the_match", ""),
        ("memchr_finds_nothing", "bounds"),
        ("strings_differ_before_the_write", ""),
        ("strings_differ_at_the_write", "race"),
        ("condition_is_destroyed_after_a_broadcast", ""),
        ("condition_is_destroyed_under_a_waiter", "mutex"),
        ("barrier_is_made_again_by_one", ""),
        ("barrier_orders_rounds", ""),
        ("read_lock_is_given_back_by_another", "mutex"),
        ("read_locks_are_nested", ""),
        ("destroyed_read_lock_is_taken", "mutex"),
        ("key_is_made_again", ""),
        ("futex_waits_until_the_epoch", ""),
        ("getrandom_into_freed_memory", "use-after-free"),
        ("getentropy_into_freed_memory", "use-after-free"),
        ("clock_gettime_into_freed_memory", "use-after-free"),
        ("timespec_get_into_freed_memory", "use-after-free"),
        ("gettimeofday_into_freed_memory", "use-after-free"),
        ("time_into_freed_memory", "use-after-free"),
    ],
)
def test_a_library_function_may_do_what_it_is_allowed_to(case: str, found: str, library_program: Path) -> None:
    finds(library_program, case, found, "random 200 1")


def test_a_barrier_orders_its_own_round_only(library_program: Path) -> None:
    """In the search's first execution, which has no preemption, the reader leaves after the writer has come again."""
    finds(library_program, "barrier_orders_its_own_round_only", "race", "dfs 1 1")


def test_cxx17_program_runs_unmodified(build: Build, tmp_path: Path) -> None:
    compiler = shutil.which("g++" if find_compiler().family == "gcc" else "clang++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    program = linked(build, tmp_path, (compiler,), TESTS / "cxx17.cpp", "-Wl,--wrap=main", "-static-libstdc++",
                     standard="-std=c++17", join=("-static-libstdc++", "-lstdc++"))  # fmt: skip
    runs = [call(str(program), env={"RACEWASH_SCHED": "portfolio 300 1"}) for _ in range(2)]
    assert runs[0].returncode == 0, runs[0].stderr
    assert runs[0].stderr == runs[1].stderr


@pytest.mark.parametrize("source", ["pthread_program.c", "cxx17.cpp", "misuse_target.c"])
def test_the_runtime_has_every_function_that_clang_calls(source: str, build: Build, tmp_path: Path) -> None:
    """Whole programs compiled by clang run in accept_sched.py: to build everything with it takes a minute."""
    name = "clang++" if source.endswith("pp") else "clang"
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"no {name}")
    clang = replace(find_compiler(), command=(path,), family="clang")
    flags = [flag for flag in recipe("sched", clang).compile if not flag.startswith("-std=")]
    standard = "-std=c++17" if source.endswith("pp") else "-std=c11"
    checked(path, *flags, standard, "-c", str(TESTS / source), "-o", str(tmp_path / "out.o"))
    asked = symbols("-u", tmp_path / "out.o")
    assert asked
    assert asked <= symbols("--defined-only", build.library.parent / RUNTIME_ARCHIVE)


def symbols(which: str, file: Path) -> set[str]:
    """Return the sanitizer's functions that a file calls, or has."""
    run = call("nm", which, str(file))
    assert run.returncode == 0, run.stderr
    return {word for word in run.stdout.split() if word.startswith("__tsan_")}


def test_aarch64_switch_assembles(tmp_path: Path) -> None:
    compiler = shutil.which("aarch64-linux-gnu-gcc")
    if compiler is None:
        pytest.skip("no cross compiler for aarch64")
    folder = SCHED
    for source in (folder / "switch_aarch64.S", folder / "fiber.c", folder / "crash.c"):
        checked(compiler, "-std=c11", "-D_GNU_SOURCE", "-O2", "-c", str(source), "-o", str(tmp_path / "out.o"))
