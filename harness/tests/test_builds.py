"""Builds of a small made-up source tree: found, made once, patched, and every lack named in one sentence."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.builds import Build, find_compiler, get_build
from harness.builds import build as build_module
from harness.builds.identity import sources_hash
from harness.builds.preload import fixed_addresses, interpreter, require_preload
from harness.builds.worker import worker_environment
from harness.model.problem import Problem

pytestmark = pytest.mark.contract

COUNT = "int count;\nint rw_count(void) {\n    return ++count;\n}\n"
PATCH = """Name: one-more

--- a/native/core/count.c
+++ b/native/core/count.c
@@ -1,4 +1,4 @@
 int count;
 int rw_count(void) {
-    return ++count;
+    return count += 2;
 }
"""


@pytest.fixture(autouse=True)
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A source tree of two files, the wheel's library out of reach, a cache of its own."""
    native = toy_sources(tmp_path / "tree")
    monkeypatch.setattr(build_module, "sources", lambda: native.parent)
    monkeypatch.setattr(build_module, "WHEEL", tmp_path / "no-wheel")
    monkeypatch.setenv("RACEWASH_CACHE", str(tmp_path / "cache"))
    return native


def toy_sources(root: Path) -> Path:
    native = root / "native"
    (native / "core").mkdir(parents=True)
    (native / "core" / "count.c").write_text(COUNT)
    (native / "mem_note.c").write_text("int noted;\nint mem_note(void) {\n    return ++noted;\n}\n")
    return native


def patch_file(folder: Path, text: str = PATCH) -> Path:
    path = folder / "change.patch"
    path.write_text(text)
    return path


def symbols(path: Path) -> str:
    return subprocess.run(["nm", "-A", str(path)], capture_output=True, text=True, check=True).stdout


# ---- Made once, told apart by everything that goes in ----


def test_a_build_is_made_once_and_said_once(capfd: pytest.CaptureFixture[str]) -> None:
    first = get_build("native")
    assert capfd.readouterr().err == f"racewash: building native with {find_compiler()} ...\n"
    assert get_build("native") == first
    assert capfd.readouterr().err == ""
    assert first.library.is_file()
    assert (first.native / "core" / "count.c").read_text() == COUNT


def test_another_source_flag_or_compiler_is_another_build(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builds = [get_build("native"), get_build("tsan")]
    (toy / "core" / "count.c").write_text(COUNT + "int another;\n")
    builds.append(get_build("native"))
    wrapper = tmp_path / "my-gcc"
    wrapper.write_text('#!/bin/sh\nexec gcc "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("CC", str(wrapper))
    builds.append(get_build("native"))
    monkeypatch.setenv("CC", f"{wrapper} -O1")
    builds.append(get_build("native"))
    assert len({build.identity for build in builds}) == len(builds)
    assert len({build.library for build in builds}) == len(builds)


def test_tests_and_defects_are_no_part_of_it(toy: Path) -> None:
    before = get_build("native")
    for folder in ("tests", "defects"):
        (toy / folder).mkdir()
        (toy / folder / "broken.c").write_text("this is no C")
    assert get_build("native") == before


def test_archive_is_instrumented_but_for_the_seam_and_the_same_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = get_build("tsan")
    assert build.archive is not None
    assert "__tsan_write4" in symbols(build.archive)
    assert "mem_note" not in symbols(build.archive)
    assert "mem_note" in symbols(build.library)
    assert build.runtime is not None
    assert "libtsan" in build.runtime.name
    other = toy_sources(tmp_path / "elsewhere")
    monkeypatch.setattr(build_module, "sources", lambda: other.parent)
    monkeypatch.setenv("RACEWASH_CACHE", str(tmp_path / "other-cache"))
    again = get_build("tsan")
    assert again.library != build.library
    assert (again.identity, again.archive_hash) == (build.identity, build.archive_hash)


def test_half_made_and_damaged_entries_are_made_again(capfd: pytest.CaptureFixture[str]) -> None:
    build = get_build("native")
    folder = build.library.parent
    shutil.rmtree(folder)
    half = folder.with_name(f".new-{folder.name}")
    half.mkdir()
    (half / "libracewash.so").write_text("half")
    assert get_build("native") == build
    assert not half.exists()
    build.library.write_bytes(build.library.read_bytes()[:1000])
    capfd.readouterr()
    assert get_build("native") == build
    assert "building native" in capfd.readouterr().err


def make_in_process(tree: Path) -> None:
    build_module.sources = lambda: tree  # type: ignore[attr-defined]
    get_build("native")


def test_processes_that_want_the_same_build_make_it_once(toy: Path, capfd: pytest.CaptureFixture[str]) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=make_in_process, args=(toy.parent,)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert capfd.readouterr().err.count("building native") == 1


# ---- The wheel's library ----


def test_the_wheels_library_is_used_while_the_sources_are_its_own(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = tmp_path / "wheel"
    wheel.mkdir()
    monkeypatch.setattr(build_module, "WHEEL", wheel)
    (wheel / "libracewash.so").write_bytes(b"library")
    identity = Path(build_module.__file__).with_name("identity.py")
    subprocess.run([sys.executable, identity, toy, wheel / "identity.json", "GNU 12.2.0"], check=True)
    shipped = get_build("native")
    assert shipped.library == wheel / "libracewash.so"
    assert shipped.compiler == "gcc 12.2.0"
    assert get_build("tsan").library != shipped.library
    (toy / "core" / "count.c").write_text(COUNT + "int another;\n")
    assert get_build("native").library != shipped.library
    (wheel / "identity.json").write_text("{")
    assert get_build("native").library != shipped.library


# ---- Patches ----


def test_a_patch_changes_a_copy(toy: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    plain, before = get_build("native"), sources_hash(toy)
    patched = get_build("native", [patch_file(tmp_path)])
    assert "patched by change.patch" in capfd.readouterr().err
    assert patched.patches == ("change.patch",)
    assert patched.identity != plain.identity
    assert "count += 2" in (patched.native / "core" / "count.c").read_text()
    assert sources_hash(toy) == before


@pytest.mark.misuse
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PATCH.replace("int count;", "long count;"), "does not apply"),
        (PATCH.replace("core/count.c", "core/gone.c"), "does not apply"),
        (PATCH.replace("count += 2", "++count"), "changes nothing"),
        ("no patch at all", "does not apply"),
        ("", "does not apply|changes nothing"),
        (PATCH.replace("count += 2", "count +"), "build failed"),
    ],
)
def test_a_patch_that_is_no_use_is_named(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(Problem, match=said) as caught:
        get_build("native", [patch_file(tmp_path, text)])
    assert "change.patch" in str(caught.value) or "count.c" in str(caught.value)
    assert not list((tmp_path / "cache" / "builds").glob("[!.]*[!k]/")), "something unfinished looks like a build"


@pytest.mark.misuse
def test_a_missing_patch_or_patch_program_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Problem, match=r"gone\.patch does not exist"):
        get_build("native", [tmp_path / "gone.patch"])
    with pytest.raises(Problem, match="can't be read"):
        get_build("native", [tmp_path])
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("gcc", "as", "ld", "ar"):
        (tools / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv("PATH", str(tools))
    with pytest.raises(Problem, match="`patch`"):
        get_build("native", [patch_file(tmp_path)])
    assert get_build("native").library.is_file()


# ---- What can be missing ----


@pytest.mark.misuse
def test_a_source_that_does_not_compile_is_shown_with_its_log(toy: Path, tmp_path: Path) -> None:
    (toy / "core" / "count.c").write_text("int count = nonsense;\n")
    with pytest.raises(Problem, match=r"native/core/count\.c:1") as caught:
        get_build("native")
    [log] = (tmp_path / "cache" / "logs").iterdir()
    assert str(log) in str(caught.value)
    assert "nonsense" in log.read_text()


@pytest.mark.misuse
def test_an_undefined_function_is_an_error_of_the_build(toy: Path) -> None:
    (toy / "core" / "count.c").write_text("int gone(void);\nint rw_count(void) {\n    return gone();\n}\n")
    with pytest.raises(Problem, match="gone"):
        get_build("native")


@pytest.mark.misuse
@pytest.mark.parametrize(
    ("cc", "said"), [("no-such-cc", "no-such-cc"), ("false", "doesn't work"), ("true", "neither"), ("", "install gcc")]
)
def test_no_usable_compiler(cc: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", cc)
    if not cc:
        monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Problem, match=said):
        get_build("native")


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.mark.misuse
def test_an_old_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    macros = "#define __GNUC__ 11\n#define __GNUC_MINOR__ 4\n#define __GNUC_PATCHLEVEL__ 1"
    monkeypatch.setenv("CC", str(script(tmp_path / "old-gcc", f"echo '{macros}'")))
    with pytest.raises(Problem, match=r"gcc 11\.4\.1 is too old"):
        get_build("native")


@pytest.mark.misuse
@pytest.mark.parametrize("kind", ["tsan", "asan"])
def test_a_missing_sanitizer_library_is_named(
    kind: build_module.Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    get_build(kind)  # also when the build itself is there already
    wrapper = 'case "$1" in -print-file-name=*) echo "${1#-print-file-name=}";; *) exec gcc "$@";; esac'
    monkeypatch.setenv("CC", str(script(tmp_path / "poor-gcc", wrapper)))
    with pytest.raises(Problem, match=f"lib{kind}.*install it"):
        get_build(kind)


def test_a_linker_script_leads_to_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = find_compiler().file("libtsan.so")
    linker_script = tmp_path / "libtsan.so"
    linker_script.write_text(f"/* GNU ld script */\nINPUT ( {real} )\n")
    wrapper = f'case "$1" in -print-file-name=*) echo {linker_script};; *) exec gcc "$@";; esac'
    monkeypatch.setenv("CC", str(script(tmp_path / "other-gcc", wrapper)))
    assert find_compiler().file("libtsan.so") == real


@pytest.mark.misuse
def test_a_cache_that_can_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in (tmp_path / "file" / "cache", Path("/proc/racewash-cache")):
        (tmp_path / "file").write_text("not a folder")
        monkeypatch.setenv("RACEWASH_CACHE", str(place))
        with pytest.raises(Problem, match=f"{place} can't be written"):
            get_build("native")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small file system can't be mounted here: that needs root and the right to mount")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.misuse
@pytest.mark.parametrize("room", [0, 24 << 10], ids=["nothing", "a little"])
def test_a_full_disk(room: int, small_disk: Path, toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (toy / "core" / "large.c").write_text("const char large[1 << 20] = {1};\n")
    with (small_disk / "filler").open("wb") as filler:
        filler.write(b"x" * ((64 << 10) - room))
    monkeypatch.setenv("RACEWASH_CACHE", str(small_disk / "cache"))
    with pytest.raises(Problem, match=f"no space for a build in the cache folder {small_disk}"):
        get_build("native")


# ---- Around a worker ----


def test_workers_get_their_sanitizer_and_nothing_of_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSAN_OPTIONS", "suppressions=mine")
    monkeypatch.setenv("PYTHONFAULTHANDLER", "1")
    build = get_build("tsan")
    environment = {**os.environ, **worker_environment(build)}
    assert "suppressions" not in environment["TSAN_OPTIONS"]
    assert environment["LD_PRELOAD"] == str(build.runtime)
    show = "import faulthandler; print(faulthandler.is_enabled())"
    with fixed_addresses():
        run = subprocess.run([interpreter(), "-c", show], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
    assert "LD_PRELOAD" not in worker_environment(replace(build, kind="native"))


def test_addresses_are_fixed_only_for_what_is_started_inside() -> None:
    show = [sys.executable, "-c", "import ctypes; print(ctypes.CDLL(None).personality(0xffffffff) & 0x40000)"]
    with fixed_addresses() as allowed:
        inside = subprocess.run(show, capture_output=True, text=True, check=True).stdout
    outside = subprocess.run(show, capture_output=True, text=True, check=True).stdout
    assert inside.strip() == (str(0x40000) if allowed else "0")
    assert outside.strip() == "0"


def test_the_interpreter_is_a_program_and_no_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert interpreter() == sys.executable
    monkeypatch.setattr(sys, "executable", str(script(tmp_path / "python", f'exec {sys.executable} "$@"')))
    assert Path(interpreter()).read_bytes()[:4] == b"\x7fELF"


@pytest.mark.misuse
def test_a_library_that_can_not_be_preloaded_is_named(tmp_path: Path) -> None:
    (tmp_path / "ends.c").write_text(
        "#include <stdio.h>\n#include <stdlib.h>\n__attribute__((constructor)) static void end(void) {\n"
        '    fprintf(stderr, "FATAL: unexpected memory mapping\\n");\n    _Exit(66);\n}\n'
    )
    (tmp_path / "crashes.c").write_text(
        "__attribute__((constructor)) static void end(void) {\n    __builtin_trap();\n}\n"
    )
    for name, said in (("ends", "memory mapping.*mmap_rnd_bits"), ("crashes", "SIG.*another compiler")):
        library = tmp_path / f"{name}.so"
        subprocess.run(["gcc", "-shared", "-fPIC", tmp_path / f"{name}.c", "-o", library], check=True)
        with pytest.raises(Problem, match=said):
            require_preload(library)


def test_a_build_can_be_sent_to_a_worker() -> None:
    import pickle

    build = get_build("native")
    assert pickle.loads(pickle.dumps(build)) == build
    assert isinstance(build, Build)
