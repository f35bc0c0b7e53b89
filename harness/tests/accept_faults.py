"""Acceptance of faults at its stated counts: run by `tox -e accept -- faults` only.

Resumable twice over: what has passed for these sources is remembered in .racewash/accept/faults.json and not run again,
and a sweep that was cut short goes on from its state in .racewash/accept/sweeps. With RACEWASH_ACCEPT_SECONDS no
further check starts after that time.
"""

from __future__ import annotations

import os
import resource
import subprocess
from pathlib import Path

import pytest

from harness.builds import get_build
from harness.explore.child import Explorer, exploring
from harness.explore.messages import Explore
from harness.faults.request import BASE_SEED, CLOCK_SEED, SweepRequest
from harness.generate import discover
from harness.model.documents import parse_defect
from harness.model.fault import NO_PROCESSES, ProcessCounts
from harness.model.finding import Finding
from harness.model.layout import AFTER, BEFORE
from harness.model.output.common import Output
from harness.model.output.every import decode
from harness.model.output.replay import ReplayOutput
from harness.model.output.run import RunOutput
from harness.model.output.sweep import SweepOutput
from harness.store import read_run

pytestmark = pytest.mark.usefixtures("resumable")

ROOT = Path(__file__).resolve().parents[2]
STORE = ROOT / ".racewash" / "accept"
JOBS = str(min(8, os.cpu_count() or 1))
SUITES = ("accounting", "expansion", "frees", "instances", "map", "processes", "supply", "wash")
# Each base scenario, and one that shares the pin of a block retired meanwhile: the only one to allocate in that place.
SCENARIOS = (*((suite, BASE_SEED) for suite in SUITES), ("frees", 4))
SCHEDULES, FOUND_WITHIN = 200, 20
PLANTED = sorted((ROOT / "native" / "defects").glob("fault-*.patch"))
PAIRED = ("expansion", "supply")  # small enough for all pairs
REPLAYS = 20


def call(*words: str, code: int = 0) -> Output:
    """Run a command with --json; return its object, whose every field was checked."""
    command = ["racewash", *words, "--json"]
    run = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    assert run.returncode == code, f"{' '.join(command)}: exit code {run.returncode}"
    return decode(run.stdout)


def swept(*words: str, code: int = 0) -> SweepOutput:
    """A sweep to its end; of a defective core it may be cut short, where too many of its workers have died."""
    output = call("sweep", *words, "--jobs", JOBS, code=code)
    assert isinstance(output, SweepOutput)
    assert output.canary is True
    assert output.complete or code
    return output


# ---- Nothing is found on the correct core, and everything has failed ----


def full(suite: str, seed: int) -> SweepOutput:
    """Sweep a suite, or read again what its sweep has left in the store: a finished one has nothing to go on with."""
    return swept(suite, "--seed", str(seed), "--schedules", str(SCHEDULES), "--store", str(STORE), "--resume")


@pytest.mark.parametrize(("suite", "seed"), SCENARIOS)
def test_every_allocation_fails_once_and_from_there_on(suite: str, seed: int) -> None:
    output = full(suite, seed)
    assert output.findings == ()
    assert {(row.layout, row.mode) for row in output.sweeps} == {
        (layout, mode) for layout in ("after", "before") for mode in ("once", "persistent")
    }
    for row in output.sweeps:
        assert row.executions >= row.swept * SCHEDULES
        assert row.swept > 0


def test_every_place_of_the_core_that_allocates_has_failed() -> None:
    failed: set[str] = set()
    listed: set[str] = set()
    for suite, seed in SCENARIOS:
        output = full(suite, seed)
        listed |= {site.site for site in output.sites if site.core}
        failed |= {site.site for site in output.sites if site.core and site.failed}
    assert listed - failed == set()
    assert listed


@pytest.mark.parametrize("suite", PAIRED)
def test_every_pair_of_allocations_fails(suite: str) -> None:
    output = swept(suite, "--pairs", "--schedules", "10", "--store", str(STORE), "--resume")
    assert output.findings == ()


# ---- Twelve error-path defects ----


def plain_findings(suite: str, build_with: Path, executions: int, seed: int = BASE_SEED) -> list[str]:
    """Explore the suite's base scenarios without a fault on the defective core."""
    found = []
    request = SweepRequest((suite,))
    for layout in (AFTER, BEFORE):
        scenario = discover()[suite].drawn(seed, request.shape(layout, ()))
        child = Explorer(exploring(get_build("sched", (build_with,))))
        try:
            batch = child.obey(Explore(scenario, request.options, 0, executions), 3600)
        finally:
            child.end()
            child.close()
        assert batch.executions == executions
        found += [seen.message for seen in batch.observations]
    return found


def replayed(finding: Finding, patch: Path, folder: Path) -> None:
    """By its token alone, every time."""
    assert finding.token
    back = call("replay", finding.token, "--times", str(REPLAYS), "--patch", str(patch), "--store",
                str(folder / "none"), code=1)  # fmt: skip
    assert isinstance(back, ReplayOutput)
    assert back.rate == (REPLAYS, REPLAYS)


def test_there_are_twelve() -> None:
    assert len(PLANTED) == 12


@pytest.mark.parametrize("path", PLANTED, ids=lambda path: path.stem)
def test_a_planted_defect_is_found_by_the_sweep_alone(path: Path, tmp_path: Path) -> None:
    defect = parse_defect(path.read_text(encoding="utf-8"))
    output = swept(defect.suite, "--schedules", str(FOUND_WITHIN), "--patch", str(path), "--store", str(tmp_path),
                   "--hang-after", "10", code=1)  # fmt: skip
    wanted = [found for found in output.findings if found.kind in defect.finds]
    assert wanted, [found.message for found in output.findings]
    assert plain_findings(defect.suite, path, max(1, output.executions // 2)) == []
    replayed(wanted[0], path, tmp_path)


# ---- Threads that stop, clocks that err ----

STOPPED = ("map", "wash", "instances")  # whose threads hold all four protections
LATER = {"stall": sorted((ROOT / "native" / "defects").glob("stall-*.patch")),
         "clock": sorted((ROOT / "native" / "defects").glob("clock-*.patch"))}  # fmt: skip


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("fault", ["stall", "clock"])
def test_nothing_is_found_where_threads_stop_and_clocks_err(fault: str, suite: str) -> None:
    output = swept(suite, "--fault", fault, "--schedules", "20", "--points", "6", "--store", str(STORE), "--resume")
    assert output.findings == ()
    assert all(row.blocked == row.unjudged == 0 for row in output.sweeps if row.mode == "once" or fault == "clock")
    assert all(row.hit > 0 for row in output.sweeps if row.swept)


@pytest.fixture(scope="module")
def beside_the_dead(tmp_path_factory: pytest.TempPathFactory) -> SweepOutput:
    """Afresh: a sweep that goes on tells of what it has judged itself alone."""
    return swept(*STOPPED, "--fault", "stall", "--persistent", "--schedules", "20", "--points", "8",
                 "--store", str(tmp_path_factory.mktemp("dead")))  # fmt: skip


@pytest.mark.parametrize("holding", ["version", "pointer", "bucket", "wash"])
def test_a_dead_holder_costs_what_it_protects_or_is_named(holding: str, beside_the_dead: SweepOutput) -> None:
    """Who holds a lock is waited for, and named; else the others end, and no more stays than what is protected (B1)."""
    output = beside_the_dead
    assert output.findings == ()
    rows = [row for row in output.sweeps if row.holding == holding]
    assert sum(row.hit for row in rows) > 0
    judged = sum(row.hit - row.blocked - row.unjudged for row in rows)
    if holding in ("version", "pointer"):
        assert judged > 0
        assert sum(suite.invariants["B1"] for suite in output.suites) > 0
    else:
        assert sum(row.blocked for row in rows) > 0
        assert any(holding in wait.holder for wait in output.blocked)
    assert all("holds" in wait.holder for wait in output.blocked)


def test_there_are_two_of_each_at_least() -> None:
    assert all(len(paths) >= 2 for paths in LATER.values())


@pytest.mark.parametrize(("fault", "path"), [(fault, path) for fault, paths in LATER.items() for path in paths],
                         ids=lambda value: value.stem if isinstance(value, Path) else value)  # fmt: skip
def test_a_defect_is_found_by_its_sweep_alone(fault: str, path: Path, tmp_path: Path) -> None:
    defect = parse_defect(path.read_text(encoding="utf-8"))
    points = "32" if fault == "stall" else "8"  # of a clock that stands each may take two million points
    output = swept(defect.suite, "--fault", fault, "--schedules", "5", "--points", points, "--patch", str(path),
                   "--layout", "after", "--store", str(tmp_path), "--hang-after", "10", code=1)  # fmt: skip
    wanted = [found for found in output.findings if found.kind in defect.finds]
    assert wanted, [found.message for found in output.findings]
    seed = SweepRequest(()).seed if fault == "stall" else CLOCK_SEED
    assert plain_findings(defect.suite, path, max(1, output.executions // 2), seed) == []
    replayed(wanted[0], path, tmp_path)


# ---- Whole processes, and the disk ----

STRIKES = 100  # kills, and pauses, of each kind in each suite
STRUCK = ("map", "frees", "wash")


def struck(suite: str, fault: str, count: str, wanted: int, store: Path, *more: str) -> ProcessCounts:
    """Run a suite by four processes on one core with a plan, other scenarios each time, until enough was struck."""
    total, seed = NO_PROCESSES, 0
    while getattr(total, count) < wanted:
        seed += 1
        told = fault.format(skip=37 * seed % 150, seed=seed)
        output = call("run", suite, "--shared", "4", "--threads", "4", "--seconds", "4", "--seed", str(seed),
                      "--fault", told, "--store", str(store), *more)  # fmt: skip
        assert isinstance(output, RunOutput)
        assert output.findings == ()
        [counts] = [row["processes"] for row in read_run(Path(output.path))["suites"]]
        total += ProcessCounts(**counts)
        assert seed < 10 * wanted, "the plan does not strike"
    return total


@pytest.mark.parametrize("suite", STRUCK)
def test_kills_between_operations_cost_only_what_was_held(suite: str, tmp_path: Path) -> None:
    total = struck(suite, "kill process=1 skip={skip}", "killed", STRIKES, tmp_path)
    assert total == ProcessCounts(killed=total.killed)


@pytest.mark.parametrize("suite", STRUCK)
def test_kills_in_the_middle_of_operations_leave_the_others_sound(suite: str, tmp_path: Path) -> None:
    total = struck(suite, "kill skip={skip} within=60 seed={seed}", "killed", STRIKES, tmp_path)
    assert total.killed > total.inside > total.locked


@pytest.mark.parametrize("suite", STRUCK)
@pytest.mark.parametrize("within", [0, 40])
def test_pauses_change_nothing(suite: str, within: int, tmp_path: Path) -> None:
    fault = f"pause skip={{skip}} every=25 budget=4 ops=30 within={within} seed={{seed}}"
    assert struck(suite, fault, "paused", STRIKES, tmp_path).killed == 0


@pytest.mark.parametrize("sanitizer", ["tsan", "asan"])
def test_processes_are_struck_under_a_sanitizer_too(sanitizer: str, tmp_path: Path) -> None:
    for fault, count in (("kill skip={skip} within=200 seed={seed}", "killed"), ("pause skip={skip} ops=9", "paused")):
        struck("map", fault, count, STRIKES // 10, tmp_path, "--sanitizer", sanitizer)


@pytest.mark.parametrize("suite", ["accounting", "expansion", "instances", "map"])
def test_little_address_space_is_no_memory(suite: str, tmp_path: Path) -> None:
    """From a room in which no core can be created to one in which all can."""
    refused = []
    for room in (1 << shift for shift in range(14, 27, 2)):
        output = call("run", suite, "--seconds", "2", "--seed", "1", "--fault", f"space room={room}", "--store",
                      str(tmp_path))  # fmt: skip
        assert isinstance(output, RunOutput)
        assert output.findings == ()
        [counts] = [ProcessCounts(**row["processes"]) for row in read_run(Path(output.path))["suites"]]
        assert counts.cramped == output.executions > 0
        refused.append(counts.refused / counts.cramped)
    assert refused[0] == 1
    assert refused[-1] == 0


@pytest.mark.parametrize("kilobytes", [0, 1, 4])
def test_a_full_disk_ends_no_run_without_its_tokens(kilobytes: int, tmp_path: Path) -> None:
    """While no file may grow beyond so little: the token of what is found, or one sentence why nothing can be begun.

    A limit of file sizes counts for the memory that is shared with a worker too, which is 8 MB.
    """
    patch = ROOT / "native" / "defects" / "fault-block-leaked.patch"
    command = ["racewash", "sweep", "supply", "--schedules", "2", "--patch", str(patch), "--store", str(tmp_path)]
    get_build("sched", (patch,))  # the build's own files may be larger

    def shrink() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (kilobytes << 10, resource.RLIM_INFINITY))

    run = subprocess.run(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, check=False, preexec_fn=shrink)
    assert "Traceback" not in run.stderr
    assert run.returncode in (1, 2), run.stderr
    assert "can't be written" in run.stderr
    if run.returncode == 1:
        assert "racewash replay rw1." in run.stderr
    else:
        *_, last = run.stderr.splitlines()
        assert [line for line in run.stderr.splitlines() if line.startswith("racewash: ")] == [last]
        assert list(tmp_path.glob("runs/*/findings/*")) == [], "nothing was begun"
