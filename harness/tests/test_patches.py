"""Every patch in native/defects says what it is, applies to today's sources, compiles and changes the object code."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from harness.explore.weaknesses import SUITES as WEAKNESSES
from harness.model.documents import CATEGORIES
from harness.model.fault import parse_fault
from harness.model.finding import KINDS

NATIVE = Path(__file__).resolve().parents[2] / "native"
PATCHES = sorted((NATIVE / "defects").glob("*.patch"))
SUITES = {"expansion", "supply", "wash", "frees", "map", "instances", "accounting", "processes"}
OPTIONAL = ("Gallery", "Layout", "Suites", "Deferred", "Plan")
FIELDS = ("Name", "Component", "Property", "Class", "Finds", "Suite", "Sanitizer", "Planted", "Origin", "Purpose")
COMPILER = os.environ.get("CC", "gcc")
# Instrumented, so that a weaker memory order changes the code on every machine.
FLAGS = ("-std=c11", "-D_GNU_SOURCE", "-O1", "-fsanitize=thread", "-Wall", "-Wextra", "-Wshadow", "-Werror")

each_patch = pytest.mark.parametrize("path", PATCHES, ids=lambda path: path.stem)


def header_of(path: Path) -> dict[str, str]:
    head = path.read_text(encoding="utf-8").partition("\n--- ")[0]
    return dict(re.findall(r"^(\w+): (.+)$", head, re.MULTILINE))


def touched(path: Path) -> list[str]:
    return re.findall(r"^\+\+\+ b/(\S+)$", path.read_text(encoding="utf-8"), re.MULTILINE)


def object_code(root: Path, file: str, out: Path) -> bytes:
    """Compile one file of a copy; the same relative name every time, so that only the code can differ."""
    subprocess.run([COMPILER, *FLAGS, "-c", file, "-o", str(out)], cwd=root, check=True)
    return out.read_bytes()


@functools.cache
def unpatched_code(file: str) -> bytes:
    """Compile a file as it is, once for all the patches that change it."""
    with tempfile.TemporaryDirectory() as folder:
        return object_code(NATIVE.parent, file, Path(folder) / "before.o")


@each_patch
def test_header(path: Path) -> None:
    header = header_of(path)
    assert tuple(header)[: len(FIELDS)] == FIELDS
    assert set(header) <= {*FIELDS, *OPTIONAL}
    assert header["Class"] in CATEGORIES
    assert set(header.get("Suites", header["Suite"]).split(", ")) <= SUITES | set(WEAKNESSES)
    assert header.get("Layout", "after") in {"before", "after", "drawn"}
    assert len(header.get("Deferred", "an argument, not a word or two").split()) > 5
    assert header["Name"] == path.stem
    assert header["Suite"] in SUITES
    assert header["Sanitizer"] in {"none", "tsan", "asan"}
    assert header["Planted"] in {"yes", "no"}
    assert set(header["Finds"].split(", ")) <= set(KINDS)
    assert all(str(parse_fault(fault)) == fault for fault in header.get("Plan", "alloc").split("; "))


def test_each_suite_has_one_planted_defect() -> None:
    planted = [header["Suite"] for header in map(header_of, PATCHES) if header["Planted"] == "yes"]
    assert sorted(planted) == sorted(SUITES)


def test_all_defects_of_the_specification_are_there() -> None:
    numbers = [int(header["Gallery"]) for header in map(header_of, PATCHES) if "Gallery" in header]
    assert sorted(numbers) == list(range(1, 47))


@each_patch
def test_applies_compiles_and_changes_the_code(path: Path, tmp_path: Path) -> None:
    for name in (COMPILER, "patch"):
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed")
    files = touched(path)
    assert files
    shutil.copytree(NATIVE, tmp_path / "native", ignore=shutil.ignore_patterns("defects", "tests"))
    sources = [file for file in files if file.endswith(".c")]
    before = {file: unpatched_code(file) for file in sources}
    command = ["patch", "-p1", "--forward", "--fuzz=0", "--silent", "-i", str(path)]
    subprocess.run(command, cwd=tmp_path, check=True)
    after = {file: object_code(tmp_path, file, tmp_path / "after.o") for file in sources}
    assert before != after
