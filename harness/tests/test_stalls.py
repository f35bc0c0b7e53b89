"""Threads that stop by plan, and a clock that errs: where, for how long, who waits then, and what sweeps make of it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from harness.builds import Runtime, get_build, load, load_runtime
from harness.faults import SweepRequest, sweep
from harness.faults.request import CLOCK_SEED, ONCE, PAIRS
from harness.faults.spread import COUNTED, HOUR, Spread, spread_chains
from harness.faults.state import restore, save
from harness.generate import discover
from harness.model.batch import BAD_REQUEST, Batch
from harness.model.fault import CLOCK, STALL, Fault, FaultCounts, parse_fault
from harness.model.layout import AFTER
from harness.model.problem import Problem
from harness.model.scenario import Op, Program, Scenario
from harness.model.schedule import Options
from harness.model.suite import Shape
from harness.repro import ReplayRequest, replay
from harness.shrink.case import into_setup, joined, only_operations
from harness.stress.request import RunRequest
from harness.stress.run import run
from harness.tests.test_faults import SMALL

DEFECTS = Path(__file__).resolve().parents[2] / "native" / "defects"
NEVER = 1 << 40
CLOCK_CHOICE = 4  # RS_C_CLOCK
PUTS: Program = tuple(Op("put", (0, key, 40)) for key in range(4))
GETS: Program = tuple(Op("get", (0, key)) for key in range(4))
ERASES: Program = tuple(Op("erase", (0, key)) for key in range(4))


def scenario(*programs: Program, faults: tuple[str, ...] = (), setup: Program = PUTS, **params: int) -> Scenario:
    return Scenario("stalls", 0, "kvcache", SMALL | params, programs=programs, setup=setup, faults=faults)


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    return load_runtime(get_build("sched"))


def explored(runtime: Runtime, given: Scenario, executions: int = 60, strategy: str = "random") -> Batch:
    batch = runtime.explore(given, Options(strategy=strategy), 1, executions)
    assert batch.status == "done", batch.message
    return batch


# ---- What a plan says ----


@pytest.mark.parametrize("text", ["stall", "stall thread=1 holding=version skip=3 steps=500", "clock jump=-5 skip=2",
                                  "clock thread=-1 skip=9 budget=0"])  # fmt: skip
def test_a_plan_is_written_as_it_is_read(text: str) -> None:
    assert str(parse_fault(text)) == text


@pytest.mark.parametrize(("text", "said"), [
    ("stall label=USER", "no field label"), ("stall budget=2", "no field budget"), ("stall thread=-1", "can't stop"),
    ("clock steps=1", "no field steps"), ("alloc jump=1", "no field jump"), (f"clock jump={9 * 10**18}", "from -1"),
])  # fmt: skip
def test_a_wrong_plan_is_a_sentence(text: str, said: str) -> None:
    with pytest.raises(Problem, match=said):
        parse_fault(text)


def test_what_nobody_can_hold_is_a_sentence(runtime: Runtime) -> None:
    with pytest.raises(Problem, match="it may be version, pointer, bucket, wash, any"):
        explored(runtime, scenario(PUTS, faults=("stall holding=key",)))


# ---- Who stops ----


@pytest.mark.parametrize("strategy", ["random", "pct", "pos", "guided"])
def test_a_stall_that_never_comes_changes_nothing(runtime: Runtime, strategy: str) -> None:
    """Every point is looked at, and still the strategy is asked when it would have been.

    Not so surw, which then knows better what a thread is about to do.
    """
    plain = explored(runtime, scenario(PUTS, GETS, ERASES), strategy=strategy)
    looked = explored(runtime, scenario(PUTS, GETS, ERASES, faults=(f"stall skip={NEVER}",)), strategy=strategy)
    assert (looked.batch_hash, looked.decisions, looked.switches) == (
        plain.batch_hash, plain.decisions, plain.switches)  # fmt: skip
    assert looked.faults.failed == 0
    assert looked.faults.met[0] > 100


@pytest.mark.parametrize("holding", ["version", "pointer", "bucket", "wash", "any"])
def test_a_thread_stops_where_it_holds_it_and_goes_on(runtime: Runtime, holding: str) -> None:
    mine: Program = (Op("wash", (8192,)),) if holding == "wash" else PUTS
    fault = f"stall thread=0 holding={holding} skip=4 steps=200"
    batch = explored(runtime, scenario(mine, GETS, ERASES, faults=(fault,)))
    assert batch.observations == ()
    assert batch.faults.hit == batch.faults.failed == batch.executions
    assert batch.operations == batch.executions * (len(mine) + len(GETS) + len(ERASES))


def test_without_anybody_else_it_goes_on_at_once(runtime: Runtime) -> None:
    batch = explored(runtime, scenario(PUTS, faults=(f"stall skip=40 steps={NEVER}",)), executions=1)
    assert (batch.observations, batch.operations, batch.faults.failed) == ((), len(PUTS), 1)
    assert batch.max_steps < 100_000


def test_a_dead_thread_ends_there_and_the_others_at_their_ends(runtime: Runtime) -> None:
    """hv_hold is over: nobody waits for a version, and B1 is judged beside it."""
    mine: Program = (Op("hv_hold"), *GETS, Op("hv_drop"))
    batch = explored(runtime, scenario(mine, ERASES, PUTS, faults=("stall thread=0 holding=version",)))
    assert batch.observations == ()
    assert batch.faults.failed == batch.executions
    assert batch.operations == batch.executions * (1 + len(ERASES) + len(PUTS))
    assert batch.checks["B1"] == 2 * batch.executions
    assert batch.checks["Q8"] == 0  # nothing is destroyed under the dead


def test_who_waits_for_a_dead_one_names_it_and_what_it_holds(runtime: Runtime) -> None:
    given = scenario(PUTS, PUTS, faults=("stall thread=0 holding=bucket skip=2",), lock_stripes=1)
    batch = explored(runtime, given)
    assert batch.observations
    for seen in batch.observations:
        assert seen.kind == "blocked"
        assert "thread 0, stopped for ever by the plan, holds version" in seen.message
        assert "bucket" in seen.message
        assert "thread 1 waits for" in seen.message
    assert batch.faults.blocked == sum(seen.count for seen in batch.observations)
    seen = batch.observations[0]
    again = runtime.replay(given, Options(), seen.choices, seen.seed)
    assert (again.trace_hash, [one.kind for one in again.observations]) == (seen.trace_hash, ["blocked"])


def test_a_deadlock_of_others_is_none_of_the_dead_ones() -> None:
    """A wash that keeps its lock: who waits for a thread that has ended waits for a defect."""
    build = get_build("sched", (DEFECTS / "fault-wash-kept-locked.patch",))
    washes: Program = (Op("wash", (8192,)),)
    faults = ("alloc label=KvstCachWashStr thread=0", "stall thread=2 holding=version")
    batch = explored(load_runtime(build), scenario(washes, washes, GETS, faults=faults), strategy="pct")
    assert "deadlock" in {seen.kind for seen in batch.observations}


def test_every_execution_can_be_made_again(runtime: Runtime) -> None:
    given = scenario(PUTS, GETS, ERASES, faults=("stall thread=1 skip=60 steps=150", "stall holding=pointer skip=9"))
    one = runtime.explore(given, Options(strategy="random", check_every=16), 7, 1)
    assert runtime.replay(given, Options(check_every=16), one.choices, 0).trace_hash == one.trace_hash
    assert explored(runtime, given).batch_hash == explored(runtime, given).batch_hash


def test_dpor_takes_no_stop_that_ends(runtime: Runtime) -> None:
    given = scenario(PUTS[:1], GETS[:1], faults=("stall steps=5",))
    batch = runtime.explore(given, Options(strategy="dfs"), 1, 10)
    assert (batch.status, "strategy dfs" in batch.message) == (BAD_REQUEST, True)


# ---- Real threads ----


def test_real_threads_stop_between_operations() -> None:
    library = load(get_build("native"))
    dead = library.execute(scenario(PUTS, GETS, faults=("stall thread=0 skip=1",)))
    assert (dead.status, dead.violations, dead.ops, dead.faults.failed) == ("done", (), 2 + len(GETS), 1)
    holder: Program = (Op("hv_hold"), *GETS)
    held = library.execute(scenario(holder, PUTS, faults=("stall thread=0 holding=version",)))
    assert (held.status, held.violations, held.ops) == ("done", (), 1 + len(PUTS))
    waits = library.execute(scenario(PUTS, GETS, ERASES, faults=("stall skip=2 steps=3", "stall skip=3 steps=3")))
    assert (waits.status, waits.ops, waits.faults.failed) == ("done", len(PUTS) + len(GETS) + len(ERASES), 2)


def test_the_clock_of_real_threads_is_no_plans(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="racewash explore"):
        run(RunRequest(suites=("map",), seconds=1, faults=("clock jump=5",), store=tmp_path), lambda _: None)


# ---- The clock ----


def readings(runtime: Runtime, *faults: str) -> tuple[list[int], list[str]]:
    """What a thread reads off the clock, and how its operations end."""
    program: Program = (*(Op("flush", (0,)),) * 2, Op("sync_wash", (1 << 20,)))
    given = scenario(program, faults=faults, sync_wash_steps=1)
    batch = runtime.replay(given, Options(), (), 0, trace=100_000, trace_all=True)
    assert batch.observations == ()
    events = [event for event in batch.events if event.thread == 0]
    ends = [runtime.target.codes[event.value] for event in events if event.kind == "return"]
    return [event.value for event in events if event.kind == "clock"], ends


def test_a_clock_jumps(runtime: Runtime) -> None:
    plain, ends = readings(runtime)
    assert "TIMEOUT" not in ends
    assert plain == sorted(plain)
    assert plain[-1] - plain[0] < HOUR
    jumped, ends = readings(runtime, f"clock thread=0 jump={HOUR} budget=0")
    assert ends[-1] == "TIMEOUT"
    assert all(later - earlier >= HOUR for earlier, later in pairwise(jumped))
    back, _ = readings(runtime, f"clock thread=0 jump={-HOUR} budget=0")
    assert back == plain  # the core reads no real-time clock


def test_a_clock_stands_still(runtime: Runtime) -> None:
    still, ends = readings(runtime, "clock thread=0 skip=1 budget=0")
    assert len(set(still)) == 1
    assert len(still) > 2
    assert "TIMEOUT" not in ends


# ---- Chains ----


def chain(most: int) -> Spread:
    return Spread("map", AFTER, ONCE, fault=Fault(STALL, thread=1, holding="version", steps=9), most=most)


def swept(one: Spread, counted: int) -> list[tuple[int, ...]]:
    points = []
    while (point := one.take()) is not None:
        points.append(point)
        one.add(point, FaultCounts(met=(counted, 0), hit=1))
        one.finish(point)
    assert one.complete
    return points


def test_a_chain_counts_first_and_takes_points_far_apart() -> None:
    assert chain(8).plan((4,)) == ("stall thread=1 holding=version skip=4 steps=9",)
    assert swept(chain(8), 3) == [COUNTED, (0,), (1,), (2,)]
    assert swept(chain(4), 100) == [COUNTED, (0,), (25,), (50,), (75,)]
    assert swept(chain(4), 0) == [COUNTED]


def test_nothing_is_taken_before_it_is_counted_and_a_sweep_goes_on(tmp_path: Path) -> None:
    first = chain(4)
    assert (first.take(), first.take(), first.complete) == (COUNTED, None, False)
    first.add(COUNTED, FaultCounts(met=(9,)))
    first.finish(COUNTED)
    assert first.take() == (0,)
    first.waits["thread 1 holds version"] = 2
    save(tmp_path / "state.json", [first], [])
    second = chain(4)
    assert restore(tmp_path / "state.json", [second]) == []
    assert (second.take(), second.points, second.waits) == ((0,), 9, first.waits)


def test_what_a_sweep_can_not_do_is_a_sentence() -> None:
    request = SweepRequest(("map",), fault=STALL)
    assert len(spread_chains(request, ("version", "wash"))) == 2 * 2 * request.threads * 2
    for wrong, said in ((replace(request, modes=(PAIRS,)), "pairs are of allocations"),
                        (replace(request, points=0), "points is 0"),
                        (replace(request, fault="disk"), "no fault 'disk'"),
                        (replace(request, fault="kill"), "'kill' needs real processes.*`racewash run`"),
                        (replace(request, fault="space"), "'space' needs real processes")):  # fmt: skip
        with pytest.raises(Problem, match=said):
            sweep(wrong, lambda _: None)


# ---- Sweeps ----


def test_a_sweep_of_the_core_finds_nothing_and_says_who_was_waited_for(tmp_path: Path) -> None:
    """With a seed whose scenario holds all four."""
    request = SweepRequest(("map",), fault=STALL, schedules=1, points=1, layouts=(AFTER,), seed=5, store=tmp_path)
    result = sweep(request, lambda _: None)
    assert (result.findings, result.complete) == ([], True)
    rows = {(row.mode, row.holding): row for row in result.sweeps()}
    assert len(rows) == 2 * 4
    assert all(row.swept > 0 and row.hit > 0 for row in rows.values())
    assert all(row.blocked == 0 for row in rows.values() if row.mode == ONCE)
    waits = result.waits()
    assert sum(wait.executions for wait in waits) == sum(row.blocked for row in rows.values()) > 0
    assert all("holds" in wait.holder for wait in waits)
    again = sweep(replace(request, resume=True), lambda _: None)
    assert (again.complete, sum(suite.executions for suite in again.suites)) == (True, 0)
    assert (again.sweeps(), again.waits()) == (result.sweeps(), waits)


def test_planted_defects_are_found_by_their_faults_alone_and_replay(tmp_path: Path) -> None:
    """Two at once, for one build: blocks kept around a protected one, and a section left open by a time-out."""
    patches = tuple(DEFECTS / f"{name}.patch" for name in ("stall-blocks-kept", "clock-section-kept"))
    runtime = load_runtime(get_build("sched", patches))
    holder: Program = (Op("get_hold", (0, 0, 9)), *GETS)
    fills: Program = tuple(Op("put", (0, key, 900)) for key in range(16))
    plain = scenario(holder, (Op("flush", (1,)),), setup=fills)
    dead = replace(plain, faults=("stall thread=0 holding=pointer skip=2",))
    assert explored(runtime, plain).observations == ()
    assert {seen.invariant for seen in explored(runtime, dead).observations if seen.kind != "blocked"} == {"B1"}
    request = SweepRequest(("wash",), fault=CLOCK, schedules=1, points=8, layouts=(AFTER,), modes=(ONCE,),
                           seed=CLOCK_SEED, patches=patches, store=tmp_path)  # fmt: skip
    found = sweep(request, lambda _: None).findings
    assert {finding.kind for finding in found} <= {"invariant", "livelock"}
    base = discover()["wash"].drawn(request.seed, request.shape(AFTER, ()))
    assert explored(runtime, base).observations == ()
    by_choice = runtime.explore(base, Options(strategy="random", clocks=True), 1, 200).observations
    assert CLOCK_CHOICE in {choice.kind for seen in by_choice for choice in seen.choices}
    assert found[0].token
    back = replay(ReplayRequest(found[0].token, times=1, store=tmp_path / "elsewhere", patches=patches))
    assert (back.seen, back.tries) == (1, 1)


# ---- Smaller scenarios ----


def test_faults_keep_their_threads_in_smaller_scenarios() -> None:
    given = scenario(PUTS[:1], GETS, ERASES, faults=("stall thread=0", "stall thread=2 skip=1", "alloc"))
    assert only_operations(given, [(2, 0)]).faults == ("stall thread=0 skip=1", "alloc")
    assert joined(given, 0, 1).faults == ("stall thread=0", "stall thread=1 skip=1", "alloc")
    assert joined(given, 2, 0).faults == ("stall thread=1", "stall thread=1 skip=1", "alloc")
    assert into_setup(given, 0).faults == ("stall thread=1 skip=1", "alloc")
    assert into_setup(given, 1).faults == given.faults


def test_a_suites_scenario_takes_them() -> None:
    faults = ("stall thread=1 steps=9", "clock skip=3")
    assert discover()["map"].drawn(1, Shape(threads=3, ops=6, faults=faults)).faults == faults
