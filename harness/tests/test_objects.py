"""Kept object files: what they are known by, and what becomes of a damaged one."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.builds import cache_folder
from harness.builds.objects import fetch_object, included, keep_object, object_key

pytestmark = pytest.mark.contract

SOURCE = Path("native/core/a.c")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A source that includes a header, which includes another one; a third header is nobody's."""
    texts = {
        "core/a.c": '#include "a.h"\n#include <stdio.h>\n#include "missing.h"\n',
        "core/a.h": '  #  include "../b.h"\n#include "a.h"\n',
        "b.h": "int b;\n",
        "core/other.h": "int other;\n",
    }
    for name, text in texts.items():
        path = tmp_path / "native" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def key(root: Path, *flags: str) -> str:
    return object_key(root, SOURCE, "gcc 1", flags)


def test_what_is_included_in_quotes_is_found_once(root: Path) -> None:
    assert included(root, SOURCE) == [SOURCE, Path("native/core/a.h"), Path("native/b.h")]


def test_only_what_it_is_made_of_names_an_object(root: Path) -> None:
    before = key(root)
    (root / "native/core/other.h").write_text("int more;\n", encoding="utf-8")
    assert key(root) == before
    names = {before, key(root, "-O2"), object_key(root, SOURCE, "gcc 2", ())}
    (root / "native/b.h").write_text("int c;\n", encoding="utf-8")
    names.add(key(root))
    assert len(names) == 4


def test_a_damaged_object_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RACEWASH_CACHE", str(tmp_path / "cache"))
    made, out = tmp_path / "made.o", tmp_path / "out.o"
    made.write_bytes(b"object")
    assert not fetch_object("name", out)
    keep_object("name", made)
    assert fetch_object("name", out)
    assert out.read_bytes() == b"object"
    kept = cache_folder() / "objects" / "name"
    kept.write_bytes(kept.read_bytes()[:-1])
    out.unlink()
    assert not fetch_object("name", out)
    assert not out.exists()


def test_an_object_that_cannot_be_kept_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("RACEWASH_CACHE", str(tmp_path / "file"))
    made = tmp_path / "made.o"
    made.write_bytes(b"object")
    keep_object("name", made)
    assert not fetch_object("name", tmp_path / "out.o")
