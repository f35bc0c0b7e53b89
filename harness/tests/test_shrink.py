"""Shrinking: its parts on cases made by hand, and seeded defects of workload B made small, stored and replayed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.builds import Symbols, get_build
from harness.explore.child import exploring
from harness.explore.messages import Replay
from harness.explore.request import ExploreRequest
from harness.explore.run import explore
from harness.explore.workloads import WORKLOADS
from harness.model.batch import Event
from harness.model.finding import Finding
from harness.model.output.every import decode
from harness.model.output.explore import ExploreOutput
from harness.model.output.replay import ReplayOutput
from harness.model.output.shrink import ShrinkOutput
from harness.model.problem import Problem
from harness.model.repro import Repro, Whole
from harness.model.rng import Rng
from harness.model.scenario import Op, Scenario
from harness.model.schedule import Choice, Options, Schedule
from harness.model.suite import Shape
from harness.model.token import MAX_LISTED, parse_token, token_of
from harness.repro import ReplayRequest, replay
from harness.repro.resolve import Recorded, read_bundle
from harness.shrink import ShrinkRequest, Shrunk, keep, story_text
from harness.shrink.case import MAX_SETUP, Case, into_setup, only_operations, operations, places, with_arguments
from harness.shrink.ddmin import ddmin
from harness.shrink.legs import Stretch, legs, nearby, stretches
from harness.shrink.passes import before
from harness.shrink.run import shrink_with
from harness.shrink.shrinker import Shrinker
from harness.shrink.trials import Over, Trials, Worker
from harness.store import bundles
from harness.tests.test_explore import launch as fake

pytestmark = pytest.mark.contract

RACEWASH = Path(sys.executable).with_name("racewash")
ENOUGH = 300.0  # seconds: far above what any shrinking here takes
HASH = "0123456789abcdef" * 2


# ---- Delta debugging ----


@given(st.sets(st.integers(0, 40), max_size=6), st.integers(0, 40))
def test_ddmin_leaves_exactly_what_is_needed(needed: set[int], more: int) -> None:
    asked: list[tuple[int, ...]] = []

    def holds(kept: tuple[int, ...]) -> bool:
        asked.append(kept)
        return needed <= set(kept)

    assert ddmin(range(41 + more), holds) == tuple(sorted(needed))
    assert len(asked) <= 60 * (len(needed) + 1)


@given(st.lists(st.integers(0, 9), max_size=12), st.integers(1, 30))
def test_ddmin_ends_where_no_single_item_can_go(items: list[int], total: int) -> None:
    def holds(kept: Sequence[int]) -> bool:
        return sum(kept) >= min(total, sum(items))

    kept = ddmin(items, holds)
    assert holds(kept)
    assert all(not holds(kept[:i] + kept[i + 1 :]) for i in range(len(kept)))


# ---- Smaller scenarios ----

SCENARIO = Scenario("s", 0, "t", {}, ((Op("a", (1,)), Op("b", (2,))), (Op("c", (1, 5)),)), setup=(Op("d", (1,)),))


def test_smaller_scenarios() -> None:
    assert places(SCENARIO) == [(0, 0), (0, 1), (1, 0)]
    assert operations(replace(SCENARIO, rounds=3)) == 9
    assert only_operations(SCENARIO, [(1, 0)]).programs == ((Op("c", (1, 5)),),)
    moved = into_setup(SCENARIO, 1)
    assert (moved.setup, moved.programs) == ((Op("d", (1,)), Op("c", (1, 5))), (SCENARIO.programs[0],))
    changed = with_arguments(SCENARIO, [((-1, 0), 0), ((1, 0), 1)], 7)
    assert (changed.setup, changed.programs[1]) == ((Op("d", (7,)),), (Op("c", (1, 7)),))


class Agreeing:
    """Trials in which everything shows the finding."""

    def followed(self, scenario: Scenario, options: Options, choices: tuple[Choice, ...]) -> Case:
        return Case(scenario, options, Schedule("replay", 0, choices=choices))


def test_a_set_up_has_twenty_operations_at_most_and_one_is_left_to_be_counted() -> None:
    many = replace(SCENARIO, programs=((Op("a", (1,)),) * 15, (Op("c", (1, 5)),) * 15))
    shrinker = Shrinker(Agreeing(), Case(many, Options(), Schedule("replay", 0, choices=())))  # type: ignore[arg-type]
    before(shrinker)
    assert len(shrinker.best.scenario.setup) == MAX_SETUP
    few = Shrinker(Agreeing(), Case(SCENARIO, Options(), Schedule("replay", 0, choices=())))  # type: ignore[arg-type]
    before(few)
    assert operations(few.best.scenario) == 1


# ---- Orders ----


def at(thread: int, step: int, kind: str = "load", value: int = 0) -> Event:
    return Event(step, thread, kind, 8, False, 64, value, 0)


def test_stretches_count_points_by_operation() -> None:
    """Thread 2 is the checker, whose points don't count; thread -1 creates the others."""
    events = (
        at(-1, 3), at(0, 5), at(0, 5, "call", 0), at(0, 8), at(2, 900), at(1, 10), at(1, 10, "call", 0), at(0, 12),
        at(0, 12, "return"), at(0, 12, "call", 1), at(0, 13),
    )  # fmt: skip
    told = stretches(events, 2)
    assert [(stretch.place, stretch.points) for stretch in told] == [
        ((0, -1), 2), ((0, 0), 3), ((1, -1), 2), ((0, 0), 2), ((0, 1), 1),
    ]  # fmt: skip


def test_legs_of_what_is_left() -> None:
    told = [Stretch((0, -1), 2), Stretch((0, 0), 3), Stretch((1, 0), 4), Stretch((0, 1), 5), Stretch((1, 1), 6)]
    assert legs(told, {(0, 0): (0, 0), (1, 0): (1, 0), (0, 1): (0, 1)}, {0: 0, 1: 1}) == (
        (0, "", 6),
        (1, "", 5),
        (0, "", 6),
    )
    assert legs(told, {(0, 0): None, (1, 0): (0, 0)}, {1: 0}) == ((0, "", 5),)
    order = legs(told, {(0, 0): (0, 0), (1, 0): (1, 0)}, {0: 0})
    near = [nearby(order, Rng(seed)) for seed in range(20)]
    assert {tuple(thread for thread, _, _ in one) for one in near} == {(0, 1)}
    assert len(set(near)) > 10


# ---- Tokens that hold a scenario ----

names = st.text("abcdefgh_", min_size=1, max_size=8)
ops = st.builds(Op, names, st.lists(st.integers(-(1 << 63), (1 << 63) - 1), max_size=4).map(tuple))
programs = st.lists(ops, max_size=4).map(tuple)
scenarios = st.builds(
    Scenario, suite=names, seed=st.integers(0, (1 << 64) - 1), target=names,
    params=st.dictionaries(names, st.integers(-(1 << 40), 1 << 40), max_size=4),
    programs=st.lists(programs, max_size=3).map(tuple), setup=programs, rounds=st.integers(1, 9),
    processes=st.integers(0, 9), shared_bytes=st.integers(0, 1 << 30), check_every_ms=st.integers(0, 9),
    faults=st.lists(names, max_size=2).map(tuple), format=st.just(1),
)  # fmt: skip


@given(scenarios)
def test_a_scenario_in_a_token_comes_back(scenario: Scenario) -> None:
    schedule = Schedule("replay", 0, choices=(Choice(7, 0, 2), Choice(9, 3, 1)))
    repro = Repro(None, scenario.digest, Options(check_every=3), schedule, "ab" * 4, "cd" * 4)
    token = token_of(repro, HASH, scenario)
    parsed = parse_token(token)
    assert len(token) <= MAX_LISTED
    if isinstance(parsed, Whole):
        assert (parsed.repro, parsed.scenario) == (repro, scenario)
    else:
        assert parsed == HASH
        assert len(scenario.to_json()) > 300


# ---- Workers that die ----


def dying(what: str, every: int) -> Recorded:
    scenario = Scenario(what, 0, "kvcache", {}, ((Op(what, (every,)),), (Op("x", (1,)),)))
    repro = Repro(None, scenario.digest, Options(), Schedule("random", every), "f" * 16, "")
    return Recorded(repro, scenario)


@pytest.mark.parametrize(("what", "hang_after"), [("segv", ENOUGH), ("hang", 5.0)])
def test_a_finding_that_ends_the_process_is_kept_by_its_seed(what: str, hang_after: float) -> None:
    """The fake dies at each seed that 7 divides; the next try has another process."""
    worker = Worker(fake())
    trials = Trials(worker, Symbols(get_build("sched")), "", hang_after, interrupted=lambda: False)
    recorded = dying(what, 7)
    try:
        case = trials.explored(recorded.scenario, Options(), 5, 10)
        assert case is not None
        assert case.schedule == Schedule("portfolio", 7)
        assert trials.finding is not None
        assert trials.finding.kind == {"segv": "crash", "hang": "hang"}[what]
        assert trials.explored(recorded.scenario, Options(), 8, 3) is None
    finally:
        worker.end()


def test_no_try_begins_when_the_time_is_over() -> None:
    worker = Worker(fake())
    trials = Trials(worker, Symbols(get_build("sched")), "", hang_after=5, interrupted=lambda: False)
    trials.deadline = 0.0
    try:
        with pytest.raises(Over):
            trials.obeyed(Replay(SCENARIO, Options(), (), 0))
    finally:
        worker.end()


# ---- Seeded defects ----


def test_an_execution_that_runs_on_is_none_of_a_smaller_case(worker: Worker) -> None:
    torn = Scenario("torn", 0, "increments", {"expected": 2}, ((Op("add_torn", (1,)),),) * 2)
    trials = Trials(worker, Symbols(worker.launch.build), "", ENOUGH, interrupted=lambda: False)
    case = trials.explored(torn, Options(), 1, 100)
    assert case is not None
    assert 5 < trials.steps < 50
    trials.step_bound = trials.steps
    assert trials.followed(torn, Options(), case.choices) == case
    trials.step_bound = trials.steps - 1
    assert trials.followed(torn, Options(), case.choices) is None
    assert trials.explored(torn, Options(), 1, 100) is None
    trials.last()
    assert trials.followed(torn, Options(), case.choices) == case


# The least that shows each: two operations at once, and one switch in the middle of the first.
LEAST = {"count-early": ("invariant", 2, 2, 1), "loser-leaks": ("leak", 2, 2, 1)}


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    one = Worker(exploring(get_build("sched")))
    yield one
    one.end()


@pytest.fixture(scope="module", params=LEAST)
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Finding:
    asked = ExploreRequest(
        (f"segments-{request.param}",), executions=60, seed=1, store=tmp_path_factory.mktemp("store")
    )
    [finding] = explore(asked, lambda _: None).findings
    assert finding.kind == LEAST[request.param][0]
    return finding


def shrunk_of(worker: Worker, finding: Finding) -> Shrunk:
    assert finding.bundle
    request = ShrinkRequest("", ENOUGH, times=2)
    return shrink_with(worker, read_bundle(Path(finding.bundle)), request, Symbols(worker.launch.build), lambda _: None)


@pytest.fixture(scope="module")
def shrunk(worker: Worker, found: Finding) -> Shrunk:
    return shrunk_of(worker, found)


def test_a_defect_shrinks_to_its_least(found: Finding, shrunk: Shrunk) -> None:
    kind, threads, operations_, preemptions = LEAST[found.suite.removeprefix("segments-")]
    assert shrunk.finding.kind == kind
    assert shrunk.finding.fingerprint == found.fingerprint
    size = shrunk.after.size
    assert (size.threads, size.operations, size.setup, size.preemptions) == (threads, operations_, 0, preemptions)
    assert shrunk.before.size.operations > size.operations
    assert shrunk.whole
    assert shrunk.rate == (2, 2)
    assert all(args <= 1 for program in shrunk.after.scenario.programs for op in program for args in op.args)


def test_shrinking_again_gives_the_same(worker: Worker, found: Finding, shrunk: Shrunk) -> None:
    again = shrunk_of(worker, found)
    assert (again.repro, again.tries, again.story) == (shrunk.repro, shrunk.tries, shrunk.story)


def test_the_story_names_the_words_and_the_lines(shrunk: Shrunk) -> None:
    assert shrunk.story is not None
    text = story_text(shrunk.story)
    assert "thread 0: supply(1)" in text
    assert "&core->blocks[b]" in text
    assert "native/workload/segments.c:" in text
    assert f"=> {shrunk.finding.message}" in text
    rows = shrunk.story.rows
    assert sum(row.switched for row in rows) == 2
    assert {row.thread for row in rows} == {0, 1}


def test_the_smaller_bundle_lies_inside_the_first_one(found: Finding, shrunk: Shrunk, tmp_path: Path) -> None:
    assert found.bundle
    bundle = Path(found.bundle)
    before = {path.name: path.read_bytes() for path in bundle.iterdir() if path.is_file()}
    token, folder = keep(shrunk, tmp_path)
    assert folder == bundle / "shrunk"
    assert {path.name for path in folder.iterdir()} == {
        "finding.json", "repro.json", "scenario.json", "stderr.txt", "story.txt",
    }  # fmt: skip
    assert {path.name: path.read_bytes() for path in bundle.iterdir() if path.is_file()} == before
    assert keep(shrunk, tmp_path) == (token, folder), "the same is not kept twice"
    assert len(token) <= MAX_LISTED
    for given_ in (token, str(folder)):  # the token needs no store: its scenario stands in it
        replayed = replay(ReplayRequest(given_, times=1, store=tmp_path / "empty"))
        assert (replayed.seen, replayed.diverged) == (1, None)
    assert bundles(bundle.parents[3]) == [bundle]
    assert bundles(bundle.parents[3], shrunk=True) == [bundle, folder]


def test_a_token_without_a_bundle_gets_one(shrunk: Shrunk, tmp_path: Path) -> None:
    alone = replace(shrunk, recorded=replace(shrunk.recorded, folder=None))
    _, folder = keep(alone, tmp_path)
    [bundle] = bundles(tmp_path)
    assert folder.parent == bundle
    assert read_bundle(bundle).scenario == shrunk.recorded.scenario
    assert read_bundle(folder).scenario == shrunk.after.scenario
    assert json.loads((bundle.parents[1] / "run.json").read_bytes())["command"] == "shrink"


# ---- Commands ----


def call(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(RACEWASH), *words], cwd=cwd, capture_output=True, text=True, check=False, timeout=ENOUGH)


def test_explore_shrinks_what_it_finds(tmp_path: Path) -> None:
    words = ("explore", "segments-loser-leaks", "--executions", "60", "--seed", "1", "--shrink", "200", "--json")
    run = call(*words, cwd=tmp_path)
    assert run.returncode == 1, run.stderr
    output = decode(run.stdout)
    assert isinstance(output, ExploreOutput)
    [one] = output.shrunk
    assert one.finding.fingerprint == output.findings[0].fingerprint
    assert (one.after.threads, one.after.operations, one.rate) == (2, 2, (3, 3))
    assert one.story in run.stderr
    assert run.stderr.rstrip().splitlines()[-1].startswith("replay: racewash replay rw1.")
    again = call("replay", one.token, "--times", "1", "--json", cwd=tmp_path / "..")
    told = decode(again.stdout)
    assert isinstance(told, ReplayOutput)
    assert told.rate == (1, 1)


def test_an_interrupted_shrinking_keeps_what_it_has(tmp_path: Path) -> None:
    """SIGINT comes when the first pass is done: seconds before the end."""
    bundle = call("explore", "segments-loser-leaks", "--executions", "60", "--seed", "1", "--shrink", "0", "--json",
                  cwd=tmp_path)  # fmt: skip
    explored = decode(bundle.stdout)
    assert isinstance(explored, ExploreOutput)
    assert explored.shrunk == ()
    words = [str(RACEWASH), "shrink", str(explored.findings[0].bundle), "--json"]
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr is not None
        assert "tries" in run.stderr.readline()
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=ENOUGH)
    assert run.returncode == 130, err
    output = decode(out)
    assert isinstance(output, ShrinkOutput)
    assert output.interrupted
    assert not output.shrunk.whole
    assert output.shrunk.bundle
    assert replay(ReplayRequest(str(tmp_path / output.shrunk.bundle), times=1)).seen == 1


def test_what_is_not_seen_again_is_one_sentence(worker: Worker) -> None:
    fine = WORKLOADS["segments"].generate(0, Shape())
    repro = Repro(None, fine.digest, Options(), Schedule("random", 1), worker.launch.build.identity, "0" * 12)
    with pytest.raises(Problem, match="not seen again"):
        shrink_with(worker, Recorded(repro, fine), ShrinkRequest("", ENOUGH), Symbols(worker.launch.build), print)
