"""The command line: how each command ends, what its help promises, what it prints for people and for programs."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest

from harness.cli import main as entry
from harness.cli._progress import INTERVAL, at_intervals, progress
from harness.cli._summary import MOST_TOKENS, summary
from harness.live import find_package
from harness.model.documents import parse_defect, parse_invariants
from harness.model.finding import Finding, Location
from harness.model.output.common import Output, SuiteFigures
from harness.model.output.every import OUTPUTS, decode
from harness.model.output.explore import Control, ExploreOutput, SelfCheck
from harness.model.output.run import RunOutput
from harness.model.problem import Problem

pytestmark = pytest.mark.contract

RACEWASH = Path(sys.executable).with_name("racewash")
SECONDS = 600  # far above what any command here takes, the first build included

# The example of each help is run as it is, or with these options behind it where it would take long.
SHORTER = {"run": ("--seconds", "2"), "explore": ("--executions", "40"), "bench": ("--rounds", "1", "--seconds", "1"),
           "hunt": ("--seconds", "1"),
           "shrink": ("--seconds", "2", "--times", "1"),
           "sweep": ("--schedules", "2"),
           "gallery": ("--replays", "1")}  # fmt: skip
CODES = {"replay": 1, "shrink": 1}  # their example is a defect's token: seeing it again is exit code 1

FIGURES = SuiteFigures(
    name="supply", executions=3, operations=12_345, operations_per_second=1_000_000.5, invariants={"Q1": 3, "I10": 2}
)
FINDING = Finding(
    kind="data-race", message="two writes", suite="supply", fingerprint="0123456789ab", count=2, bundle="store/one",
    locations=(Location("native/core/handle_array.c", 7, "publish_block"),),
)  # fmt: skip
RUN = RunOutput(
    command="run", version="1", build="abc", target="kvcache", sanitizer="tsan", layout="after", memory=None, threads=4,
    processes=1, shared=0, seed=9, executions=3, seconds=1.5, suites=(FIGURES,), findings=(), memory_model="m",
    controlled=("scenario",), canary=True, interrupted=False, notes=(), path="store/runs/x",
    again="racewash run --seed 9",
)  # fmt: skip


def racewash(*words: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the installed command from another folder."""
    if not RACEWASH.exists():
        pytest.skip("racewash is not installed in this environment: pip install -e .")
    return subprocess.run(
        [str(RACEWASH), *words], cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True, timeout=SECONDS,
        check=False,
    )  # fmt: skip


def example_of(name: str) -> list[str]:
    """Return the words of the example that a command's help ends with."""
    command = entry.cli.get_command(click.Context(entry.cli), name)
    assert command is not None
    text = command.get_help(click.Context(command, info_name=f"racewash {name}"))
    start, _, example = text.strip().splitlines()[-1].partition("Example: racewash ")
    assert not start.strip()
    return shlex.split(example)


# ---- Endings ----


@click.command()
def ending() -> None:
    """Stands for a command that ends as a test wants it to."""
    raise ENDINGS[0]


ENDINGS: list[BaseException] = []


@pytest.fixture
def end_with(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make the command `doctor` end with an exception and return the exit code."""

    def run(error: BaseException) -> int:
        monkeypatch.setitem(entry.COMMANDS, "doctor", f"{__name__}:ending")
        ENDINGS[:] = [error]
        return entry.call(["doctor"])

    return run


def test_alone_it_names_three_first_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.call([]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    named = [line.split()[1] for line in out.splitlines() if line.startswith("  racewash ")]
    assert named == ["doctor", "table", "run"]


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.call(["--version"]) == 0
    assert capsys.readouterr().out.startswith("racewash, version ")


def test_a_problem_is_its_own_sentence(end_with: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert end_with(Problem("the disk is full; make room")) == 2
    assert capsys.readouterr() == ("", "racewash: the disk is full; make room\n")


def test_a_wrong_call_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.call(["list", "everything"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert all(topic in err for topic in ("suites", "defects", "invariants", "findings"))


def test_an_unknown_command_names_those_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.call(["fly"]) == 2
    err = capsys.readouterr().err
    assert all(name in err for name in entry.COMMANDS)


@pytest.mark.parametrize(("memory", "said"), [
    ("63M", "below the core's minimum of 64M"), ("1025G", "above the core's maximum of 1024G"),
    ("9" * 30 + "G", "above the core's maximum"),
])  # fmt: skip
def test_a_size_that_no_core_takes(memory: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.call(["table", "--memory", memory]) == 2
    assert said in capsys.readouterr().err


def test_interrupted(end_with: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert end_with(KeyboardInterrupt()) == 130
    assert "interrupted" in capsys.readouterr().err


def test_a_mistake_of_ours_keeps_its_traceback(
    end_with: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(entry.DEBUG, raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert end_with(ZeroDivisionError("by zero\nin two lines")) == 3
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    [kept] = tmp_path.iterdir()
    assert str(kept) in err
    assert "ZeroDivisionError: by zero in two lines" in err
    assert "raise ENDINGS[0]" in kept.read_text(encoding="utf-8")


def test_without_room_for_the_traceback_it_says_how_to_see_it(
    end_with: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(entry.DEBUG, raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    assert end_with(ValueError("x")) == 3
    assert "RACEWASH_DEBUG=1" in capsys.readouterr().err


def test_debug_prints_the_traceback(
    end_with: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(entry.DEBUG, "1")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert end_with(ValueError("x")) == 3
    assert "Traceback" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    script = f"{shlex.quote(str(RACEWASH))} list suites --json | true; echo ${{PIPESTATUS[0]}}"
    for _ in range(3):  # whether the reader has gone before the write or not is the system's choice
        run = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert run.stdout.strip() in ("0", str(entry.READER_GONE))
        assert run.stderr == ""


@pytest.mark.parametrize("words", [["list", "suites"], ["table", "--memory", "64M"]], ids=" ".join)
def test_a_closed_pipe_ends_with_its_own_code(words: list[str], tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    run = subprocess.run(
        [str(RACEWASH), *words], cwd=tmp_path, stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert (run.returncode, run.stderr) == (entry.READER_GONE, "")


@pytest.mark.parametrize(("where", "said"), [
    (">/dev/full", "racewash: the output can't be written: No space left on device\n"), ("2>/dev/full", ""),
])  # fmt: skip
def test_output_that_is_not_taken_is_the_environments_fault(where: str, said: str, tmp_path: Path) -> None:
    words = "list suites" if said else "list everything"
    script = f"{shlex.quote(str(RACEWASH))} {words} {where}"
    run = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (2, "", said)


def test_a_closed_stderr_is_told_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    with progress(1) as (notify, tell):
        notify("nobody hears it")
        tell("nor this")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_nobody_reading_stderr_is_no_mistake_of_ours(tmp_path: Path, unbuffered: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    run = subprocess.run(
        [str(RACEWASH), "list", "everything"], cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": unbuffered},
        stdout=subprocess.PIPE, stderr=writing, text=True, check=False,
    )  # fmt: skip
    os.close(writing)
    assert (run.returncode, run.stdout) == (entry.READER_GONE, "")
    assert list(tmp_path.iterdir()) == []


def test_a_pipe_that_breaks_while_an_interruption_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken(**_: Any) -> None:  # what click's own line on stderr does then
        raise BrokenPipeError

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(entry.cli, "main", broken)
    assert entry.call(["run"]) == entry.READER_GONE
    assert list(tmp_path.iterdir()) == []


# ---- Help ----


def test_every_command_has_an_output_and_the_reverse() -> None:
    assert set(entry.COMMANDS) == set(OUTPUTS)


def has_database() -> bool:
    try:
        find_package()
    except Problem:
        return False
    return True


COMMANDS = [
    pytest.param(name, marks=pytest.mark.skipif(not has_database(), reason="needs the extra seekdb"))
    if name == "conform"
    else name
    for name in entry.COMMANDS
]


# With --json it runs by default, below; without, it measures the same for half a minute once more.
AS_TEXT = [pytest.param(name, marks=pytest.mark.soak) if name == "bench" else name for name in COMMANDS]


@pytest.mark.parametrize("name", AS_TEXT)
def test_the_example_of_the_help_runs(name: str, tmp_path: Path) -> None:
    if name == "report":  # it needs a run to report
        assert racewash("run", "supply", "--seconds", "0.5", cwd=tmp_path).returncode == 0
    run = racewash(*example_of(name), *SHORTER.get(name, ()), cwd=tmp_path)
    assert run.returncode == CODES.get(name, 0), run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_json_is_what_the_model_says(name: str, tmp_path: Path) -> None:
    if name == "report":
        assert racewash("run", "supply", "--seconds", "0.5", cwd=tmp_path).returncode == 0
    run = racewash(*example_of(name), *SHORTER.get(name, ()), "--json", cwd=tmp_path)
    assert run.returncode == CODES.get(name, 0), run.stderr
    output = decode(run.stdout)
    assert type(output) is OUTPUTS[name]
    assert output.version


def test_help_of_the_whole_names_each_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.call(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"\n  {name} " in out for name in entry.COMMANDS)
    assert out.splitlines()[-1].strip() == "Example: racewash list suites"


# ---- Schemas ----


@pytest.mark.parametrize(
    "change",
    [{"more": 1}, {"seed": "9"}, {"findings": None}, {"suites": [{}]}, {"command": "table"}, {"command": "fly"}],
    ids=str,
)
def test_another_shape_is_refused(change: dict[str, Any]) -> None:
    text = json.dumps({**_plain_run(), **change})
    with pytest.raises(ValueError):
        decode(text)


def test_a_field_less_is_refused() -> None:
    for name in _plain_run():
        with pytest.raises(ValueError):
            decode(json.dumps({key: value for key, value in _plain_run().items() if key != name}))


def _plain_run() -> dict[str, Any]:
    import msgspec

    plain: dict[str, Any] = msgspec.to_builtins(replace(RUN, findings=(FINDING,)))
    assert isinstance(decode(json.dumps(plain)), Output)
    return plain


# ---- run ----


def test_exit_codes_of_a_run() -> None:
    from harness.cli.run import exit_code

    assert exit_code(RUN) == 0
    assert exit_code(replace(RUN, canary=None)) == 0
    assert exit_code(replace(RUN, findings=(FINDING,))) == 1
    assert exit_code(replace(RUN, findings=(FINDING,), canary=False)) == 3
    assert exit_code(replace(RUN, findings=(FINDING,), canary=False, interrupted=True)) == 130


def test_the_end_of_a_run_says_what_was_checked() -> None:
    text = summary(RUN)
    for words in ("supply", "12,345", "1,000,000", "I10, Q1", "5 times", "nothing found", RUN.path, RUN.again):
        assert words in text
    assert text.splitlines()[-1].endswith(RUN.again)


def test_the_end_of_a_run_shows_findings_with_their_folders() -> None:
    text = summary(replace(RUN, findings=(FINDING,)))
    for words in ("1 finding:", "data-race", "2 times", "handle_array.c:7 in publish_block", "store/one"):
        assert words in text
    assert "nothing found" not in text


@pytest.mark.parametrize(("path", "stored"), [
    (".racewash/runs/x", []), ("my store/runs/x", ["--store", "my store"]),
])  # fmt: skip
def test_the_commands_of_the_end_can_be_pasted(path: str, stored: list[str]) -> None:
    from harness.cli._explored import summary as explored

    findings = (replace(FINDING, token="rw1.xyz"),) * (MOST_TOKENS + 1)
    patches = (Path("my fix.patch"), Path("it's.patch"))
    run = summary(replace(RUN, findings=findings, path=path)).splitlines()
    assert shlex.split(run[-2]) == ["replay:", "racewash", "replay", "rw1.xyz", *stored]
    assert shlex.split(run[-1].split("`")[1]) == ["racewash", "list", "findings", *stored]
    [kept] = [line for line in run if line.startswith("kept")]
    assert shlex.split(kept.split("`")[1]) == ["racewash", "report", path]
    last = explored(replace(EXPLORED, findings=findings[:1], path=path), "", patches).splitlines()[-1]
    patched = ["--patch", "my fix.patch", "--patch", "it's.patch"]
    assert shlex.split(last) == ["replay:", "racewash", "replay", "rw1.xyz", *patched, *stored]


def test_a_blind_sanitizer_is_said_loudly() -> None:
    assert "proves nothing" in summary(replace(RUN, canary=False))
    assert "proves nothing" not in summary(replace(RUN, canary=None))


@pytest.mark.parametrize(
    "words",
    [
        ["run"],
        ["run", "supply", "map", "--seconds", "2.5", "--threads", "9", "--processes", "2", "--sanitizer", "asan"],
        ["run", "--shared", "3", "--layout", "handles=flat", "--memory", "64M", "--hang-after", "1", "--store", "a b"],
        ["run", "--seconds", "1234567.8"],
        ["explore", "map", "--strategy", "random", "--switch-probability", "0.123456789", "--shrink", "0"],
    ],
    ids=str,
)
def test_the_command_to_run_again_means_the_same(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.cli import explore, run
    from harness.explore.result import again as explored_again
    from harness.stress.result import again as run_again

    again: Any = {"run": run_again, "explore": explored_again}[words[0]]
    requests: list[Any] = []

    def remember(request: Any, *_say: Any, **_more: Any) -> Any:
        requests.append(request)
        raise Problem("only the request counts here")

    monkeypatch.setattr(run, "run_suites", remember)
    monkeypatch.setattr(explore, "explore_suites", remember)
    assert entry.call(words) == 2
    assert entry.call(shlex.split(again(requests[0], 77))[1:]) == 2
    assert replace(requests[0], seed=77) == requests[1]


def test_no_command_is_told_for_what_none_does_again() -> None:
    from harness.explore.request import ExploreRequest
    from harness.explore.result import intent as explored_intent
    from harness.stress.request import RunRequest
    from harness.stress.result import intent

    assert intent(RunRequest(layout=None), 1, ("map",))["again"] is None
    assert explored_intent(ExploreRequest(layout=None), 1, ("map",))["again"] is None


def test_the_command_to_hunt_again_means_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.cli import hunt as module
    from harness.repro.hunt import again

    requests: list[Any] = []

    def remember(request: Any, *_say: Any) -> Any:
        requests.append(request)
        raise Problem("only the request counts here")

    monkeypatch.setattr(module, "hunt_bundle", remember)
    words = ["--seconds", "2.5", "--jobs", "2", "--store", "a b", "--hang-after", "7", "--patch", "my fix.patch"]
    assert entry.call(["hunt", "some bundle", *words]) == 2
    assert entry.call(shlex.split(again(requests[0], 77))[1:]) == 2
    assert replace(requests[0], seed=77) == requests[1]


def test_plain_progress_is_a_line_at_intervals(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    tell = at_intervals(lambda: now[0])
    for text in ("first", "too soon"):
        tell(text)
    now[0] = INTERVAL
    tell("later")
    assert capsys.readouterr() == ("", "first\nlater\n")


# ---- list and doctor ----


def test_listed_defects_are_those_of_the_sources(tmp_path: Path) -> None:
    run = racewash("list", "defects", "--json", cwd=tmp_path)
    patches = Path(__file__).parents[2].joinpath("native", "defects").glob("*.patch")
    assert [one["name"] for one in json.loads(run.stdout)["defects"]] == sorted(path.stem for path in patches)


def test_the_readme_has_the_suites_as_they_are_listed(tmp_path: Path) -> None:
    listed = json.loads(racewash("list", "suites", "--json", cwd=tmp_path).stdout)["suites"]
    readme = Path(__file__).parents[2].joinpath("README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", readme, re.MULTILINE)
    assert sorted(rows) == [(suite["name"], suite["purpose"]) for suite in listed]


def test_every_invariant_that_a_suite_names_is_listed(tmp_path: Path) -> None:
    listed = json.loads(racewash("list", "--json", cwd=tmp_path).stdout)
    known = {one["id"] for one in listed["invariants"]}
    named = {name for suite in listed["suites"] for name in suite["invariants"]}
    assert named <= known
    assert {f"I{i}" for i in range(1, 14)} | {f"Q{i}" for i in range(1, 11)} <= known
    assert listed["findings"] == []


def test_findings_of_a_store_are_listed(tmp_path: Path) -> None:
    from harness.store import new_run

    new_run(tmp_path / "store", 1).add_finding(FINDING, {})
    run = racewash("list", "findings", "--store", "store", cwd=tmp_path)
    assert run.returncode == 0
    assert FINDING.fingerprint in run.stdout
    assert FINDING.message in run.stdout


def test_a_store_that_is_not_there_is_no_store_without_findings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert entry.call(["list", "findings"]) == 2
    assert ".racewash" in capsys.readouterr().err


def test_a_header_that_lacks_a_field_is_named() -> None:
    with pytest.raises(ValueError, match="Component"):
        parse_defect("Name: x\nSuite: map\n")


def test_invariants_are_read_from_tables_only() -> None:
    rows = "| I1 | It holds. | instant |\n| Q2 | And it. | x, y | z |\n"
    text = f"I1 in prose\n\n| Id | Claim | When |\n|---|---|---|\n{rows}"
    read = [(one.id, one.claim, one.when) for one in parse_invariants(text)]
    assert read == [("I1", "It holds.", ("instant",)), ("Q2", "And it.", ("x", "y"))]


def test_doctor_says_what_is_missing_and_goes_on(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    run = racewash("doctor", "--json", cwd=tmp_path, PATH=str(tmp_path / "empty"), CC="")
    checks = {check["name"]: check for check in json.loads(run.stdout)["checks"]}
    for name in ("compiler", "libtsan", "libasan", "patch", "gdb", "cmocka"):
        assert not checks[name]["ok"]
        assert "install" in checks[name]["fix"]
    assert checks["cmocka"]["fix"].startswith("install a C compiler first")
    assert checks["Python"] == {"name": "Python", "ok": True, "fix": None}
    assert list(tmp_path.iterdir()) == [tmp_path / "empty"], "looking leaves nothing behind"


def test_doctor_without_a_place_to_store_is_no_success(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    run = racewash("doctor", "--store", "file/store", cwd=tmp_path)
    assert run.returncode == 2
    assert "--store" in run.stdout


# ---- explore and replay ----

CONTROL = Control(
    points={"load": 1_234}, threads=4, decisions=99, switches=7, preemptions=5, distinct=42, coverage=3,
    plain_accesses=8, shared_words=0, foreign_accesses=0, unseen=0, bounded=0, demotions=0, max_steps=77,
    batches=2, exhausted=1, preemption_bound=3,
)  # fmt: skip
EXPLORED = ExploreOutput(
    command="explore", version="1", build="abc", target="kvcache", strategy="pct", layout="after", threads=3, ops=6,
    jobs=1, seed=9, executions=3, seconds=1.5, suites=(FIGURES,), findings=(), memory_model="sc",
    controlled=("scenario",), control=CONTROL, canary=True, self_check=None, shrunk=(), interrupted=False,
    notes=(), path="store/runs/x", again="racewash explore --seed 9",
)  # fmt: skip


@pytest.mark.parametrize(("words", "said"), [
    (["--strategy", "dfs", "--depth", "3"], "--depth changes nothing: the strategy dfs doesn't look at it"),
    (["--strategy", "pct", "--preemption-bound", "2"], "--preemption-bound changes nothing"),
    (["supply-2x1", "--threads", "5"], "--threads and --ops change nothing in supply-2x1"),
    (["--self-check", "--shrink", "5"], "--shrink changes nothing"),
    (["map", "--strategy", "dfs", "--preemption-bound", "2", "--threads", "2", "--shrink", "5"], ""),
])  # fmt: skip
def test_an_option_that_changes_nothing_is_noted(
    words: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from harness.cli import explore as module

    def end(*_: Any, **__: Any) -> Any:
        raise Problem("only what is said before counts here")

    monkeypatch.setattr(module, "explore_suites", end)
    assert entry.call(["explore", *words]) == 2
    *notes, _ = capsys.readouterr().err.splitlines()
    assert [note for note in notes if not note.startswith(f"note: {said}")] == []
    assert len(notes) == (said != "")


def test_exit_codes_of_an_exploration() -> None:
    from harness.cli.explore import exit_code

    check = SelfCheck(seeds=5, different=1, divergences=("time",))
    assert exit_code(EXPLORED) == 0
    assert exit_code(replace(EXPLORED, findings=(FINDING,))) == 1
    assert exit_code(replace(EXPLORED, self_check=check)) == 1
    assert exit_code(replace(EXPLORED, self_check=replace(check, different=0))) == 0
    assert exit_code(replace(EXPLORED, findings=(FINDING,), canary=False)) == 3
    assert exit_code(replace(EXPLORED, canary=None)) == 3
    assert exit_code(replace(EXPLORED, canary=False, interrupted=True)) == 130


def test_the_end_of_an_exploration_says_what_was_controlled() -> None:
    from harness.cli._explored import summary as end

    text = end(EXPLORED)
    for words in ("memory model: sc", "1,234 points", "load 1,234", "99 decisions", "5 preemptions", "up to 4 threads",
                  "at least 42 distinct", "8 plain accesses", "planted race was found",
                  "exhausted up to bound 3: 1 of 2 batches", "nothing found"):  # fmt: skip
        assert words in text
    assert text.splitlines()[-1] == "again: racewash explore --seed 9"
    found = end(replace(EXPLORED, findings=(replace(FINDING, token="rw1.xyz"),)))
    assert found.splitlines()[-1] == "replay: racewash replay rw1.xyz --store store"
    assert "proves nothing" in end(replace(EXPLORED, canary=False), "it is blind")
    assert "it is blind" in end(replace(EXPLORED, canary=False), "it is blind")
