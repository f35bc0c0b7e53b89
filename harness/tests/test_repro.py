"""A failure is a thing you can hold: every kind comes back by its token, and what is in a bundle works without it."""

from __future__ import annotations

import difflib
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from harness.builds import Build, get_build, sources
from harness.cli._summary import replay_text
from harness.cli.main import call
from harness.explore.child import exploring
from harness.explore.request import ExploreRequest
from harness.explore.run import explore_with
from harness.model.finding import KINDS, Finding
from harness.model.scenario import Op, Scenario
from harness.model.schedule import REAL, Options
from harness.model.suite import Shape, Suite
from harness.model.token import MAX_SEEDED
from harness.repro import ReplayRequest, reproduce
from harness.repro.replay import replay_with
from harness.repro.resolve import resolve
from harness.repro.threads import tried
from harness.stress.race import Race
from harness.tests.fake_suites import suite as fake_suite
from harness.tests.test_stress import launch as fake_launch
from harness.tests.test_stress import race

pytestmark = [pytest.mark.contract, pytest.mark.usefixtures("no_worker_is_left")]

ROOT = Path(__file__).resolve().parents[2]
NOWHERE = Path("no-store")
LEAKS = "segments-loser-leaks"


def printed_token(finding: Finding) -> str:
    """The token as the last lines of the terminal have it."""
    *_, last = replay_text((finding,), Path(".racewash"))
    assert last.startswith("replay: racewash replay rw1.")
    return last.split()[-1]


# ---- Each kind, from the true runtime ----

# Kind -> the programs that show it, of operations of native/tests/sched/misuse_target.c.
PLANTED: dict[str, list[list[tuple[str, int]]]] = {
    "invariant": [[("queue_put", 0)] * 10],
    "data-race": [[("write_word", 0)], [("read_word", 0)]],
    "use-after-free": [[("use_after_free", 0)]],
    "out-of-bounds": [[("out_of_bounds", 0)]],
    "double-free": [[("double_free", 0)]],
    "leak": [[("leak", 0)]],
    "deadlock": [[("lock_ab", 0)], [("lock_ba", 0)]],
    "livelock": [[("spin_for_ever", 0)]],
    "livelock, by the bound of steps": [[("read_clock_until", 1 << 60)]],
    "crash": [[("segv", 0)]],
    "sanitizer": [[("unlock_others", 0)]],
    "hang": [[("stand_still", 0)]],
}
STEPS = 2000
HANG = 2.0


def misuse_patch(folder: Path) -> Path:
    """Write a patch that makes the C tests' target one of the library's, with names and an operation that stands still.

    Without a point in it the runtime can't see that one: the process has to be ended from outside.
    """
    native = sources() / "native"
    header, source = ((native / f"tests/sched/misuse_target.{end}").read_text().replace('"../../', '"../')
                      for end in "hc")  # fmt: skip
    canary = (native / "sched/canary.c").read_text()
    names = [name for name in re.findall(r"^    (MIS_\w+),", header, re.MULTILINE) if name != "MIS_OPS"]
    rows = "".join(f'[{name}] = {{"{name[4:].lower()}", "", 1, {{"n"}}}}, ' for name in names)
    rows = rows.replace('"nothing"', '"stand_still"')
    target, declared = "const rw_target *misuse_target(void)", "extern const rw_target workload_misuse;\n"
    source = changed_in(source, {
        '#include "misuse_target.h"': header.replace(f"{target};", ""),
        "static rw_op_desc ops[MIS_OPS];": f"static const rw_op_desc ops[MIS_OPS] = {{{rows}}};",
        "MIS_NOTHING:\n        break;": 'MIS_NOTHING:\n        for (;;) {\n            __asm__("");\n        }',
        f"{target} {{\n    static const rw_target target =": f"{declared}const rw_target workload_misuse =",
        "    };\n    return &target;\n}": "    };",
    })  # fmt: skip
    known = changed_in(canary, {
        "&workload_canary};": "&workload_canary, &workload_misuse};",
        "RW_EXPORT const rw_target *rs_workload": f"{declared}RW_EXPORT const rw_target *rs_workload",
    })  # fmt: skip
    files = (("workload/misuse.c", "", source), ("sched/canary.c", canary, known))
    lines = [
        line
        for name, old, text in files
        for line in difflib.unified_diff(old.splitlines(True), text.splitlines(True),
                                         f"a/native/{name}" if old else "/dev/null", f"b/native/{name}")
    ]  # fmt: skip
    path = folder / "misuse.patch"
    path.write_text("".join(lines), encoding="utf-8")
    return path


def changed_in(text: str, changes: dict[str, str]) -> str:
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def planted_suite(kind: str) -> Suite:
    programs = tuple(tuple(Op(name, (argument,)) for name, argument in ops) for ops in PLANTED[kind])

    def draw(seed: int, shape: Shape) -> Scenario:
        return Scenario(kind, seed, "misuse", {}, programs=programs)

    return Suite(kind, "a test", (), (), draw)


@pytest.fixture(scope="module")
def misuse(tmp_path_factory: pytest.TempPathFactory) -> Build:
    return get_build("sched", (misuse_patch(tmp_path_factory.mktemp("patch")),))


@pytest.mark.soak  # a build of its own; with a runtime that is none test_explore does the same each time
def test_each_kind_is_printed_parsed_and_replayed(
    misuse: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suites = tuple(planted_suite(kind) for kind in PLANTED)
    monkeypatch.setattr("harness.generate.discover", lambda: {one.name: one for one in suites})
    launch = exploring(misuse)
    options = Options(step_bound=STEPS)
    request = ExploreRequest(tuple(PLANTED), 30 * len(PLANTED), options=options, store=tmp_path, hang_after=HANG)
    monkeypatch.setattr("harness.explore.campaign.MAX_DEATHS", 1)  # one hang is enough
    result = explore_with(launch, request, suites, 7, lambda _: None)
    seen = {finding.suite: finding for finding in result.findings if finding.kind == finding.suite.partition(",")[0]}
    assert set(seen) == set(PLANTED)
    for name, finding in seen.items():
        token = printed_token(finding)
        assert len(token) <= MAX_SEEDED
        recorded = resolve(token, NOWHERE)
        request_again = ReplayRequest(token, times=1, hang_after=HANG)
        again = replay_with(launch, recorded, request_again)
        assert (again.seen, again.tries, again.same_build) == (1, 1, True), name
        assert finding.fingerprint in [one.fingerprint for one in again.findings], name
    lasting = set(KINDS) - {name.partition(",")[0] for name in PLANTED}
    assert lasting == {"accounting", "blocked", "not-linearizable", "oom"}, "those have tests of their own"


# ---- Each kind, from real threads ----

THREADS = {  # what the fake worker does -> the kind, and the build that shows it
    "segv": ("crash", "native"), "sleep": ("hang", "native"), "violate": ("accounting", "native"),
    "race": ("data-race", "tsan"), "leak": ("leak", "asan"), "grow": ("oom", "native"),
}  # fmt: skip


@pytest.mark.parametrize("what", THREADS)
def test_what_real_threads_showed_is_tried_again(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, build = THREADS[what]
    monkeypatch.setattr(Race, "memory_limit", 300 << 20)
    monkeypatch.setattr("harness.stress.race.MAX_DEATHS", 1)
    monkeypatch.setattr("harness.generate.discover", lambda: {what: fake_suite(what)})
    launch = fake_launch(build)
    patience = 1.0 if kind == "hang" else 30.0
    result = race(tmp_path, fake_suite(what), by=launch, seconds=0.1, hang_after=patience)
    finding = next(one for one in result.findings if one.kind == kind)
    token = printed_token(finding)
    assert len(token) <= MAX_SEEDED
    recorded = resolve(token, NOWHERE)
    assert (recorded.repro.schedule.strategy, recorded.repro.kind) == (REAL, build)
    again = tried(launch, recorded, ReplayRequest(token, times=2, hang_after=patience))
    told = 1 if kind == "leak" else 2  # LeakSanitizer tells old leaks again: the fake's second one has not grown
    assert (again.seen, again.tries, again.diverged) == (told, 2, None)
    assert finding.fingerprint in [one.fingerprint for one in again.findings]
    # ... and from its bundle, which also says that it has no steps.
    assert finding.bundle
    assert resolve(finding.bundle, NOWHERE).scenario == recorded.scenario


def test_what_happens_now_and_then_has_a_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scenario is one that goes well: only the token says otherwise."""
    monkeypatch.setattr("harness.stress.race.MAX_DEATHS", 1)
    monkeypatch.setattr("harness.generate.discover", lambda: {"segv": replace(fake_suite("fine"), name="segv")})
    finding = race(tmp_path, fake_suite("segv"), seconds=0.1).findings[0]
    again = tried(fake_launch(), resolve(finding.token or "", NOWHERE), ReplayRequest("", times=3))
    assert (again.seen, again.tries) == (0, 3)


# ---- Bundles ----


@pytest.fixture(scope="module")
def leak(tmp_path_factory: pytest.TempPathFactory) -> Finding:
    from harness.explore.run import explore

    store = tmp_path_factory.mktemp("store")
    return explore(ExploreRequest((LEAKS,), executions=200, seed=1, store=store), lambda _: None).findings[0]


def files(finding: Finding) -> dict[str, str]:
    assert finding.bundle
    return {path.name: path.read_text(encoding="utf-8") for path in Path(finding.bundle).iterdir()}


def test_a_bundle_tells_all(leak: Finding) -> None:
    made = files(leak)
    assert "ensure_blocks native/workload/segments.c" in made["trace.txt"]
    build = json.loads(made["build.json"])
    assert build["identity"] == get_build("sched").identity
    assert {"native/core/dlist.c", "native/sched/sched.c"} < set(build["sources"])
    assert json.loads(made["environment.json"])["python"]
    for name in ("finding.json", "stderr.txt", "repro.py", "test_repro.py"):
        assert leak.token
        assert leak.token in made[name], name
    for name in ("repro.py", "test_repro.py"):
        imports = re.findall(r"^(?:import|from) (\w+)", made[name], re.MULTILINE)
        assert set(imports) <= {"__future__", "sys", "racewash"}
        assert max(map(len, made[name].splitlines())) <= 120


def test_the_programs_of_a_bundle_need_no_bundle(leak: Finding, tmp_path: Path) -> None:
    path = tmp_path / "test_repro.py"
    path.write_text(files(leak)["test_repro.py"], encoding="utf-8")
    test = runpy.run_path(str(path))["test_leak_segments_loser_leaks"]
    with pytest.raises(AssertionError, match="seen 3 of 3 times on the recorded build"):
        test()


@pytest.mark.parametrize(("name", "value", "said"), [
    ("RACEWASH_PATCHES", "no.patch", "no.patch does not exist"), ("RACEWASH_SOURCES", "/nope", "/nope"),
])  # fmt: skip
def test_a_bundles_program_that_cannot_run_has_not_reproduced(
    name: str, value: str, said: str, leak: Finding, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(f"{leak.bundle}/repro.py", run_name="__main__")
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (2, "")
    assert re.fullmatch(f"repro.py: .*{said}.*\n", err)


def changed(leak: Finding, **params: int) -> tuple[str, str]:
    """A bundle's two texts as of another build, of a scenario with other parameters."""
    made = files(leak)
    scenario = msgspec.json.decode(made["scenario.json"], type=Scenario)
    scenario = replace(scenario, params={**scenario.params, **params})
    return json.dumps(
        {**json.loads(made["repro.json"]), "build": "0" * 16, "digest": scenario.digest}
    ), scenario.to_json().decode()


def test_on_another_build_it_is_looked_for(leak: Finding) -> None:
    here = reproduce(*changed(leak))
    assert (here.reproduced, here.same_build) == (True, False)
    assert here.rate[1] == 20


def test_where_it_is_repaired_it_is_not_found(leak: Finding) -> None:
    """Without the workload's defect: the choices are followed as far as they fit, then schedules are searched."""
    gone = reproduce(*changed(leak, defect=0), executions=300)
    assert (gone.reproduced, gone.rate, gone.searched, gone.findings) == (False, (0, 20), 300, ())
    assert "300 other schedules searched" in gone.text


def test_what_the_choices_do_not_show_is_searched(leak: Finding) -> None:
    """The default order, which is what an empty list says, shows nothing; other schedules do."""
    repro, scenario = changed(leak)
    without = json.loads(repro)
    without["schedule"]["choices"] = []
    alone = reproduce(json.dumps(without), scenario, executions=300)
    assert (alone.reproduced, alone.rate, alone.searched) == (True, (0, 20), 300)


# ---- Steps ----


def test_the_state_at_a_step(leak: Finding, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["replay", leak.token or "", "--until", "100", "--times", "1"]) == 1
    out = capsys.readouterr().out
    assert out.startswith("at step 100")
    assert len(re.findall(r"^[> ] thread \d: step \d+, ", out, re.MULTILINE)) >= 2
    assert "native/workload/segments.c:" in out


# Stands in for rr: it writes down how it was called, and what it records it runs in gdb once more to replay it.
RECORDER = """#!/bin/sh
printf '%s\\n' "$*" >> "$0.log"
what=$1; shift
if [ $what = record ]; then
    [ "$1 $2" = "-n -o" ] || exit 9
    mkdir "$3" && printf '%s\\n' "$*" | cut -d ' ' -f 4- > "$3/program"
    shift 3
    exec "$@"
fi
recording=$1; shift 2
exec gdb -ex starti "$@" --args $(cat "$recording/program")
"""


def recorder(folder: Path, text: str) -> str:
    """Put an rr into a folder; return the PATH on which it is the first."""
    path = folder / "rr"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


@pytest.mark.skipif(shutil.which("gdb") is None, reason="gdb is not installed")
@pytest.mark.parametrize("tool", ["gdb", "rr"])
def test_a_debugger_stops_at_a_step_and_shows_every_thread(tool: str, leak: Finding, tmp_path: Path) -> None:
    program = "from harness.cli.main import main; main()"
    command = [sys.executable, "-c", program, "replay", leak.token or "", f"--{tool}", "--until", "100"]
    environment = {**os.environ, "PATH": recorder(tmp_path, RECORDER)}
    run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=300,
                         env=environment)  # fmt: skip
    assert "stopped at step 100" in run.stdout, run.stdout + run.stderr
    parts = re.split(r"^(creator|thread \d)(?= \()", run.stdout, flags=re.MULTILINE)
    shown = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert {"creator", "thread 0", "thread 1", "thread 2"} <= set(shown)
    assert "execute_plan" in shown["creator"]
    standing = [name for name, text in shown.items() if "segments.c:" in text]
    assert len(standing) >= 2, "several threads are in the middle of the code under test"
    assert sum("(runs)" in text for text in shown.values()) == 1
    if tool == "rr":
        tried, recorded, replayed = (tmp_path / "rr.log").read_text(encoding="utf-8").splitlines()
        assert re.fullmatch(r"record -n -o \S+ true", tried)
        assert re.match(r"record -n -o \S+ .*harness.repro.debuggee \S+$", recorded)
        assert re.match(r"replay \S+ -- -nx .*-batch -x \S+$", replayed)
        assert recorded.split()[3] == replayed.split()[1]


@pytest.mark.misuse
@pytest.mark.parametrize(
    ("says", "told"),
    [("[FATAL ./src/PerfCounters.cc:306] No counter; are there any? See elsewhere.", "(No counter)"),
     ("", "(it ended with 1)")],
    ids=["reason", "silence"],
)  # fmt: skip
def test_where_rr_cannot_record_there_is_a_sentence(
    says: str, told: str, leak: Finding, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """It makes the recording's folder all the same, as the real one does."""
    monkeypatch.setenv("PATH", recorder(tmp_path, f'#!/bin/sh\nmkdir "$4"\necho "{says}" >&2\nexit 1\n'))
    said = sentence(capsys, "replay", leak.token or "", "--rr")
    assert said == f"racewash: rr is installed but can't record here {told}: use --gdb instead"


def test_without_gdb_there_is_a_sentence(
    leak: Finding, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("shutil.which", lambda name, path=None: None)
    for tool, instead in (("gdb", "--until STEP"), ("rr", "--gdb")):
        said = sentence(capsys, "replay", leak.token or "", f"--{tool}")
        assert said == f"racewash: {tool} is not installed here: install it, or use {instead} instead"


# ---- What cannot be ----


def sentence(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert call(words) == 2
    [said] = capsys.readouterr().err.splitlines()
    return said


@pytest.mark.parametrize(
    ("damage", "word"),
    [("cut", "damaged"), ("cut-scenario", "damaged"), ("newer", "newer"), ("missing", "not whole"),
     ("empty", "not whole"), ("no-repro", "not whole: repro.json is missing"), ("finding", "damaged")],
)  # fmt: skip
def test_a_damaged_bundle_is_one_sentence(
    damage: str, word: str, leak: Finding, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(leak.bundle or "", bundle)
    repro, scenario = bundle / "repro.json", bundle / "scenario.json"
    if damage == "cut":
        repro.write_bytes(repro.read_bytes()[:200])
    elif damage == "cut-scenario":
        scenario.write_bytes(scenario.read_bytes()[:50])
    elif damage == "newer":
        repro.write_bytes(repro.read_bytes().replace(b'"format":1', b'"format":2', 1))
    elif damage == "missing":
        scenario.unlink()
    elif damage == "no-repro":
        repro.unlink()
    elif damage == "empty":
        for path in bundle.iterdir():
            path.unlink()
    command = "replay"
    if damage == "finding":
        command = "hunt"
        repro.write_bytes(repro.read_bytes().replace(b'"strategy":"pos"', b'"strategy":"real threads"', 1))
        (bundle / "finding.json").write_bytes(b'{"format": 1, "ki')
    assert word in sentence(capsys, command, str(bundle))


def test_wrong_tokens_patches_and_sources(
    leak: Finding, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    token = leak.token or ""
    assert "damaged" in sentence(capsys, "replay", token[:-1])
    assert "no token" in sentence(capsys, "replay", "nonsense")
    assert "damaged" in sentence(capsys, "replay", token[:-1] + "A" * 300)  # longer than a file's name can be
    assert "does not exist" in sentence(capsys, "replay", "./" + "A" * 300)
    assert "no.patch does not exist" in sentence(capsys, "replay", token, "--patch", "no.patch")
    assert "exact schedule already" in sentence(capsys, "hunt", leak.bundle or "")
    assert "does not exist" in sentence(capsys, "hunt", str(tmp_path / "nothing"))
    monkeypatch.setenv("RACEWASH_SOURCES", str(tmp_path))
    assert "native/core is missing" in sentence(capsys, "replay", token)
    shutil.copytree(ROOT / "native", tmp_path / "native")
    (tmp_path / "native" / "core" / "dlist.h").unlink()
    monkeypatch.setenv("RACEWASH_CACHE", str(tmp_path / "cache"))
    assert call(["replay", token]) == 2
    assert "needs the source" in capsys.readouterr().err.splitlines()[-1]
