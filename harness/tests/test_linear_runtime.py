"""Histories of executions: recorded as they were, judged without being noticed, told as findings with a token."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from harness.builds import Runtime, get_build, load_checker, load_runtime, sources
from harness.explore.child import exploring
from harness.explore.exhaustive import EXHAUSTIVE
from harness.explore.request import ExploreRequest
from harness.explore.run import explore_with
from harness.explore.workloads import WORKLOADS
from harness.model.batch import Observation
from harness.model.finding import Finding
from harness.model.history import LINEARIZABLE, SETUP, VIOLATED, Deed, Done
from harness.model.repro import Repro
from harness.model.scenario import Op, Scenario
from harness.model.schedule import Options
from harness.model.suite import Shape, Suite
from harness.model.token import parse_token
from harness.oracle import observed
from harness.repro import ReplayRequest, replay
from suites import map as map_suite
from suites import supply

pytestmark = pytest.mark.contract

JUDGED = Options(strategy="random", linearizable=True)
DEFECT = sources() / "native" / "defects" / "map-overwrite-at-head.patch"
EXECUTIONS = 800


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    return load_runtime(get_build("sched"))


def small(*programs: tuple[Op, ...], setup: tuple[Op, ...] = ()) -> Scenario:
    params = map_suite.SUITE.generate(1, Shape()).params
    return Scenario("test", 0, "kvcache", params, programs=programs, setup=setup)


def history_of(runtime: Runtime, scenario: Scenario) -> tuple[Done, ...]:
    return runtime.explore(scenario, JUDGED, 1, 1, history=True).history


# ---- Recorded ----


def test_a_history_has_every_operation_in_its_order(runtime: Runtime) -> None:
    scenario = map_suite.SUITE.generate(3, Shape(threads=3, ops=8))
    history = history_of(runtime, scenario)
    programs = [scenario.setup, *scenario.programs]
    for thread, program in enumerate(programs, SETUP):
        own = [done for done in history if done.thread == thread]
        assert [(done.name, done.args) for done in own] == [(op.name, op.args) for op in program]
        assert all(one.to < other.start for one, other in pairwise(own))
    assert len(history) == sum(map(len, programs))
    assert all(done.start < done.to and done.start_step <= done.to_step for done in history)
    by_time = sorted((time, step) for d in history for time, step in ((d.start, d.start_step), (d.to, d.to_step)))
    assert all(one[0] < other[0] and one[1] <= other[1] for one, other in pairwise(by_time))
    assert any(one.start < other.start < one.to for one in history for other in history)


def test_operations_tell_what_they_did(runtime: Runtime) -> None:
    program = (
        Op("get", (33, 5)), Op("put", (33, 5, 40)), Op("put_absent", (33, 5, 41)), Op("get", (33, 5)),
        Op("get_hold", (0, 33, 5)), Op("hold_drop", (0,)), Op("put", (33, 5, 1)), Op("get", (33, 5)),
        Op("erase", (33, 5)), Op("erase", (33, 5)), Op("put_absent", (33, 5, 42)), Op("erase_cache", (1,)),
        Op("erase_tenant", (2,)), Op("wash", (1,)), Op("alloc_mb", (0, 1024, 0)), Op("free_mb", (0,)),
        Op("free_mb", (0,)), Op("supply", (1,)), Op("purge"),
    )  # fmt: skip
    did = [done.deed for done in history_of(runtime, small(program))]
    actions = " ".join(deed.action or "-" for deed in did)
    assert actions == "miss put exists hit hit - put hit erase absent add clear clear - take give - read -"
    assert {deed.object for deed in did[:5]} == {(1, 1, 5)}
    assert did[1].value == did[3].value == did[4].value != did[6].value == did[7].value
    assert [deed.evicts for deed in did].index(True) == 13
    assert did[14].object == did[15].object
    assert did[17].value > 0


def test_an_allocation_that_washed_may_have_evicted(runtime: Runtime) -> None:
    """Blocks of a megabyte under a limit of eight: the later puts wash the earlier ones' blocks away."""
    puts = tuple(Op("put", (0, key, 900_000)) for key in range(14))
    scenario = small((Op("set_limit", (8 << 20,)), *puts, Op("get", (0, 0))))
    scenario = replace(scenario, params={**scenario.params, "block_size": 1 << 20, "max_handles": 37})
    history = history_of(runtime, scenario)
    evicting = [done.name for done in history if done.deed.evicts]
    assert evicting
    assert set(evicting) == {"put"}
    assert history[-1].deed.action == "miss"
    checker = load_checker(runtime.build)
    assert checker.check(history).verdict == LINEARIZABLE
    steady = [done._replace(deed=done.deed._replace(evicts=False)) for done in history]
    assert checker.check(steady).verdict == VIOLATED


def test_what_the_set_up_holds_goes_back_with_it(runtime: Runtime) -> None:
    """No operation tells that; its handle is taken again all the same."""
    take = tuple(Op("alloc_mb", (0, 1024, slot)) for slot in range(4))
    batch = runtime.explore(small((Op("reclaim"), Op("purge"), *take), setup=take[:1]), JUDGED, 1, 1, history=True)
    before, *after = (done.deed for done in batch.history if done.name == "alloc_mb")
    assert before.model == ""
    assert (0, 0, 0) in {deed.object for deed in after if deed.action == "take"}
    assert batch.observations == ()


def test_recording_is_not_noticed(runtime: Runtime) -> None:
    scenario = supply.SUITE.generate(5, Shape(threads=3, ops=6))
    for plain in (False, True):
        options = replace(JUDGED, plain_points=plain)
        with_it = runtime.explore(scenario, options, 7, 20)
        without = runtime.explore(scenario, replace(options, linearizable=False), 7, 20, history=True)
        assert (with_it.points, with_it.choices) == (without.points, without.choices)
        if not plain:  # with it the hash has addresses of what the caller gave
            assert with_it.batch_hash == without.batch_hash
        assert (with_it.judged, with_it.undecided) == (20, 0)
        assert (without.judged, without.undecided, without.history) == (0, 0, ())


def test_a_target_that_tells_nothing_is_not_judged(runtime: Runtime) -> None:
    batch = runtime.explore(WORKLOADS["segments"].generate(0, Shape()), JUDGED, 1, 5, history=True)
    assert (batch.judged, batch.undecided, batch.history) == (0, 0, ())


@pytest.mark.parametrize("name", EXHAUSTIVE)
def test_a_correct_core_has_an_order(name: str, runtime: Runtime) -> None:
    batch = runtime.explore(EXHAUSTIVE[name].generate(0, Shape()), JUDGED, 1, 100)
    assert batch.observations == ()
    assert (batch.judged, batch.undecided) == (100, 0)


def test_an_execution_can_be_judged_again_from_its_history(runtime: Runtime) -> None:
    history = history_of(runtime, map_suite.SUITE.generate(3, Shape(threads=3, ops=8)))
    checker = load_checker(runtime.build)
    assert checker.check(history).verdict == LINEARIZABLE
    last = next(done for done in reversed(history) if done.deed.model == "cache")
    never = Deed("cache", "hit", last.deed.object, -1)
    assert checker.check([*history, Done(10**6, 10**6 + 1, never)]).verdict == VIOLATED


# ---- Found ----


def generate(seed: int, shape: Shape) -> Scenario:
    """A get of one key while it is overwritten; another key lies before it in its bucket."""
    params = EXHAUSTIVE["insert+delete-neighbours"].generate(0, Shape()).params
    setup = (Op("put", (0, 1, 16)), Op("put", (0, 6, 16)))
    programs = ((Op("get", (0, 1)),), (Op("put", (0, 1, 24)),))
    return Scenario("overwrite", seed, "kvcache", params, programs=programs, setup=setup)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Finding, Path]:
    """The planted defect, whose only symptom is what a get returned."""
    store = tmp_path_factory.mktemp("store")
    suite = Suite("overwrite", "A get races an overwrite of its key.", ("linearizable",), (), generate)
    request = ExploreRequest(executions=EXECUTIONS, seed=1, store=store, patches=(DEFECT,))
    result = explore_with(exploring(get_build("sched", (DEFECT,))), request, (suite,), 1, lambda _: None)
    assert result.control.judged == EXECUTIONS
    [finding] = result.findings
    return finding, store


def test_an_overwrite_that_can_be_missed_is_found(found: tuple[Finding, Path]) -> None:
    finding, _ = found
    assert finding.kind == "not-linearizable"
    assert "no order explains what these did to a cache: put of the set-up, get of thread 0" in finding.message
    table = finding.report.partition("on key 1 of cache 0, tenant 0:\n")[2].splitlines()[1:4]
    assert [line.split()[0] for line in table] == ["set-up", "0", "1"]
    assert "nothing there" in table[1]
    assert finding.locations == ()


def test_it_replays_from_its_token(found: tuple[Finding, Path]) -> None:
    finding, store = found
    assert finding.token
    assert len(finding.token) <= 120
    parsed = parse_token(finding.token)
    assert isinstance(parsed, Repro)
    assert parsed.options.linearizable
    again = replay(ReplayRequest(finding.token, times=2, store=store, patches=(DEFECT,)))
    assert (again.seen, again.tries, again.same_build, again.diverged) == (2, 2, True, None)
    [same] = again.findings
    assert same.fingerprint == finding.fingerprint
    assert same.report == finding.report.split("\n\n", 1)[1]


# ---- Told ----


def window(*names: str, value: int = 5) -> tuple[Done, ...]:
    deeds = {"put": Deed("cache", "put", (1, 2, 3), value), "get": Deed("cache", "miss", (1, 2, 3))}
    return tuple(Done(2 * i, 2 * i + 1, deeds[name], i, name, (3,), "OK") for i, name in enumerate(names))


def seen(done: tuple[Done, ...], message: str) -> Observation:
    return Observation("not-linearizable", "not-linearizable", message, "", "", 0, 1, 9, 0, 1, True, (), 0, "random",
                       (0, 0, 0, 0), (), "cache", done)  # fmt: skip


def test_the_same_operations_on_the_same_model_are_the_same_bug() -> None:
    first = observed(seen(window("put", "get"), "of thread 1"), "map", lambda _: ())
    again = observed(seen(window("get", "put", "put", value=7), "of thread 2"), "map", lambda _: ())
    other = observed(seen(window("get", "get"), "of thread 1"), "map", lambda _: ())
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert first.kind == "not-linearizable"


def test_the_report_tells_the_window_as_a_table() -> None:
    report = observed(seen(window("put", "get"), "nothing fits"), "map", lambda _: ()).report.splitlines()
    at = report.index("the shortest part of the history that no order explains, on key 3 of cache 1, tenant 2:")
    assert [line.split() for line in report[at + 2 : at + 4]] == [
        ["0", "0", "0", "put(3)", "OK", "value", "1", "is", "there"],
        ["1", "0", "0", "get(3)", "OK", "nothing", "there"],
    ]
