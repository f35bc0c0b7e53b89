"""The rules of the architecture that a tool can check: who may import or include whom, and how C files are laid out."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NATIVE = ROOT / "native"
C_FILES = sorted(path for path in NATIVE.rglob("*.[ch]"))
_INCLUDE = re.compile(r'^\s*#\s*include\s+[<"]([^>"]+)[>"]', re.MULTILINE)
_WORDS = re.compile(r"/(?:home|root|Users)/\w|/work/|\bTODO\b|\bFIXME\b")


def tool(name: str) -> str:
    """Return a tool that belongs to this environment, or skip."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: pip install 'racewash[test]'")
    return found


def upward_includes(path: Path, text: str) -> list[str]:
    """Return the includes by which a file of the core looks outside it: only the three seams are allowed."""
    found = []
    for name in _INCLUDE.findall(text):
        if "/" not in name or name.startswith("sys/"):
            continue
        if (path.parent / name).resolve() not in {NATIVE / seam for seam in ("atomics.h", "prim.h", "mem_note.h")}:
            found.append(name)
    return found


@pytest.mark.parametrize("path", sorted((NATIVE / "core").glob("*.[ch]")), ids=lambda path: path.name)
def test_core_includes_only_core_and_the_seams(path: Path) -> None:
    assert upward_includes(path, path.read_text(encoding="utf-8")) == []


def test_a_forbidden_include_is_seen() -> None:
    text = '#include "store.h"\n#include "../prim.h"\n#include <sys/mman.h>\n#include "../target/target.h"\n'
    assert upward_includes(NATIVE / "core" / "store.c", text) == ["../target/target.h"]


def test_core_has_no_thread_local_and_no_fence() -> None:
    for path in sorted((NATIVE / "core").glob("*.[ch]")):
        code = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert not re.search(r"_Thread_local|__thread\b|atomic_thread_fence|__sync_synchronize", code), path.name


def test_import_rules() -> None:
    run = subprocess.run([tool("lint-imports")], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_c_files_are_formatted() -> None:
    command = [tool("clang-format"), "--style=file", "--dry-run", "--Werror", *map(str, C_FILES)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-6000:]


@pytest.mark.parametrize("folder", ["harness", "suites", "reports", "racewash", "native", "docs"])
def test_no_machine_paths_and_no_loose_ends(folder: str) -> None:
    for path in sorted((ROOT / folder).rglob("*")):
        if path.suffix in {".py", ".c", ".h", ".md", ".json", ".patch", ".html"} and path != Path(__file__).resolve():
            found = _WORDS.search(path.read_text(encoding="utf-8"))
            assert found is None, f"{path.relative_to(ROOT)}: {found and found.group()}"
