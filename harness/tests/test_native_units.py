"""Builds every C test program against the core, plain and under both sanitizers, and runs it.

Objects and programs are cached by content beside the other builds (RACEWASH_CACHE), each file written under a name of
its own and renamed, so that parallel pytest workers never see half of one.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import platformdirs
import pytest

NATIVE = Path(__file__).resolve().parents[2] / "native"
PROGRAMS = sorted(path.stem for path in (NATIVE / "tests").glob("test_*.c"))
COMPILER = os.environ.get("CC", "gcc")
COMMON = ("-std=c11", "-D_GNU_SOURCE", "-g", "-Wall", "-Wextra", "-Wshadow", "-Werror", "-fno-omit-frame-pointer")
MODES = {
    "plain": ("-O2",),
    "tsan": ("-O1", "-fsanitize=thread", "-fno-builtin-memcpy", "-fno-builtin-memset", "-fno-builtin-memmove"),
    "asan": ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"),
}
SANITIZER_OPTIONS = {
    "TSAN_OPTIONS": "halt_on_error=1 exitcode=66",
    "ASAN_OPTIONS": "detect_leaks=1 exitcode=67",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}
SECONDS = 120  # far above what any program is meant to take: only a hang reaches it
_FIXTURE = re.compile(r'^#include "(\w+\.h)"', re.MULTILINE)
PROBE = (
    "#include <stdarg.h>\n#include <stddef.h>\n#include <setjmp.h>\n#include <cmocka.h>\nint main(void) { return 0; }\n"
)


def cache() -> Path:
    folder = os.environ.get("RACEWASH_CACHE") or platformdirs.user_cache_dir("racewash")
    path = Path(folder) / "native-tests"
    path.mkdir(parents=True, exist_ok=True)
    return path


@functools.cache
def lack() -> str:
    """Return one sentence on what is missing to build C tests, empty when nothing is."""
    if shutil.which(COMPILER) is None:
        return f"no C compiler named {COMPILER}"
    command = [COMPILER, "-x", "c", "-", "-o", os.devnull, "-lcmocka"]
    probe = subprocess.run(command, input=PROBE, capture_output=True, text=True, check=False)
    return "" if probe.returncode == 0 else "cmocka is not installed: install libcmocka-dev"


@functools.cache
def headers() -> bytes:
    digest = hashlib.sha256()
    for path in sorted(NATIVE.rglob("*.h")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.digest()


def made(command: list[str], key: bytes, suffix: str) -> Path:
    """Return the cached output of a compiler command that ends in `-o`; make it when it isn't there yet."""
    out = cache() / (hashlib.sha256(" ".join(command).encode() + key).hexdigest()[:24] + suffix)
    if not out.exists():
        handle, name = tempfile.mkstemp(dir=out.parent, prefix=".new-")
        os.close(handle)
        run = subprocess.run([*command, name], capture_output=True, text=True, check=False)
        if run.returncode != 0:
            Path(name).unlink(missing_ok=True)  # a linker that fails has removed it
            pytest.fail(f"{' '.join(command)}:\n{run.stderr}", pytrace=False)
        Path(name).replace(out)
    return out


def compiled(source: Path, mode: str, *flags: str) -> Path:
    command = [COMPILER, *COMMON, *MODES[mode], *flags, "-c", str(source), "-o"]
    return made(command, headers() + source.read_bytes(), ".o")


def with_headers(source: Path) -> str:
    """Return the text of a test program and of the fixtures beside it."""
    text = source.read_text(encoding="utf-8")
    return text + "".join(with_headers(source.with_name(name)) for name in _FIXTURE.findall(text))


def library_sources(program: str) -> list[Path]:
    """Return what a test program is linked with: the core; for tests of the adapter or the driver those too."""
    folders = [NATIVE, NATIVE / "core"]
    text = with_headers(NATIVE / "tests" / f"{program}.c")
    folders += [NATIVE / name for name in ("target", "stress") if f'"../{name}/' in text]
    if NATIVE / "stress" in folders:
        folders += {NATIVE / "target", NATIVE / "workload"} - set(folders)
    return sorted(path for folder in folders for path in folder.glob("*.c"))


def build(program: str, mode: str) -> Path:
    # What is tested is optimised, the tests are not: that would take most of the time.
    objects = [compiled(NATIVE / "tests" / f"{program}.c", mode, "-O0")]
    objects += [compiled(path, mode) for path in library_sources(program)]
    flags = [flag for flag in MODES[mode] if flag.startswith("-fsanitize")]
    command = [COMPILER, *flags, *map(str, objects), "-lcmocka", "-lpthread", "-lm", "-o"]
    return made(command, b"", ".exe")


def fixed_addresses(mode: str) -> list[str]:
    """libtsan refuses to start where addresses have too many random bits: switch that off for the program."""
    return ["setarch", platform.machine(), "-R"] if mode == "tsan" else []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("program", PROGRAMS)
def test_program(program: str, mode: str) -> None:
    reason = lack()
    if reason:
        if os.environ.get("RACEWASH_REQUIRE_CMOCKA") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    command = [*fixed_addresses(mode), str(build(program, mode))]
    run = subprocess.run(
        command, env={**os.environ, **SANITIZER_OPTIONS}, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-8000:]


def test_there_are_programs() -> None:
    assert PROGRAMS, "native/tests holds no test program"


def test_a_failing_program_is_seen(tmp_path: Path) -> None:
    """The same flags report a planted race: a build without instrumentation would pass everything above."""
    if lack():
        pytest.skip(lack())
    source = tmp_path / "race.c"
    source.write_text(
        "#include <pthread.h>\nstatic int shared;\n"
        "static void *add(void *arg) { (void)arg; for (int i = 0; i < 1000; i++) shared++; return NULL; }\n"
        "int main(void) { pthread_t t; pthread_create(&t, NULL, add, NULL); add(NULL);\n"
        "    return pthread_join(t, NULL); }\n",
        encoding="utf-8",
    )
    program = tmp_path / "race"
    subprocess.run([COMPILER, *COMMON, *MODES["tsan"], str(source), "-lpthread", "-o", str(program)], check=True)
    command = [*fixed_addresses("tsan"), str(program)]
    run = subprocess.run(
        command, env={**os.environ, **SANITIZER_OPTIONS}, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert run.returncode == 66
    assert "data race" in run.stderr
