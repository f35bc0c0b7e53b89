"""The real core's library in this process, and in workers with a sanitizer: executed, watched, stopped, decoded."""

from __future__ import annotations

import mmap
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cffi
import pytest

from harness.builds import Library, Progress, fixed_addresses, get_build, interpreter, load, worker_environment
from harness.builds.build import Kind
from harness.builds.declare import HEADERS, declarations, interface, structures
from harness.builds.sources import sources
from harness.model.problem import Problem
from harness.model.scenario import Op, Scenario

pytestmark = pytest.mark.contract

MIB = 1 << 20
HEAVY = ("pycparser", "filelock", "harness.model.output", "harness.explore.run", "harness.stress.run")
FOR_EVER = (1 << 31) - 1
BOUND_MS = 60_000  # ends a thread that nothing else ended, long after its test has failed
PUT, GET = Op("put", (0, 1, 64)), Op("get", (0, 1))


@pytest.fixture(scope="module")
def library() -> Library:
    return load(get_build("native"))


@pytest.fixture
def area() -> Iterator[mmap.mmap]:
    with mmap.mmap(-1, Progress.size()) as area:
        yield area


def scenario(threads: int = 2, **changes: Any) -> Scenario:
    params = {"memory_limit": 64 * MIB, "bucket_num": 97}
    made = Scenario("test", 7, "kvcache", params, programs=((PUT, GET, GET),) * threads)
    return replace(made, **changes)


# ---- Tables ----


def test_the_target_describes_itself(library: Library) -> None:
    target = library.target
    assert target.name == "kvcache"
    assert [op.code for op in target.ops.values()] == list(range(len(target.ops)))
    assert target.ops["put"].arg_cnt == len(target.ops["put"].args) == 3
    for op in target.ops.values():
        assert op.purpose
        assert len(op.args) == op.arg_cnt
    for param in target.params.values():
        assert param.purpose
        assert param.min <= param.max
    assert all(invariant.claim and invariant.when for invariant in target.invariants.values())
    assert "OK" in target.codes


def test_equal_builds_are_loaded_once(library: Library) -> None:
    assert load(replace(library.build)) is library


def test_declarations_are_parsed_once_and_again_when_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RACEWASH_CACHE", str(tmp_path))
    parsed: list[str] = []
    cdef = cffi.FFI.cdef

    def counted(self: cffi.FFI, text: str) -> None:
        parsed.append(text)
        cdef(self, text)

    monkeypatch.setattr(cffi.FFI, "cdef", counted)
    toy = "typedef struct rw_toy { int a; char b[3]; } rw_toy;\nenum { RW_TOY = 7 };"
    for times, damaged in ((1, False), (1, True), (2, False), (2, False)):
        interface.cache_clear()
        ffi = interface(toy)
        lib: Any = ffi.dlopen(None)
        assert (ffi.offsetof("rw_toy", "b"), lib.RW_TOY) == (4, 7)
        assert len(parsed) == times
        (kept,) = (tmp_path / "interfaces").iterdir()
        if damaged:
            kept.write_bytes(kept.read_bytes()[:-1])
    interface.cache_clear()


def test_a_worker_imports_nothing_of_its_supervisor() -> None:
    for worker in ("explore", "stress"):
        code = f"import sys, harness.{worker}.worker; print(*(name for name in sys.modules if name in {HEAVY}))"
        assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "\n"


def test_headers_that_differ_from_the_library_are_noticed(library: Library, tmp_path: Path) -> None:
    for name in structures(declarations(library.build.native)):
        for file in HEADERS:
            text = (library.build.native / file).read_text()
            (tmp_path / file).parent.mkdir(exist_ok=True)
            (tmp_path / file).write_text(text.replace(f"}} {name};", f"    int64_t drifted;\n}} {name};"))
        with pytest.raises(RuntimeError, match=f"bytes in {name}|bytes in rw_"):
            Library(replace(library.build, native=tmp_path))


def test_a_header_without_its_markers_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "target.h").write_text("typedef int nothing;\n")
    with pytest.raises(ValueError, match=r"target\.h"):
        declarations(tmp_path)


# ---- One execution ----


def test_an_execution_is_counted_and_judged(library: Library) -> None:
    outcome = library.execute(scenario(threads=3, rounds=5), latency_every=1)
    assert (outcome.status, outcome.violations) == ("done", ())
    assert outcome.ops == 3 * 5 * 3 == sum(outcome.codes.values()) == sum(outcome.latency)
    assert set(outcome.codes) <= set(library.target.codes)
    assert outcome.seconds > 0
    assert set(outcome.checks) == set(library.target.invariants)
    assert any(outcome.checks.values())
    assert outcome.snapshot["labels"]["CACHE_MAP_NODE"]["used"] > 0


def test_set_up_runs_first_and_is_not_counted(library: Library) -> None:
    outcome = library.execute(scenario(threads=1, setup=(PUT,), programs=((GET,),)))
    assert outcome.codes == {"OK": 1}
    assert set(library.execute(scenario(threads=1, programs=((GET,),))).codes) != {"OK"}


def test_processes_share_one_core(library: Library) -> None:
    outcome = library.execute(scenario(threads=4, processes=2, shared_bytes=96 * MIB, check_every_ms=1))
    assert (outcome.status, outcome.violations) == ("done", ()), outcome.message
    assert outcome.ops == 12


def test_a_core_that_can_not_be_made_says_why(library: Library) -> None:
    outcome = library.execute(scenario(params={"memory_limit": -1}))
    assert outcome.status == "create-failed"
    assert "memory_limit" in outcome.message
    assert outcome.ops == 0


def test_a_deadline_ends_the_programs(library: Library) -> None:
    began = time.monotonic()
    outcome = library.execute(scenario(rounds=FOR_EVER), deadline_ms=50)
    assert outcome.status == "done"
    assert 0.05 <= outcome.seconds <= time.monotonic() - began < 30


@pytest.mark.misuse
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"programs": ((Op("fly"),),)}, "operation 'fly'"),
        ({"setup": (Op("fly"),)}, "operation 'fly'"),
        ({"programs": ((Op("get", (1,)),),)}, "takes 2 arguments"),
        ({"programs": ((Op("get", (0, 1 << 64)),),)}, "doesn't fit"),
        ({"params": {"wings": 2}}, "parameter 'wings'"),
        ({"params": {"memory_limit": 1 << 64}}, "doesn't fit"),
        ({"programs": ()}, "1 to 256 programs"),
        ({"programs": ((GET,),) * 257}, "1 to 256 programs"),
        ({"target": "bird"}, "'bird'"),
    ],
)
def test_a_scenario_that_does_not_fit_is_named(changes: dict[str, Any], said: str, library: Library) -> None:
    with pytest.raises(Problem, match=said):
        library.execute(scenario(**changes))


# ---- Watched from elsewhere ----


def test_progress_shows_the_last_operations(library: Library, area: mmap.mmap) -> None:
    library.execute(scenario(rounds=20), progress=area)
    progress = Progress(area, library.target)
    assert (progress.executions, progress.phase, progress.seed, progress.threads) == (1, "idle", 7, 2)
    track = progress.track(1)
    assert (track.started, track.finished, track.running) == (60, 60, False)
    assert track.last == ((PUT, GET, GET) * 20)[-32:]
    unnamed = Progress(area)
    assert unnamed.track(0).last[-1].name == f"operation {library.target.ops['get'].code}"
    for view in (progress, unnamed):
        view.close()


def test_a_running_execution_is_seen_and_stopped(library: Library, area: mmap.mmap) -> None:
    """Were the interpreter's lock held during the call, this thread could look only after the deadline."""
    outcomes = []
    endless = scenario(rounds=FOR_EVER)
    runner = threading.Thread(target=lambda: outcomes.append(library.execute(endless, area, deadline_ms=BOUND_MS)))
    progress = Progress(area, library.target)
    runner.start()
    before = progress.beat()
    while progress.phase != "threads" or progress.track(0).finished == 0:
        assert runner.is_alive()
    assert progress.beat() != before
    progress.request_stop()
    runner.join()
    progress.close()
    assert outcomes[0].status == "stopped"


def test_progress_is_of_the_threads_that_there_are(area: mmap.mmap) -> None:
    area[:] = b"\xff" * len(area)
    progress = Progress(area)
    assert progress.threads == 256
    assert progress.phase == str((1 << 64) - 1)
    progress.clear()
    assert (progress.executions, progress.phase, progress.threads) == (0, "idle", 0)
    assert progress.track(0).last == ()
    progress.close()


# ---- Workers with a sanitizer ----

WORKER = """
import pickle, sys
from harness.builds import load
from harness.model.scenario import Op, Scenario
library = load(pickle.load(sys.stdin.buffer))
library.canary()
print("between", file=sys.stderr, flush=True)
program = (Op("put", (0, 1, 64)), Op("get", (0, 1)), Op("erase", (0, 1)))
params = {"memory_limit": 64 << 20, "bucket_num": 97, "backing": int(library.kind == "asan")}
outcome = library.execute(Scenario("test", 7, "kvcache", params, programs=(program,) * 4, rounds=20))
print(outcome.status, outcome.ops, len(outcome.violations))
"""


@pytest.mark.parametrize(("kind", "report"), [("tsan", "data race"), ("asan", "heap-buffer-overflow")])
def test_a_worker_reports_the_canary_and_nothing_else(kind: Kind, report: str) -> None:
    build = get_build(kind)
    environment = {**os.environ, **worker_environment(build)}
    command, job = [interpreter(), "-c", WORKER], pickle.dumps(build)
    with fixed_addresses():
        run = subprocess.run(command, input=job, env=environment, cwd=sources(), capture_output=True, check=False)
    stderr = run.stderr.decode()
    assert run.stdout == b"done 240 0\n", stderr
    assert run.returncode == 0
    canary, _, rest = stderr.partition("between\n")
    assert report in canary
    assert "native/stress/canary.c:" in canary
    assert rest in ("", "ThreadSanitizer: reported 1 warnings\n")  # the canary's, counted at the end


@pytest.mark.parametrize("kind", ["tsan", "asan"])
def test_a_library_with_a_sanitizer_is_refused_where_it_would_end_the_process(kind: Kind) -> None:
    with pytest.raises(RuntimeError, match="worker_environment"):
        load(get_build(kind))


def test_the_same_objects_are_in_the_tsan_library_whatever_is_linked(library: Library) -> None:
    """The archive that another run time can be linked with defines the target; its seam is left open."""
    build = get_build("tsan")
    shown = subprocess.run(["nm", "-g", str(build.archive)], capture_output=True, text=True, check=True).stdout
    assert " T rw_target_get" in shown
    assert " U mem_note_alloc" in shown
    assert " T mem_note_alloc" not in shown


def test_unknown_measurements_are_refused(library: Library) -> None:
    assert library.bench("count", 1, 1000) > 0
    with pytest.raises(RuntimeError, match="'nothing'"):
        library.bench("nothing", 1, 1)
