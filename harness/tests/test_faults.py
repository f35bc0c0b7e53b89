"""Fault plans and sweeps: what a plan says is what fails, on fibers, threads and processes; a chain ends by itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given

from harness.builds import Runtime, get_build, load, load_runtime
from harness.cli.sweep import output_of
from harness.explore.tracer import Tracer
from harness.explore.units import schedule_seed
from harness.faults import SweepRequest, sweep
from harness.faults import run as faults_run
from harness.faults.chain import COUNT, Chain, chains_of, faults_of
from harness.faults.request import BASE_SEED, ONCE, PAIRS, PERSISTENT
from harness.faults.spread import spread_chains
from harness.faults.state import restore, save, state_path
from harness.faults.units import FaultUnit, FaultUnits
from harness.generate import discover
from harness.generate.strategies import plans
from harness.model.batch import DONE, Batch
from harness.model.fault import MAX_FAULTS, SURE, FaultCounts, parse_fault, parse_plan
from harness.model.layout import AFTER, BEFORE, Layout
from harness.model.problem import Problem
from harness.model.repro import Origin, Repro
from harness.model.scenario import Op, Scenario
from harness.model.schedule import Options, Schedule
from harness.model.suite import Shape
from harness.model.token import MAX_SEEDED, parse_token, token_of
from harness.repro import ReplayRequest, replay
from harness.tests.test_explore import launch, suite

TENANT_INSTANCES = 32  # KV_MAX_CACHE_NUM
DEFECTS = Path(__file__).resolve().parents[2] / "native" / "defects"
SMALL = {"memory_limit": 64 << 20, "max_handles": 12, "handles_per_block": 3, "supply_num": 3, "block_size": 4096,
         "bucket_num": 5, "max_threads": 16, "node_block_size": 1024, "qclock_slots": 64,
         "station_slots": 2}  # fmt: skip


def scenario(*programs: tuple[Op, ...], faults: tuple[str, ...], **more: int) -> Scenario:
    return Scenario("faults", 0, "kvcache", dict(SMALL), programs=programs, faults=faults, **more)  # type: ignore[arg-type]


def objects(n: int) -> tuple[Op, ...]:
    """Allocate and free n objects under the label USER, each at the same place."""
    return tuple(op for _ in range(n) for op in (Op("la_alloc", (0, 13, 100)), Op("la_free", (0,))))


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    return load_runtime(get_build("sched"))


# ---- What a plan says ----


@pytest.mark.parametrize("text", ["alloc", "alloc skip=3 budget=0", "alloc label=CACHE_MAP_NODE thread=-1 every=2",
                                  "alloc site=native/core/wash.c:8 chance=5 seed=9"])  # fmt: skip
def test_a_plan_is_written_as_it_is_read(text: str) -> None:
    assert str(parse_fault(text)) == text


@pytest.mark.parametrize(("text", "said"), [
    ("", "of no kind"), ("disk", "of no kind"), ("alloc nth=1", "no field nth"), ("alloc skip", "no field skip"),
    ("alloc skip=-1", "must be from 0"), ("alloc skip=x", "must be from 0"), ("alloc chance=0", "must be from 1"),
    ("alloc skip=1 skip=2", "skip twice"), ("alloc site=wash.c", "names no place"), ("alloc thread=-2", "from -1"),
])  # fmt: skip
def test_a_wrong_plan_is_a_sentence(text: str, said: str) -> None:
    with pytest.raises(Problem, match=said):
        parse_fault(text)


def test_a_plan_has_so_many_faults() -> None:
    assert len(parse_plan(("alloc",) * MAX_FAULTS)) == MAX_FAULTS
    with pytest.raises(Problem, match="at most 8"):
        parse_plan(("alloc",) * (MAX_FAULTS + 1))


@given(faults=plans(threads=3, labels=("USER", "CACHE_MAP_NODE")))
def test_drawn_plans_are_plans_and_stand_in_tokens(faults: tuple[str, ...]) -> None:
    assert tuple(map(str, parse_plan(faults))) == faults
    shape = Shape(threads=3, layout=AFTER, ops=6, faults=faults)
    repro = Repro(
        Origin("supply", 7, shape), "ab12cd", Options(), Schedule("pct", 3, (9, 3, 0, 0)), "01234567", "89abcdef"
    )
    assert parse_token(token_of(repro, "0" * 32)) in (repro, "0" * 32)  # one with much in it names its bundle


def test_a_sweeps_token_is_short() -> None:
    shape = Shape(threads=3, layout=AFTER, ops=6, faults=faults_of(PERSISTENT, (123,)))
    repro = Repro(Origin("accounting", (1 << 63) - 1, shape), "ab12cd", Options(check_every=256),
                  Schedule("surw", (1 << 64) - 1, (20_000, 4, 1, 1)), "01234567", "89abcdef")  # fmt: skip
    token = token_of(repro, "0" * 32)
    assert len(token) <= MAX_SEEDED
    assert parse_token(token) == repro


def test_a_suites_scenario_takes_the_faults_of_the_shape() -> None:
    suite = discover()["supply"]
    plain = suite.drawn(1, Shape(threads=3, ops=6))
    assert suite.drawn(1, Shape(threads=3, ops=6, faults=("alloc   skip=2",))) == replace(
        plain, faults=("alloc skip=2",)
    )
    assert plain.digest != replace(plain, faults=("alloc",)).digest


# ---- What fails ----


def counts(runtime: Runtime, *faults: str, programs: int = 2, executions: int = 1) -> FaultCounts:
    given = scenario(*(objects(4),) * programs, faults=faults)
    batch = runtime.explore(given, Options(strategy="random"), 1, executions)
    assert (batch.status, batch.observations) == ("done", ())
    return batch.faults


def of(runtime: Runtime, figures: tuple[int, ...], function: str) -> int:
    sites = runtime.target.sites
    return sum(figure for site, figure in zip(sites, figures, strict=True) if site.function == function)


@pytest.mark.parametrize(("fault", "failures"), [
    ("alloc label=USER", 1), ("alloc label=USER budget=0", 8), ("alloc label=USER skip=3 budget=0", 5),
    ("alloc label=USER every=3 budget=0", 3), ("alloc label=USER budget=2", 2), ("alloc label=USER skip=8", 0),
    ("alloc label=USER thread=1 budget=0", 4), ("alloc label=USER thread=-1 budget=0", 0),
    ("alloc label=NONE budget=0", 0),
])  # fmt: skip
def test_a_condition_decides_what_fails(runtime: Runtime, fault: str, failures: int) -> None:
    met = counts(runtime, fault)
    assert met.failed == of(runtime, met.failing, "kt_op_la_alloc") == failures
    assert met.hit == (failures > 0)


def test_a_place_fails(runtime: Runtime) -> None:
    [site] = [site for site in runtime.target.sites if site.function == "kt_op_la_alloc"]
    assert counts(runtime, f"alloc site={site} budget=0").failed == 8
    with pytest.raises(Problem, match="names no place that allocates"):
        counts(runtime, f"alloc site={site.file}:{site.line + 1}")


def test_a_chance_is_drawn_for_each_thread(runtime: Runtime) -> None:
    """So a thread's failures are its own, however many others there are."""

    def failures(thread: int, programs: int, seed: int) -> int:
        fault = f"alloc label=USER thread={thread} budget=0 chance={SURE // 2} seed={seed}"
        return counts(runtime, fault, programs=programs).failed

    alone = [failures(0, 1, seed) for seed in range(20)]
    assert alone == [failures(0, 3, seed) for seed in range(20)]
    assert len(set(alone)) > 1
    assert alone != [failures(1, 2, seed) for seed in range(20)]


def test_several_faults_count_apart(runtime: Runtime) -> None:
    met = counts(runtime, "alloc label=USER skip=1", "alloc label=USER skip=6")
    assert (met.failed, met.hit) == (2, 1)


def test_creation_that_is_refused_is_no_finding(runtime: Runtime) -> None:
    met = counts(runtime, "alloc")
    assert of(runtime, met.failing, "make_object") == met.failed == met.points == 1


def test_an_allocation_that_fails_by_choice(runtime: Runtime) -> None:
    """Each choice list replays to the same failures; the core stands it."""
    given = scenario(objects(4), objects(4), faults=())
    options = Options(strategy="random", fail_alloc=True)
    batch = runtime.explore(given, options, 1, 40)
    assert batch.observations == ()
    assert batch.faults.failed > 0
    again = runtime.explore(given, options, 1, 40)
    assert (again.batch_hash, again.faults) == (batch.batch_hash, batch.faults)
    one = runtime.explore(given, options, 1, 1, calibration=batch.calibration)
    assert runtime.replay(given, options, one.choices, 0).trace_hash == one.trace_hash


def test_threads_and_processes_share_the_counters() -> None:
    """The same plan: one execution's budget, whoever spends it; another process's failures count too."""
    library = load(get_build("native"))
    faults = ("alloc label=USER skip=2 budget=3",)
    threads = library.execute(scenario(objects(4), objects(4), faults=faults))
    shared = library.execute(scenario(objects(4), objects(4), faults=faults, processes=2, shared_bytes=100 << 20))
    for outcome in (threads, shared):
        assert (outcome.status, outcome.violations) == ("done", ())
        assert outcome.faults.failed == outcome.codes["NO_MEMORY"] == 3
    one = library.execute(scenario(objects(4), objects(4), faults=("alloc label=USER thread=1 budget=0",)))
    assert one.codes["NO_MEMORY"] == 4
    assert library.execute(scenario(objects(1), faults=("alloc",))).faults.failed == 1  # creation


def test_silence_is_a_finding() -> None:
    """F1 has to be judged: what a benign scope forgives is counted, never unseen."""
    runtime = load_runtime(get_build("sched"))
    assert all(scope.reason and (not scope.op or scope.op in runtime.target.ops) for scope in runtime.target.benign)
    functions = {site.function for site in runtime.target.sites}
    assert {scope.function for scope in runtime.target.benign} <= functions
    puts = tuple(Op("put", (0, key, 900)) for key in range(6))
    fault = "alloc label=KVSTORE_CACHE budget=1"
    batch = runtime.explore(scenario(puts, puts, faults=(fault,)), Options(strategy="random"), 1, 20)
    assert batch.observations == ()
    assert batch.checks["F1"] >= sum(batch.faults.benign)
    assert batch.checks["F2"] > 0


# ---- Chains ----


def swept(mode: str, most: int, counted: int = 0) -> list[tuple[int, ...]]:
    """Run a chain on executions that have `most` allocations; return the points in their order."""
    chain = Chain("supply", AFTER, mode, points=counted)
    points = []
    while (point := chain.take()) is not None:
        points.append(point)
        reached = sum(place < most for place in point)
        chain.add(point, FaultCounts(points=most, failed=reached, hit=min(reached, 1)))
        chain.finish(point)
    assert chain.complete
    return points


def test_a_chain_ends_at_the_first_point_that_nothing_reaches() -> None:
    assert swept(ONCE, 3) == [(0,), (1,), (2,), (3,)]
    assert swept(COUNT, 3) == [(0,)]


def test_pairs_come_in_rows() -> None:
    assert swept(PAIRS, 3, counted=3) == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3)]
    assert swept(PAIRS, 1, counted=1) == [(0, 1)]


def test_points_in_flight_do_not_end_a_chain_early() -> None:
    chain = Chain("supply", AFTER, ONCE)
    assert [chain.take() for _ in range(3)] == [(0,), (1,), (2,)]
    chain.finish((2,))
    assert chain.take() is None
    assert not chain.complete
    chain.add((0,), FaultCounts(failed=1, hit=1))
    for point in ((0,), (1,)):
        chain.finish(point)
    assert chain.complete


def test_a_sweep_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "sweeps" / "x.json"
    [_, chain] = chains = chains_of(("supply",), (AFTER,), (ONCE,))
    for point in ((0,), (1,)):
        assert chain.take() == point
        chain.add(point, FaultCounts(points=9, failed=1, hit=1, reached=(1,), failing=(1,), benign=()))
        chain.finish(point)
    save(path, chains, [])
    fresh = chains_of(("supply",), (AFTER,), (ONCE,))
    assert restore(path, fresh) == []
    assert fresh[1].take() == (2,)
    assert fresh[1].counts == chain.counts
    path.write_text("{")
    with pytest.raises(Problem, match="without --resume"):
        restore(path, fresh)


def handed(*modes: str, schedules: int = 1) -> tuple[FaultUnits, list[Chain]]:
    """Return the units of a sweep of a suite that draws for no target, and its chains."""
    request = SweepRequest(("fine",), schedules=schedules, modes=modes, layouts=(AFTER,))
    chains = chains_of(("fine",), (AFTER,), modes)
    return FaultUnits(request, (suite("fine"),), chains), chains


def came(executions: int = 1, **counts: Any) -> Batch:
    return Batch(DONE, "", executions=executions, faults=FaultCounts(**counts))


def taken(units: FaultUnits) -> FaultUnit:
    unit = units.next()
    assert isinstance(unit, FaultUnit)
    return unit


def test_pairs_wait_for_the_count_of_points() -> None:
    """The first row ends at once, and only the count says that more rows come."""
    units, [_, pairs] = handed(PAIRS)
    count = taken(units)
    assert (count.point, units.next()) == ((0,), None)
    units.took(count, came(points=3))
    first = taken(units)
    assert first.point == (0, 1)
    units.took(first, came(points=1, failed=1, hit=1))
    assert taken(units).point == (1, 2)
    assert not pairs.complete


def test_without_a_count_no_pair_is_swept_and_nothing_is_complete(tmp_path: Path) -> None:
    units, chains = handed(PAIRS)
    units.lost(taken(units))
    assert units.next() is None
    assert [chain.complete for chain in chains] == [False, False]
    path = tmp_path / "sweeps" / "x.json"
    save(path, chains, [])
    units, chains = handed(PAIRS)
    restore(path, chains)
    assert taken(units).chain == chains[0].name  # going on begins with the count


def test_a_spread_that_was_not_counted_is_not_complete() -> None:
    """Nor is it taken for one in which nobody holds anything; that is one which nobody died in."""
    request = SweepRequest(("fine",), schedules=2, modes=(ONCE,), layouts=(AFTER,), threads=2)
    chains = spread_chains(request, ("wash",))
    units = FaultUnits(request, (suite("fine"),), [*chains])
    dies, counted = taken(units), taken(units)
    units.give_back(dies.rest(1))
    units.lost(dies)
    units.took(taken(units), came())
    units.took(counted, came(2))
    assert units.next() is None
    assert [chain.complete for chain in chains] == [False, True]


def test_a_point_is_done_when_all_its_schedules_are() -> None:
    """The process died in the last one, and what it had found by then has to be found again."""
    units, [_, once] = handed(ONCE, schedules=200)
    units.took(taken(units), came(200, points=9))
    unit = taken(units)
    last = unit.first_seed + 199
    units.give_back(unit.until(last, 0))
    units.give_back(unit.rest(200))
    units.lost(unit)
    assert once.done == {}
    again = taken(units)
    assert (again.point, again.first_seed, again.executions) == ((0,), unit.first_seed, 199)
    units.took(again, came(199, failed=7, hit=7))
    assert once.done == {(0,): 8}


def test_a_worker_that_dies_leaves_no_point_done_before_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Worker and supervisor as they are: a race at the seeds that 20 divides, and a crash at the last one."""
    both = replace(suite("race-then-segv"), name="both")
    seed, left = next((n, left) for n in range(99) if (left := -schedule_seed(n, "both", 0) % 60) > 20)
    chain = Chain("both", AFTER, COUNT, points=1)
    request = SweepRequest(("both",), schedules=left + 1, layouts=(AFTER,), seed=seed, store=tmp_path)
    done: list[dict[tuple[int, ...], int]] = []

    def lost(units: FaultUnits, *unit: Any) -> None:
        died(units, *unit)
        done.append(dict(chain.done))

    died = FaultUnits.lost
    monkeypatch.setattr(FaultUnits, "lost", lost)
    monkeypatch.setattr(Tracer, "trace", lambda *_: None)
    target = SimpleNamespace(name="fake", sites=(), benign=())
    monkeypatch.setattr(faults_run, "load_runtime", lambda _: SimpleNamespace(target=target))
    result = faults_run.sweep_with(launch(), request, (both,), [chain], lambda _: None, lambda _: None)
    assert {finding.kind for finding in result.findings} == {"crash", "data-race"}
    assert done == [{}]
    assert chain.complete


def test_the_state_of_a_sweep_is_of_what_its_suites_draw(tmp_path: Path) -> None:
    request = SweepRequest(("fine",), layouts=(AFTER,), store=tmp_path)
    build = launch().build
    paths = {state_path(request, (suite("fine", every),), build) for every in (20, 20, 21)}
    assert len(paths) == 2


# ---- Sweeps ----


def test_a_sweep_of_the_core_finds_nothing(tmp_path: Path) -> None:
    request = SweepRequest(("expansion",), schedules=2, layouts=(AFTER, BEFORE), modes=(ONCE,), store=tmp_path)
    result = sweep(request, lambda _: None)
    assert result.findings == []
    assert result.complete
    assert all(chain.swept > 10 for chain in result.sweeps())
    output = output_of(result)
    creation = {"init_flat", "init_segmented", "make_buckets", "wb_make", "hv_init", "make_object"}
    assert creation <= {site.function for site in output.sites if site.failed}
    assert all(site.split()[0] in {one.site for one in output.sites if not one.failed} for site in output.never_failed)
    again = sweep(replace(request, resume=True), lambda _: None)
    assert (again.complete, sum(suite.executions for suite in again.suites)) == (True, 0)
    assert again.counts == result.counts


def test_planted_defects_are_found_by_failures_alone_and_replay(tmp_path: Path) -> None:
    """Two at once, for one build: a count that is not rolled back, and a part that a failed creation forgets."""
    patches = tuple(DEFECTS / f"fault-{name}.patch" for name in ("count-kept", "part-forgotten"))
    request = SweepRequest(("supply",), schedules=2, layouts=(AFTER,), modes=(ONCE,), patches=patches, store=tmp_path)
    result = sweep(request, lambda _: None)
    assert {"Q2", "Q8"} <= {finding.invariant for finding in result.findings}
    runtime = load_runtime(result.build)
    base = discover()["supply"].drawn(BASE_SEED, request.shape(AFTER, ()))
    assert runtime.explore(base, request.options, 0, 60).observations == ()
    for finding in result.findings:
        assert finding.token
        back = replay(ReplayRequest(finding.token, times=1, store=tmp_path / "elsewhere", patches=patches))
        assert (back.seen, back.tries) == (1, 1), finding.message


def test_what_a_sweep_can_not_do_is_a_sentence(tmp_path: Path) -> None:
    for request, said in ((SweepRequest(("nothing",)), "no suite 'nothing'"),
                          (SweepRequest(("supply",), schedules=0), "schedules is 0"),
                          (SweepRequest(("supply",), modes=("twice",)), "no mode twice"),
                          (SweepRequest(("supply",), options=Options(strategy="dfs")), "dfs")):  # fmt: skip
        with pytest.raises(Problem, match=said):
            sweep(replace(request, store=tmp_path), lambda _: None)


# ---- A tenant's limit ----


@pytest.mark.parametrize("layout", [AFTER, BEFORE], ids=str)
def test_a_tenants_limit_falls_while_its_traffic_runs(layout: Layout, runtime: Runtime) -> None:
    """Tenant 1 may hold nothing more for a while: its puts wash or say so, all is exact, and well again afterwards."""
    tenant = 1
    mine = tenant * TENANT_INSTANCES
    puts = tuple(Op("put", (mine, key, 900)) for key in range(12))
    limits = (Op("set_tenant_limit", (tenant, 8192)), Op("get", (mine, 0)), Op("sync_wash", (4096,)),
              Op("set_tenant_limit", (tenant, 0)))  # fmt: skip
    given = scenario(puts, limits, puts[::-1], faults=("alloc label=NONE",))  # nothing fails by plan, but F2 is judged
    given.params.update(layout.params())
    batch = runtime.explore(given, Options(strategy="random"), 1, 300)
    assert batch.observations == ()
    assert batch.checks["F2"] > 0
    outcome = load(get_build("native")).execute(replace(given, rounds=20))
    assert (outcome.status, outcome.violations) == ("done", ())
    low = scenario((Op("set_tenant_limit", (tenant, 1)), *puts, Op("set_tenant_limit", (tenant, 0))), faults=())
    low.params.update(layout.params())
    refused = load(get_build("native")).execute(low)
    assert refused.violations == ()
    # Before, a tenant's blocks are its own; after, all are the server's.
    assert refused.codes.get("NO_MEMORY", 0) == (len(puts) if layout == BEFORE else 0)
