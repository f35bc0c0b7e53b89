"""The scheduled runtime as Python sees it: built from tsan's objects, loaded, deterministic, replayed, forced."""

from __future__ import annotations

import ctypes
import mmap
from dataclasses import replace
from pathlib import Path

import pytest

from harness.builds import BatchProgress, BlackBox, Build, Runtime, Symbols, get_build, load_runtime
from harness.explore.request import ExploreRequest
from harness.explore.run import explore
from harness.explore.strategies import MEMORY_MODELS, STRATEGIES
from harness.explore.workloads import DEFECTS, WORKLOADS
from harness.model.batch import BAD_REQUEST, DONE, Batch, Event
from harness.model.problem import Problem
from harness.model.scenario import Op, Scenario
from harness.model.schedule import SEEDED, Choice, Options, chooser
from harness.model.suite import Shape
from harness.oracle import observed
from harness.repro import ReplayRequest, force, replay, to

pytestmark = pytest.mark.contract

SEED = 42
TORN = Scenario("torn", 0, "increments", {"expected": 2}, programs=((Op("add_torn", (1,)),),) * 2)
DEFECTIVE = {name: WORKLOADS[f"segments-{name}"].generate(0, Shape()) for name in DEFECTS}


@pytest.fixture(scope="module")
def build() -> Build:
    return get_build("sched")


@pytest.fixture(scope="module")
def runtime(build: Build) -> Runtime:
    return load_runtime(build)


def test_what_a_process_leaves_is_what_it_did(runtime: Runtime) -> None:
    """In a buffer that is large enough; a smaller one only shows how far the batch has got."""
    with mmap.mmap(-1, BlackBox.size()) as area:
        box = BlackBox(area)
        batch = runtime.replay(TORN, Options(), (Choice(5, 0, 2),), 0, trace=1000, trace_all=True, progress=area)
        left = box.left(runtime.event_kinds())
        box.close()
    assert (left.choices, left.preemptions) == (batch.choices, 1)
    assert left.events == batch.events
    assert left.event_count == batch.event_count > 10
    middle = bytearray(BlackBox.size(events=False))
    again = runtime.replay(TORN, Options(), batch.choices, 0, trace=1000, trace_all=True, progress=middle)
    box = BlackBox(middle)
    assert (box.listed(), again.events) == (batch.choices, batch.events)
    box.close()
    small = bytearray(BatchProgress.size())
    again = runtime.replay(TORN, Options(), batch.choices, 0, trace=1000, trace_all=True, progress=small)
    assert again.events == batch.events


def test_the_portfolios_turns_are_the_seeds(runtime: Runtime) -> None:
    batches = [runtime.explore(TORN, Options(), seed, 1) for seed in range(1000)]
    made = {(seen.strategy, chooser("portfolio", seen.seed)) for batch in batches for seen in batch.observations}
    assert {name for name, _ in made} == {"random", "pct", "pos", "surw", "guided"}
    assert all(name == ours for name, ours in made)


def found(batch: Batch, build: Build) -> set[str]:
    frames = Symbols(build).frames
    return {observed(seen, "test", frames).kind for seen in batch.observations}


def test_the_objects_are_those_of_tsan(build: Build) -> None:
    tsan = get_build("tsan")
    assert build.archive_hash == tsan.archive_hash
    assert build.archive is not None
    assert tsan.archive is not None
    assert build.archive.read_bytes() == tsan.archive.read_bytes()
    assert build.identity != tsan.identity


def test_names_are_those_of_the_library(runtime: Runtime) -> None:
    assert runtime.strategies() == STRATEGIES
    assert runtime.memory_models() == list(MEMORY_MODELS)
    assert set(SEEDED) < set(STRATEGIES)
    assert {"load", "store", "cas", "lock", "alloc", "clock", "draw", "plain"} <= set(runtime.point_kinds())


def test_the_canary_is_found(runtime: Runtime) -> None:
    assert runtime.canary() == ""


def test_targets_have_their_tables(runtime: Runtime) -> None:
    assert runtime.target.name == "kvcache"
    assert list(runtime.target_of("segments").ops) == ["supply", "traverse"]
    with pytest.raises(Problem, match="nowhere"):
        runtime.target_of("nowhere")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_seed_gives_the_same_execution_in_any_batch(strategy: str, runtime: Runtime) -> None:
    options = Options(strategy=strategy, preemption_bound=3)
    scenario = DEFECTIVE["count-early"] if strategy != "dfs" else TORN
    one, two = (runtime.explore(scenario, options, SEED, 200, hashes=True) for _ in range(2))
    assert (one.status, one.hashes, one.batch_hash) == (DONE, two.hashes, two.batch_hash)
    assert len({one.hashes[i : i + 8] for i in range(0, len(one.hashes), 8)}) > 1
    if strategy in SEEDED:
        alone = runtime.explore(scenario, options, SEED + 150, 1, calibration=one.calibration, hashes=True)
        assert alone.hashes == one.hashes[150 * 8 : 151 * 8]


@pytest.mark.parametrize("strategy", ["random", "pct", "portfolio"])
@pytest.mark.parametrize("defect", DEFECTS)
def test_each_seeded_defect_is_found_and_replayed_by_its_choices(
    defect: str, strategy: str, runtime: Runtime, build: Build
) -> None:
    scenario = DEFECTIVE[defect]
    batch = runtime.explore(scenario, Options(strategy=strategy), SEED, 1000)
    assert batch.observations, f"{defect} is not found in 1,000 executions"
    for seen in batch.observations:
        assert seen.confirmed
        again = runtime.replay(scenario, Options(), seen.choices, 0)
        assert again.diverged_at == -1
        assert again.trace_hash == seen.trace_hash
        assert {one.kind for one in again.observations} >= {seen.kind}


def test_nothing_is_found_without_a_defect(runtime: Runtime) -> None:
    for name in ("increments", "segments"):
        batch = runtime.explore(WORKLOADS[name].generate(0, Shape()), Options(check_every=7), SEED, 500)
        assert (batch.status, batch.executions, batch.observations) == (DONE, 500, ())
        assert batch.shared_words == 0
        assert batch.distinct > 100


def test_an_order_of_its_own_is_exhausted(runtime: Runtime, build: Build) -> None:
    batch = runtime.explore(TORN, Options(strategy="dfs"), 0, 1000)
    assert batch.exhausted
    assert found(batch, build) == {"invariant"}


def test_places_are_named_with_file_line_and_function(runtime: Runtime, build: Build) -> None:
    batch = runtime.explore(DEFECTIVE["relaxed-publish"], Options(strategy="random"), SEED, 200)
    races = [observed(seen, "test", Symbols(build).frames) for seen in batch.observations if seen.kind == "data-race"]
    assert races
    places = [place for race in races for place in race.locations]
    assert {place.function for place in places} >= {"initialise"}
    assert all(place.file == "native/workload/segments.c" and place.line > 0 for place in places)
    assert "segments.c:" in races[0].message
    assert "traverse" in races[0].report or "supply" in races[0].report


def test_a_function_s_first_instruction_is_its_own(build: Build) -> None:
    """Stacks hold return addresses; that of an instruction which fails is one after its beginning."""
    library = ctypes.CDLL(str(build.library))
    library.rs_module_base.restype = ctypes.c_uint64
    first = ctypes.cast(library.rs_module_base, ctypes.c_void_p).value
    assert first is not None
    [place] = Symbols(build).frames([first + 1 - library.rs_module_base()])
    assert place.function == "rs_module_base"


def test_a_list_that_does_not_fit_is_followed_as_far_as_it_does(runtime: Runtime) -> None:
    batch = runtime.replay(TORN, Options(), (Choice(2, 0, 1), Choice(3, 0, 77)), 5)
    assert batch.diverged_at == 3
    assert batch.choices[:1] == (Choice(2, 0, 1),)


def test_what_the_runtime_does_not_know_is_a_sentence(runtime: Runtime) -> None:
    for options in (Options(strategy="nonsense"), Options(memory_model="nonsense")):
        batch = runtime.explore(TORN, options, 0, 1)
        assert batch.status == BAD_REQUEST
        assert "no such" in batch.message
    with pytest.raises(Problem, match="programs"):
        runtime.explore(Scenario("x", 0, "increments", {}, ()), Options(), 0, 1)


@pytest.mark.parametrize(
    ("options", "choices", "seed"),
    [
        (Options(), (), -1),
        (Options(), (), 1 << 64),
        (Options(depth=1 << 40), (), 1),
        (Options(), (Choice(2, 0, 1 << 80),), 1),
    ],
)
def test_a_number_that_does_not_fit_is_a_sentence(
    options: Options, choices: tuple[Choice, ...], seed: int, runtime: Runtime
) -> None:
    with pytest.raises(Problem, match="doesn't fit"):
        runtime.replay(TORN, options, choices, seed)


# ---- Through worker processes ----


def test_an_order_written_by_hand_loses_an_increment() -> None:
    lost = force([to(0, "store"), to(1, count=0)], TORN)
    assert [finding.invariant for finding in lost.findings] == ["A1"]
    assert any("store" in line for line in lost.trace)
    kept = force([to(0, count=0), to(1, count=0)], TORN)
    assert kept.findings == ()
    with pytest.raises(Problem, match="no kind of point"):
        force([to(0, "jump")], TORN)
    with pytest.raises(Problem, match="no thread 2"):
        force([to(2)], TORN)


def test_a_bundle_of_a_forced_order_is_replayed(tmp_path: Path) -> None:
    lost = force([to(0, "store"), to(1, count=0)], TORN)
    for name, data in lost.bundle().items():
        (tmp_path / name).write_bytes(data)
    result = replay(ReplayRequest(str(tmp_path), times=2, trace=True))
    assert (result.seen, result.tries, result.diverged) == (2, 2, None)
    assert result.trace == lost.trace


def test_a_bundle_of_a_forced_order_that_showed_nothing_is_reproduced_by_nothing(tmp_path: Path) -> None:
    """Here it shows something, as if the build that it was kept with had been another: that is something else."""
    lost = force([to(0, "store"), to(1, count=0)], TORN)
    kept = replace(lost, findings=(), build=replace(lost.build, identity="f" * 16))
    for name, data in kept.bundle().items():
        (tmp_path / name).write_bytes(data)
    result = replay(ReplayRequest(str(tmp_path), times=2))
    assert [finding.invariant for finding in result.findings] == ["A1"]
    assert (result.seen, result.same_build) == (0, False)


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_token_is_replayed_in_fresh_processes(defect: str, tmp_path: Path) -> None:
    request = ExploreRequest((f"segments-{defect}",), executions=300, seed=SEED, store=tmp_path)
    result = explore(request, lambda _: None)
    assert result.findings
    for finding in result.findings:
        assert finding.token
        again = replay(ReplayRequest(finding.token, store=tmp_path / "elsewhere"))
        assert (again.seen, again.tries) == (3, 3), finding


def test_each_seed_gives_the_same_in_two_processes(tmp_path: Path) -> None:
    request = ExploreRequest(("segments", "map"), executions=300, seed=SEED, store=tmp_path)
    check = explore(request, lambda _: None, twice=True).self_check
    assert check is not None
    assert (check.seeds, check.different, check.divergences) == (300, 0, ())


# ---- Traces with all events ----


def test_a_whole_trace_has_operations_and_plain_accesses_and_changes_nothing(runtime: Runtime) -> None:
    scenario = replace(DEFECTIVE["publish-early"], setup=(Op("supply", (1,)),))
    points = runtime.replay(scenario, Options(), (), 0, trace=100_000)
    whole = runtime.replay(scenario, Options(), (), 0, trace=100_000, trace_all=True)
    assert whole.trace_hash == points.trace_hash
    more = ("call", "return", "read", "write")

    def common(batch: Batch) -> list[Event]:
        return [event._replace(chosen=False) for event in batch.events if event.kind not in more]

    assert common(whole) == common(points)
    assert len(common(points)) == len(points.events)
    for thread, program in ((-1, scenario.setup), *enumerate(scenario.programs)):
        mine = [event for event in whole.events if event.thread == thread]
        assert [event.value for event in mine if event.kind == "call"] == list(range(len(program)))
        assert len([event for event in mine if event.kind == "return"]) == len(program)


def test_a_traced_write_has_the_value_that_is_read_afterwards(runtime: Runtime) -> None:
    """An index that `initialise` writes is read again by the traversal; a torn addition reads what the other left."""
    events = runtime.replay(DEFECTIVE["count-early"], Options(), (), 0, trace=100_000, trace_all=True).events
    written: dict[int, int] = {}
    compared = 0
    for event in events:
        if event.kind == "write" and event.size == 8:
            written[event.address] = event.value
        elif event.kind == "read" and event.size == 8 and event.address in written:
            assert event.value == written[event.address]
            compared += event.value > 0
    assert compared > 60
