"""Acceptance of durable failures at its stated counts: run by `tox -e accept -- repro` only.

Resumable: what has passed for these sources is remembered in .racewash/accept/repro.json and not run again. With
RACEWASH_ACCEPT_SECONDS no further check starts after that time; what is left is skipped, and the next call goes on.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from harness.explore.workloads import DEFECTS
from harness.model.documents import Defect, parse_defect
from harness.model.finding import Finding
from harness.model.output.common import Output
from harness.model.output.every import decode
from harness.model.output.explore import ExploreOutput
from harness.model.output.hunt import HuntOutput
from harness.model.output.replay import ReplayOutput
from harness.stress.request import RunRequest
from harness.stress.run import run
from harness.tests.test_intents import check_whole, killed_writer

pytestmark = pytest.mark.usefixtures("resumable")

ROOT = Path(__file__).resolve().parents[2]
KILLS, EXECUTIONS, HUNT_SECONDS = 200, 3_000, 300
REPLAYS, REPLAYS_OF_OTHERS = 100, 10  # of a defect's most frequent finding, and of what else it shows
SEED = 838


def _defects() -> dict[Path, Defect]:
    found = {}
    for path in sorted((ROOT / "native" / "defects").glob("*.patch")):
        defect = parse_defect(path.read_text(encoding="utf-8"))
        if defect.planted:
            found[path] = defect
    return found


PLANTED = _defects()
each_planted = pytest.mark.parametrize("path", PLANTED, ids=lambda path: path.stem)


def call(*words: str, cwd: Path, code: int = 0) -> Output:
    """Run a command with --json; return its object, whose every field was checked."""
    command = ["racewash", *words, "--json"]
    done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == code, f"{' '.join(command)}: exit code {done.returncode}"
    return decode(done.stdout)


def explored(*words: str, cwd: Path) -> tuple[Finding, ...]:
    output = call("explore", *words, "--executions", str(EXECUTIONS), "--seed", str(SEED), cwd=cwd, code=1)
    assert isinstance(output, ExploreOutput)
    return output.findings


def replayed(finding: Finding, cwd: Path, *more: str, times: int = REPLAYS) -> None:
    """By its token alone, elsewhere, as often as it is tried."""
    assert finding.token
    output = call("replay", finding.token, "--times", str(times), "--store", "elsewhere", *more, cwd=cwd, code=1)
    assert isinstance(output, ReplayOutput)
    assert (output.rate, output.same_build, output.diverged) == ((times, times), True, None)


def test_kills_at_random_moments_leave_whole_bundles(tmp_path: Path) -> None:
    moments = random.Random(SEED)
    announced: list[str] = []
    for _ in range(KILLS):
        announced += killed_writer(tmp_path, moments.uniform(0.0005, 0.08))
    assert len(announced) >= KILLS
    check_whole(tmp_path, announced)


@pytest.mark.parametrize("defect", DEFECTS)
def test_seeded_defects_are_replayed(defect: str, tmp_path: Path) -> None:
    first, *others = sorted(explored(f"segments-{defect}", cwd=tmp_path), key=lambda finding: -finding.count)
    replayed(first, tmp_path)
    for finding in others:
        replayed(finding, tmp_path, times=REPLAYS_OF_OTHERS)


@each_planted
def test_planted_defects_are_replayed_and_their_tests_tell(path: Path, tmp_path: Path) -> None:
    """test_repro.py fails with the patch and passes without, which is the repaired core."""
    findings = explored(PLANTED[path].suite, "--patch", str(path), cwd=tmp_path)
    assert {finding.kind for finding in findings} & set(PLANTED[path].finds)
    first = next(finding for finding in findings if finding.kind in PLANTED[path].finds)
    replayed(first, tmp_path, "--patch", str(path))
    assert first.bundle
    test = tmp_path / first.bundle / "test_repro.py"
    alone = tmp_path / "test_repro.py"
    alone.write_bytes(test.read_bytes())
    assert judgement_of(alone, str(path)) == 1, "it fails with the defect"
    assert judgement_of(alone, "") == 0, "it passes without"


def judgement_of(path: Path, patches: str) -> int:
    """Run a test as a person would who has dropped it into a repository."""
    environment = {**os.environ, "RACEWASH_PATCHES": patches}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", path.name]
    return subprocess.run(command, cwd=path.parent, env=environment, check=False).returncode


@pytest.mark.parametrize("name", ["expansion-plain-store", "supply-count-early", "map-version-early"])
def test_what_real_threads_found_under_tsan_is_hunted_down(name: str, tmp_path: Path) -> None:
    path = ROOT / "native" / "defects" / f"{name}.patch"
    defect = parse_defect(path.read_text(encoding="utf-8"))
    found: list[Finding] = []
    for turn in range(30):
        request = RunRequest((defect.suite,), seconds=10, sanitizer="tsan", seed=SEED + turn, store=tmp_path / "store",
                             hang_after=8.0, patches=(path,))  # fmt: skip
        found = [one for one in run(request, lambda _: None).findings if one.kind in defect.finds]
        if found:
            break
    assert found, "real threads did not find it"
    options = ("--seconds", str(HUNT_SECONDS), "--patch", str(path), "--store", "store")
    hunted = call("hunt", found[0].bundle or "", *options, cwd=tmp_path, code=1)
    assert isinstance(hunted, HuntOutput)
    assert hunted.found
    assert hunted.token
    again = call("replay", hunted.token, "--store", "store", "--patch", str(path), cwd=tmp_path, code=1)
    assert isinstance(again, ReplayOutput)
    assert (again.rate, again.same_build) == ((3, 3), True)


def test_a_token_replays_in_a_fresh_clone_that_is_built_anew(tmp_path: Path) -> None:
    finding = explored("segments-loser-leaks", cwd=tmp_path)[0]
    clone, fresh, elsewhere = tmp_path / "clone", tmp_path / "fresh", tmp_path / "elsewhere"
    elsewhere.mkdir()
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
    subprocess.run([sys.executable, "-m", "venv", str(fresh)], check=True)
    # Nothing of this environment is seen by the new one: neither its packages nor its builds.
    mine = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "RACEWASH_SOURCES")
    kept = {name: value for name, value in os.environ.items() if name not in mine}
    environment = {**kept, "RACEWASH_CACHE": str(tmp_path / "cache")}
    subprocess.run([str(fresh / "bin" / "pip"), "install", "-q", str(clone)], env=environment, check=True)
    where = [str(fresh / "bin" / "python"), "-c", "import harness; print(harness.__path__[0])"]
    installed = subprocess.run(where, cwd=elsewhere, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    assert installed.stdout.startswith(str(fresh))
    command = [str(fresh / "bin" / "racewash"), "replay", finding.token or "", "--json"]
    done = subprocess.run(command, cwd=elsewhere, env=environment, stdout=subprocess.PIPE, check=False)
    assert done.returncode == 1
    output = decode(done.stdout)
    assert isinstance(output, ReplayOutput)
    assert (output.rate, output.same_build, output.diverged) == ((3, 3), True, None)


def test_every_kind_from_the_true_runtime() -> None:
    """What tests elsewhere hold, the one with a build of its own among them; they are in no wheel, so of this tree."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "harness/tests/test_repro.py"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode == 0
