"""Acceptance of shrinking at its stated figures: run by `tox -e accept -- shrink` only. Resumable as others are.

Each of workload B's five seeded defects and every suite's own planted defect is found, shrunk to at most three threads
and six operations within 60 seconds, and the smallest case is replayed in fresh processes. What ends the process is
shrunk and told as well.
"""

from __future__ import annotations

import difflib
import subprocess
from pathlib import Path

import pytest

from harness.builds import Symbols, get_build, sources
from harness.explore.child import exploring
from harness.explore.request import ExploreRequest
from harness.explore.run import explore_with
from harness.explore.workloads import DEFECTS
from harness.generate import discover
from harness.model.finding import Finding
from harness.model.output.common import Output
from harness.model.output.every import decode
from harness.model.output.explore import ExploreOutput
from harness.model.output.shrink import ShrinkOutput
from harness.model.scenario import Op, Scenario
from harness.model.token import MAX_LISTED
from harness.pytest_plugin.subject import suite_of_scenario
from harness.repro import ReplayRequest
from harness.repro.replay import replay_with
from harness.repro.resolve import read_bundle
from harness.shrink import ShrinkRequest, story_text
from harness.shrink.case import MAX_SETUP
from harness.shrink.run import shrink_with
from harness.shrink.trials import Worker

pytestmark = pytest.mark.usefixtures("resumable")

THREADS, OPERATIONS, SECONDS, REPLAYS = 3, 6, 60, 20
EXECUTIONS = 1000
HANG = 2.0
MET = "if (at_load(&core->total, seq_cst) != seen + 1)"
DEADLY = [("kill(getpid(), SIGKILL);", "crash", MET), ('for (;;) __asm__("");', "hang", MET),
          ("__builtin_trap();", "crash", "__builtin_trap")]  # fmt: skip
PLANTED = {name: suite.defect for name, suite in discover().items() if suite.defect}


def call(*words: str, cwd: Path, code: int) -> Output:
    """Run a command with --json; return its object, whose every field was checked."""
    command = ["racewash", *words, "--json"]
    run = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, text=True, check=False)
    assert run.returncode == code, f"{' '.join(command)}: exit code {run.returncode}"
    return decode(run.stdout)


def found(suite: str, patch: tuple[str, ...], cwd: Path) -> list[Finding]:
    """Return what is found of a defect, most often seen first."""
    output = call("explore", suite, *patch, "--executions", str(EXECUTIONS), "--seed", "1", "--shrink", "0", cwd=cwd,
                  code=1)  # fmt: skip
    assert isinstance(output, ExploreOutput)
    return sorted(output.findings, key=lambda finding: -finding.count)


def shrinks(finding: Finding, patch: tuple[str, ...], cwd: Path) -> None:
    output = call("shrink", str(finding.bundle), *patch, "--seconds", str(SECONDS), "--times", str(REPLAYS), cwd=cwd,
                  code=1)  # fmt: skip
    assert isinstance(output, ShrinkOutput)
    shrunk = output.shrunk
    assert shrunk.finding.fingerprint == finding.fingerprint
    assert shrunk.after.threads <= THREADS
    assert shrunk.after.operations <= OPERATIONS
    assert shrunk.after.setup <= MAX_SETUP
    assert shrunk.rate == (REPLAYS, REPLAYS)
    assert len(shrunk.token) <= MAX_LISTED
    assert finding.message.split(":")[0] in shrunk.story
    assert shrunk.bundle
    assert (cwd / shrunk.bundle / "story.txt").read_text(encoding="utf-8") == shrunk.story


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_seeded_defect_is_shrunk(defect: str, tmp_path: Path) -> None:
    for finding in found(f"segments-{defect}", (), tmp_path):
        shrinks(finding, (), tmp_path)


@pytest.mark.parametrize(("suite", "defect"), PLANTED.items(), ids=list(PLANTED))
def test_a_planted_defect_is_shrunk(suite: str, defect: str, tmp_path: Path) -> None:
    patch = ("--patch", str(sources() / "native" / "defects" / f"{defect}.patch"))
    shrinks(found(suite, patch, tmp_path)[0], patch, tmp_path)


def test_a_node_freed_too_early_is_shrunk(tmp_path: Path) -> None:
    """It needs a reader, a writer and a wait in between, and shows itself in more ways than any other: each of them."""
    patch = ("--patch", str(sources() / "native" / "defects" / "map-version-early.patch"))
    for finding in found("map", patch, tmp_path):
        shrinks(finding, patch, tmp_path)


def deadly_patch(folder: Path, deed: str) -> Path:
    """Write a patch by which a torn increment that meets another one ends the process in a way nobody can catch."""
    path = sources() / "native" / "workload" / "increments.c"
    old = path.read_text(encoding="utf-8")
    torn = "at_store(&core->total, at_load(&core->total, seq_cst) + 1, seq_cst);\n"
    assert old.count(torn) == 1
    body = f"int64_t seen = at_load(&core->total, seq_cst);\nat_store(&core->total, seen + 1, seq_cst);\n{MET} {deed}\n"
    new = "#include <signal.h>\n#include <unistd.h>\n" + old.replace(torn, body)
    lines = difflib.unified_diff(old.splitlines(True), new.splitlines(True), "a/native/workload/increments.c",
                                 "b/native/workload/increments.c")  # fmt: skip
    patch = folder / "deadly.patch"
    patch.write_text("".join(lines), encoding="utf-8")
    return patch


@pytest.mark.parametrize(("deed", "kind", "told"), DEADLY)
def test_what_ends_the_process_has_a_story(deed: str, kind: str, told: str, tmp_path: Path) -> None:
    """By what it has written of the execution until then; so has a crash that the runtime survives."""
    patches = (deadly_patch(tmp_path, deed),)
    launch = exploring(get_build("sched", patches))
    program = (Op("add", (2,)), Op("add_torn", (2,)), Op("add", (1,)))
    suite = suite_of_scenario(Scenario("torn", 0, "increments", {}, (program,) * 3))
    request = ExploreRequest((suite.name,), 100, store=tmp_path, hang_after=HANG, patches=patches)
    found = next(one for one in explore_with(launch, request, (suite,), 3, print).findings if one.kind == kind)
    assert found.bundle
    trace = (Path(found.bundle) / "trace.txt").read_text(encoding="utf-8").splitlines()
    assert "run native/workload/increments.c" in trace[-1]

    worker = Worker(launch)
    asked = ShrinkRequest("", SECONDS, times=3, hang_after=HANG)
    shrunk = shrink_with(worker, read_bundle(Path(found.bundle)), asked, Symbols(launch.build), print)
    worker.end()
    size = shrunk.after.size
    assert (size.threads, size.operations, size.setup, size.preemptions) == (2, 2, 0, 1)
    assert shrunk.rate == (3, 3)
    assert shrunk.story is not None
    told_last = shrunk.story.rows[-1]
    assert (told_last.fatal, told_last.thread) == (True, 0)
    assert told in told_last.source
    assert story_text(shrunk.story).splitlines()[-4].startswith("=> ")
    # What a person sees of it, up to the end.
    given = ReplayRequest(str(found.bundle), times=1, trace=True, until=10**6, hang_after=HANG)
    again = replay_with(launch, read_bundle(Path(found.bundle)), given)
    assert again.trace
    assert again.state
    assert (again.seen, again.tries) == (1, 1)
