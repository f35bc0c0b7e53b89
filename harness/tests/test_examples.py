"""Every example in a docstring runs and prints what it says."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("harness", "suites", "reports", "racewash")


def modules() -> list[str]:
    """Return the modules that have an example that can run in a test, tests left out."""
    paths = [path.relative_to(ROOT) for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    with_example = [path for path in paths if runs((ROOT / path).read_text(encoding="utf-8"))]
    parts = [path.with_suffix("").parts for path in with_example if "tests" not in path.parts]
    return [".".join(part for part in one if part != "__init__") for one in parts]


def runs(text: str) -> bool:
    """Whether a text has an example that is not to be skipped."""
    return any(">>>" in line and "doctest: +SKIP" not in line for line in text.splitlines())


@pytest.mark.parametrize("name", modules())
def test_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    result = doctest.testmod(import_module(name))
    assert result.attempted > 0
    assert result.failed == 0, capsys.readouterr().out
