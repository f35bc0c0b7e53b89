"""The real database as a target. What needs the package is skipped where it isn't installed."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.builds import find_compiler, get_build, load, sources
from harness.cli.main import call
from harness.live import conform as module
from harness.live import package
from harness.live.apart import UNDER_WAY, Died
from harness.live.conform import BLOCK, Draw, conform, patches_of_database
from harness.live.figures import figures
from harness.live.shrink import shrink
from harness.live.steps import Found
from harness.model.problem import Problem
from harness.model.scenario import Op
from harness.stress.request import RunRequest
from harness.stress.run import run

PLANTED = sources() / "native" / "live" / "planted"


def installed() -> bool:
    try:
        package.find_package()
    except Problem:
        return False
    return True


needs_database = pytest.mark.skipif(not installed(), reason="pylibseekdb is not installed: the extra seekdb")


def folders() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("racewash-*"))


# ---- without the package ----


COMMANDS = {
    "run": ["run", "--target", "seekdb", "--seconds", "1"],
    "conform": ["conform"],
    "table": ["table", "--against", "seekdb"],
}


@pytest.mark.misuse
@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize(("known", "said"), [(("0.0.1",), "0.0.1"), (("9.9",), "racewash[seekdb]")])
def test_package_absent_or_of_another_version(
    words: list[str], known: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(package, "KNOWN", known)
    monkeypatch.chdir(tmp_path)
    assert call(words) == 2
    lines = capfd.readouterr().err.strip().splitlines()
    assert lines[-1].startswith("racewash: the ")
    assert said in lines[-1]
    assert not list(tmp_path.iterdir())


@pytest.mark.misuse
def test_a_module_without_the_symbols_is_refused_by_name(tmp_path: Path) -> None:
    source, module = tmp_path / "empty.c", tmp_path / f"{package.MODULE}.so"
    source.write_text("int nothing;\n", encoding="utf-8")
    subprocess.run([*find_compiler().command, "-shared", "-fPIC", "-o", str(module), str(source)], check=True)
    code = (
        "import ctypes, sys\n"
        "from harness.builds import get_build, load\n"
        "from harness.model.problem import Problem\n"
        f"ctypes.CDLL({str(module)!r})\n"
        "try:\n    load(get_build('native'), 'seekdb').find_database()\n"
        "except Problem as problem:\n    print(problem)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "does not export build_version" in done.stdout


def test_no_module_loaded() -> None:
    with pytest.raises(Problem, match="no module libseekdb_python is loaded"):
        load(get_build("native"), "seekdb").find_database()


def test_every_drawn_byte_string_is_a_sequence() -> None:
    ops = Draw(bytes(range(250))).operations()
    assert len(ops) == 50
    known = load(get_build("native"), "seekdb").target.ops
    assert all(len(op.args) == known[op.name].arg_cnt for op in ops)


def test_shrinking_leaves_only_what_is_needed() -> None:
    def differs(ops: tuple[Op, ...]) -> tuple[Op, ...] | None:
        for i, op in enumerate(ops):
            if op.name == "wash" and Op("alloc_mb", (0, BLOCK, 2)) in ops[:i]:
                return ops[: i + 1]
        return None

    long = (
        *Draw(bytes(range(200))).operations(),
        Op("alloc_mb", (0, BLOCK, 2)),
        Op("purge"),
        Op("wash", (7,)),
        Op("purge"),
    )
    assert shrink(long, differs) == (Op("alloc_mb", (0, BLOCK, 2)), Op("wash", (0,)))


@pytest.mark.parametrize("compares", [2, 40], ids=["while it is shrunk", "in a later sequence"])
def test_what_differed_before_the_process_died_is_told(
    compares: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The search as it is; the two sides always differ in one number, until the database dies."""
    left = iter(range(compares))

    class Sides:
        def compare(self, ops: tuple[Op, ...], _: int) -> Found:
            if next(left, None) is None:
                raise SystemExit
            return Found(len(ops) - 1, "label hold", 1, 2)

    def apart(*_: Any) -> dict[str, Any]:
        search = object.__new__(module._Search)
        search._pair, search.sequences, search.steps, search.differences = Sides(), 0, 0, {}  # type: ignore[assignment]
        with contextlib.suppress(SystemExit):
            while True:
                search.look(Draw(bytes(range(15))).operations(), 129)
        raise Died("it died of SIGSEGV", "", json.loads(Path(UNDER_WAY).read_bytes()))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "find_package", lambda: None)
    monkeypatch.setattr(module, "get_build", lambda *_: SimpleNamespace(identity="x"))
    monkeypatch.setattr(module, "apart", apart)
    result = conform(100, 3, 1, lambda _: None)
    assert [one.what for one in result.differences] == ["label hold", "crash (it died of SIGSEGV)"]
    assert result.steps == 3 * result.sequences >= 3


def test_declared_differences_are_documented() -> None:
    text = (sources() / "docs" / "conformance.md").read_text(encoding="utf-8")
    for path in patches_of_database():
        assert path.stem.split("-")[0].upper() in text or path.stem.split("-")[1] in text, path


# ---- with it ----


@needs_database
def test_suites_on_a_private_store_and_on_an_open_database(tmp_path: Path) -> None:
    before = folders()
    result = run(RunRequest(target="seekdb", seconds=8, threads=4, store=tmp_path / "store", seed=1), lambda _: None)
    assert {suite.name for suite in result.suites} == {"capacity", "frees", "supply", "wash", "with-sql"}
    for suite in result.suites:
        assert suite.executions >= 1
        assert suite.operations > 0
        assert suite.invariants["Q1"] + suite.invariants["I3"] > 0
    # W2 and the signal are what is known of the database (docs/findings.md); anything else would be news.
    news = [one for one in result.findings if one.invariant != "L1" and "died of signal 49" not in one.message]
    assert news == []
    assert folders() <= before


@needs_database
def test_figures_are_those_of_the_specification() -> None:
    found = figures()
    assert found.memory_limit == 1 << 30
    assert (found.max_handles, found.handle, found.handles_and_slots) == (68_100, 120, 8_716_800)
    assert (found.block, found.node_block) == (2_080_768, 65_280)
    assert found.node_bytes == found.node_bytes_sql > 0


@needs_database
def test_conforms() -> None:
    result = conform(40, 200, 7, lambda _: None)
    assert (result.sequences, result.steps) == (40, 8_000)
    assert result.differences == ()


@needs_database
@pytest.mark.quality
@pytest.mark.parametrize("path", sorted(PLANTED.glob("*.patch")), ids=lambda path: path.stem)
def test_a_planted_change_is_found_and_shrunk(path: Path) -> None:
    result = conform(20, 200, 7, lambda _: None, (path,))
    assert result.differences
    assert len(result.differences[0].sequence) <= 10


@needs_database
@pytest.mark.misuse
def test_another_layout_is_refused_by_the_check_that_failed() -> None:
    code = (
        "import os\n"
        "from harness.builds import get_build, load\n"
        "from harness.live.package import load_module\n"
        "from harness.model.scenario import Op, Scenario\n"
        "load_module()\n"
        "library = load(get_build('native'), 'seekdb')\n"
        "outcome = library.execute(Scenario('x', 0, 'seekdb', {'store': 1}, ((Op('purge'),),)))\n"
        "print(outcome.status, outcome.message, flush=True)\n"
        "os._exit(0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "create-failed no database is open in this process\n"
