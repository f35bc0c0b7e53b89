"""Acceptance of the scheduled runtime at its stated counts: run by `tox -e accept -- sched` only.

Resumable: what has passed for these sources is remembered in .racewash/accept/sched.json and not run again. With
RACEWASH_ACCEPT_SECONDS no further check starts after that time; what is left is skipped, and the next call goes on.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.bench.real_threads import NAME as STOCK
from harness.builds import get_build, load_runtime, sources
from harness.explore.exhaustive import EXHAUSTIVE
from harness.explore.workloads import DEFECTS
from harness.model.documents import parse_defect
from harness.model.finding import Finding
from harness.model.output.bench import BenchOutput
from harness.model.output.common import Output
from harness.model.output.every import decode
from harness.model.output.explore import ExploreOutput
from harness.model.output.replay import ReplayOutput
from harness.model.output.run import RunOutput
from harness.model.suite import Shape
from harness.tests.sched_programs import both_agree, core_walker

pytestmark = pytest.mark.usefixtures("resumable")

ROOT = Path(__file__).resolve().parents[2]
JOBS = str(min(8, os.cpu_count() or 1))
SUITES = ("accounting", "expansion", "frees", "instances", "map", "processes", "supply", "wash")
EXECUTIONS, SEEDS, REPLAYS, FEW = 100_000, 10_000, 100, 10


def call(*words: str, cwd: Path, code: int = 0) -> Output:
    """Run a command with --json; return its object, whose every field was checked."""
    command = ["racewash", *words, "--json"]
    run = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, text=True, check=False)
    assert run.returncode == code, f"{' '.join(command)}: exit code {run.returncode}"
    return decode(run.stdout)


def explored(*words: str, cwd: Path, code: int = 0) -> ExploreOutput:
    output = call("explore", *words, "--shrink", "0", cwd=cwd, code=code)
    assert isinstance(output, ExploreOutput)
    assert output.canary is True
    assert output.control.unseen == 0
    return output


# ---- Determinism ----


@pytest.mark.parametrize("names", [("segments",), SUITES], ids=["workload B", "suites"])
def test_ten_thousand_seeds_give_the_same_in_two_processes(names: tuple[str, ...], tmp_path: Path) -> None:
    check = explored(*names, "--self-check", "--executions", str(SEEDS), cwd=tmp_path).self_check
    assert check is not None
    assert (check.seeds, check.different, check.divergences) == (SEEDS, 0, ())


# ---- Nothing is found on the correct core ----


@pytest.mark.parametrize("suite", SUITES)
def test_a_suite_finds_nothing(suite: str, tmp_path: Path) -> None:
    output = explored(suite, "--executions", str(EXECUTIONS), "--jobs", JOBS, cwd=tmp_path)
    assert output.findings == ()
    assert output.executions >= EXECUTIONS
    assert output.control.distinct > EXECUTIONS // 2


@pytest.mark.parametrize("scenario", EXHAUSTIVE)
def test_a_scenario_is_exhausted_up_to_bound_3(scenario: str, tmp_path: Path) -> None:
    output = explored(scenario, "--strategy", "dfs", "--preemption-bound", "3", "--check-every", "0", "--attached",
                      cwd=tmp_path)  # fmt: skip
    assert output.findings == ()
    assert output.control.exhausted == output.control.batches == 1


# Where the search without reduction ends within a million executions; it does so nowhere without a bound.
PLAIN_BOUND = {
    "supply-2x1": 3,
    "supply-3x1": 2,
    "supply+traverse": 3,
    "protect+retire+reclaim": 2,
    "push+pop+push": 2,
    "insert+delete-neighbours": 2,
}


@pytest.mark.parametrize("scenario", EXHAUSTIVE)
def test_the_search_without_reduction_reaches_the_same_final_states(scenario: str, tmp_path: Path) -> None:
    build = get_build("sched")
    both_agree(core_walker(build, tmp_path), EXHAUSTIVE[scenario].generate(0, Shape()), load_runtime(build).target,
               PLAIN_BOUND[scenario])  # fmt: skip


# What must not get through: a patch of native/defects for each scenario.
PLANTED = {
    "supply-2x1": "expansion-loser-keeps",
    "supply-3x1": "expansion-plain-store",
    "supply+traverse": "supply-count-early",
    "protect+retire+reclaim": "named-protect-no-recheck",
    "push+pop+push": "named-pop-no-claim",
    "insert+delete-neighbours": "named-delete-no-lock",
}


def test_every_scenario_has_a_planted_defect() -> None:
    assert PLANTED.keys() == EXHAUSTIVE.keys()


@pytest.mark.parametrize("scenario", EXHAUSTIVE)
def test_a_planted_defect_is_found_within_bound_2(scenario: str, tmp_path: Path) -> None:
    patch = sources() / "native" / "defects" / f"{PLANTED[scenario]}.patch"
    output = explored(scenario, "--strategy", "dfs", "--preemption-bound", "2", "--check-every", "0", "--attached",
                      "--patch", str(patch), cwd=tmp_path, code=1)  # fmt: skip
    expected = parse_defect(patch.read_text(encoding="utf-8")).finds
    assert {finding.kind for finding in output.findings} & set(expected)


def test_the_same_objects_pass_with_the_stock_sanitizer(tmp_path: Path) -> None:
    assert get_build("sched").archive_hash == get_build("tsan").archive_hash
    output = call("run", "--seconds", "60", "--threads", "16", "--processes", "2", "--sanitizer", "tsan", cwd=tmp_path)
    assert isinstance(output, RunOutput)
    assert (output.findings, output.canary) == ((), True)


# ---- The five seeded defects ----


@pytest.mark.parametrize("strategy", ["random", "pct"])
@pytest.mark.parametrize("defect", DEFECTS)
def test_a_seeded_defect_is_found_and_replayed(defect: str, strategy: str, tmp_path: Path) -> None:
    output = explored(f"segments-{defect}", "--strategy", strategy, "--executions", "1000", "--seed", "1", cwd=tmp_path,
                      code=1)  # fmt: skip
    first, *others = sorted(output.findings, key=lambda finding: -finding.count)
    replayed(first, REPLAYS, tmp_path)
    for other in others:  # the same defect, seen in another place
        replayed(other, FEW, tmp_path)


def replayed(finding: Finding, times: int, tmp_path: Path) -> None:
    assert finding.token
    elsewhere = tmp_path / "elsewhere"
    output = call("replay", finding.token, "--times", str(times), "--store", str(elsewhere), cwd=tmp_path, code=1)
    assert isinstance(output, ReplayOutput)
    assert output.same_build
    assert output.rate == (times, times)
    assert output.diverged is None


# ---- Speed ----


def test_speed_is_printed_beside_the_references_and_cost_grows_linearly(tmp_path: Path) -> None:
    output = call("bench", cwd=tmp_path)
    assert isinstance(output, BenchOutput)
    measured = {(speed.workload, speed.what): speed for speed in output.speeds}
    for workload in "AB":
        for what in ("executions/s", "points/s", "executions/s, races", "points/s, races"):
            assert measured[workload, what].value > 0
    assert measured["switch", "ns"].value > 0
    assert all(speed.references for speed in output.speeds if speed.aim is not None)
    growth = [ratio for ratio in output.ratios if ratio.name.startswith("cost of a point")]
    assert [ratio.reached for ratio in growth] == [True, True]
    [stock] = [ratio for ratio in output.ratios if ratio.name == STOCK]  # not below the prototype's
    assert stock.reached, f"{stock.value}, must be {stock.aim}"


# ---- The other compiler ----


def test_what_clang_compiles_runs_under_the_runtime() -> None:
    """The C++17 and the pthread program, the runtime's own tests, workload B among them, and the exhaustive search."""
    if shutil.which("clang") is None:
        pytest.skip("no clang")
    command = [str(Path(sys.executable).with_name("pytest")), "-q", "-p", "no:cacheprovider",
               "--import-mode=importlib", "harness/tests/test_sched_native.py", "-k", "not same_objects"]  # fmt: skip
    # Its shared libtsan can't be preloaded into every interpreter, so nothing is compared with the tsan build.
    assert subprocess.run(command, cwd=ROOT, env={**os.environ, "CC": "clang"}, check=False).returncode == 0


# ---- What tests elsewhere hold, at the same sources and through the same installation ----

ELSEWHERE = {
    "programs that know nothing of the runtime": "harness/tests/test_sched_native.py",
    "the runtime as Python sees it": "harness/tests/test_runtime.py",
}


@pytest.mark.parametrize("path", ELSEWHERE.values(), ids=list(ELSEWHERE))
def test_elsewhere(path: str) -> None:
    pytest_command = Path(sys.executable).with_name("pytest")
    command = [str(pytest_command), "-q", "-p", "no:cacheprovider", "--import-mode=importlib", path]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0
