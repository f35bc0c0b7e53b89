"""Kills, pauses and limits of whole processes by plan, and signals from elsewhere: what is judged, and what goes on."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from harness.builds import Library, get_build, load, load_runtime
from harness.explore.request import ExploreRequest
from harness.explore.run import explore
from harness.generate import discover
from harness.model.fault import FIELDS, NO_PROCESSES, ProcessCounts, parse_fault
from harness.model.outcome import Outcome
from harness.model.problem import Problem
from harness.model.repro import Origin, Repro
from harness.model.scenario import Op, Scenario
from harness.model.schedule import Options, Schedule
from harness.model.suite import Shape
from harness.model.token import parse_token, token_of
from harness.stress.request import RunRequest, check
from harness.stress.run import run
from harness.tests.test_faults import scenario

PROCESSES = 4
MAPPING = 100 << 20


@pytest.fixture(scope="module")
def library() -> Library:
    return load(get_build("native"))


def shared(*programs: tuple[Op, ...], faults: tuple[str, ...], processes: int = 2, **more: int) -> Scenario:
    return scenario(*programs, faults=faults, processes=processes, shared_bytes=MAPPING, **more)


def objects(n: int) -> tuple[Op, ...]:
    return (Op("la_alloc", (0, 13, 100)), Op("la_free", (0,))) * n


def drawn(suite: str, seed: int, *faults: str) -> Scenario:
    return discover()[suite].drawn(seed, Shape(threads=PROCESSES, shared=PROCESSES, ops=60, faults=faults))


def sound(outcome: Outcome) -> ProcessCounts:
    assert (outcome.status, outcome.violations) == ("done", ()), outcome.message
    return outcome.processes


# ---- What a plan says ----


@pytest.mark.parametrize(
    "text",
    ["kill process=1 skip=9", "kill budget=2 seed=3 within=80", "pause process=0 every=4 budget=0 ops=7 within=1",
     "space room=4194304"],
)  # fmt: skip
def test_a_plan_is_written_as_it_is_read_and_stands_in_tokens(text: str) -> None:
    assert str(parse_fault(text)) == text
    origin = Origin("map", 7, Shape(shared=PROCESSES, faults=(text,)))
    repro = Repro(origin, "0" * 16, Options(strategy="random"), Schedule("random", 1), "1" * 16, "2" * 16)
    read = parse_token(token_of(repro, "3" * 64))
    assert isinstance(read, Repro)
    assert read.origin == origin


@pytest.mark.parametrize(
    ("text", "said"),
    [("kill label=USER", "no field label; it may have process"), ("space", "leaves no room"),
     ("pause process=64", "from 0 to 63"), ("alloc process=1", "no field process"), ("space skip=1", "no field skip")],
)  # fmt: skip
def test_a_wrong_plan_is_a_sentence(text: str, said: str) -> None:
    with pytest.raises(Problem, match=said):
        parse_fault(text)


def test_every_field_belongs_to_a_kind() -> None:
    fault = parse_fault("alloc")
    assert {name for names in FIELDS.values() for name in names} == set(fault.__slots__) - {"kind"}


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (RunRequest(faults=("kill",)), "give --shared 2"),
        (RunRequest(shared=2, faults=("pause process=2",)), "there are 0 to 1"),
        (RunRequest(shared=2, faults=("space room=1",)), "before processes start"),
        (RunRequest(sanitizer="asan", faults=("space room=1",)), "--sanitizer asan: a sanitizer's own memory"),
    ],
    ids=str,
)
def test_what_can_not_be_done_is_a_sentence(request_: RunRequest, said: str) -> None:
    with pytest.raises(Problem, match=said):
        check(request_)


def test_an_exploration_has_no_processes(tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"'kill skip=3' needs real processes.*`racewash run`"):
        explore(ExploreRequest(faults=("kill skip=3",), store=tmp_path), print)
    with pytest.raises(Problem, match="needs real processes"):
        load_runtime(get_build("sched")).explore(scenario(objects(1), faults=("pause",)), Options(), 1, 1)


# ---- Kills ----


def test_a_kill_between_two_operations_costs_what_was_held(library: Library) -> None:
    """The dead one holds an object, a pinned pair and a hazard version; all is judged, and nothing of it is left."""
    holder = (
        Op("put", (0, 1, 40)),
        Op("get_hold", (0, 0, 1)),
        Op("hv_hold"),
        Op("la_alloc", (0, 13, 100)),
        Op("wash", (0,)),
    )
    outcome = library.execute(shared(holder, objects(20), faults=("kill process=0 skip=4",)))
    assert sound(outcome) == ProcessCounts(killed=1)
    assert outcome.ops == 4 + 40
    assert outcome.checks["Q6"] > 0
    assert outcome.checks["F2"] > 0


def test_all_processes_can_be_killed(library: Library) -> None:
    outcome = library.execute(shared(objects(9), objects(9), objects(9), processes=3, faults=("kill skip=6 budget=0",)))
    assert sound(outcome) == ProcessCounts(killed=3)


def test_threads_of_a_killed_process_die_wherever_they_are(library: Library) -> None:
    """Where the others stood nobody knows: then the core counts as torn, and is let go of without a finding."""
    for seed in range(4):
        outcome = library.execute(shared(*[objects(30)] * 6, faults=(f"kill process=1 skip={20 + seed}",)))
        counts = sound(outcome)
        assert counts.killed == 1
        assert counts.locked == counts.inside


def test_a_kill_in_the_middle_of_an_operation_stops_nobody_for_long(library: Library) -> None:
    total = NO_PROCESSES
    for seed in range(9):
        total += sound(library.execute(drawn("map", seed, f"kill skip={10 * seed} within=60 seed={seed}")))
    assert total.killed >= total.inside >= total.locked
    assert total.inside > 0


def test_a_kill_that_was_not_planned_is_a_finding_still(library: Library) -> None:
    """Somebody else kills a process, long before the plan would."""
    before = set(psutil.Process().children())

    def strike() -> None:
        while not (forked := set(psutil.Process().children()) - before):
            pass
        forked.pop().kill()

    striker = threading.Thread(target=strike)
    striker.start()
    outcome = library.execute(
        shared(objects(2000), objects(2000), faults=("kill process=1 skip=100000000",), rounds=999)
    )
    striker.join()
    assert (outcome.status, outcome.processes) == ("child-died", NO_PROCESSES)
    assert "was ended by signal 9" in outcome.message


# ---- Pauses ----


def test_a_paused_process_goes_on_and_everything_is_judged(library: Library) -> None:
    outcome = library.execute(shared(*[objects(40)] * 3, processes=3, faults=("pause skip=7 every=5 budget=6 ops=9",)))
    counts = sound(outcome)
    assert counts.paused == 6
    assert outcome.ops == 3 * 80
    assert outcome.checks["Q5"] > 0


def test_a_pause_ends_when_nobody_is_left_to_wait_for(library: Library) -> None:
    outcome = library.execute(shared(objects(2), objects(2), faults=("pause budget=0 ops=1000000",)))
    assert sound(outcome).paused >= 2
    assert outcome.ops == 8


def test_a_pause_in_the_middle_of_an_operation_holds_nobody_up_for_ever(library: Library) -> None:
    total = NO_PROCESSES
    for seed in range(8):
        fault = f"pause skip={5 * seed} every=30 budget=3 ops=100000 within=40 seed={seed}"
        total += sound(library.execute(drawn("wash", seed, fault)))
    assert total.paused > 8


# ---- Little address space ----


def large(n: int) -> tuple[Op, ...]:
    return tuple(Op("la_alloc", (slot, 13, 5 << 20)) for slot in range(n))


def in_a_process_of_its_own(given: Scenario) -> Outcome:
    """Return what a fresh process makes of a scenario: in this one malloc has reserved much space already."""
    program = (
        "import sys, pickle, resource; from harness.builds import get_build, load;"
        "before = resource.getrlimit(resource.RLIMIT_AS);"
        "outcome = load(get_build('native')).execute(pickle.load(sys.stdin.buffer));"
        "assert resource.getrlimit(resource.RLIMIT_AS) == before;"
        "sys.stdout.buffer.write(pickle.dumps(outcome))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], input=pickle.dumps(given), env=environment, check=True,
                          stdout=subprocess.PIPE)  # fmt: skip
    outcome = pickle.loads(done.stdout)
    assert isinstance(outcome, Outcome)
    return outcome


def test_memory_that_the_system_refuses_is_no_memory() -> None:
    """Eight slots of 5 MB in 16 MB of room: some are refused; nothing crashes, leaks or is wrong afterwards."""
    outcome = in_a_process_of_its_own(scenario(large(8), objects(20), faults=("space room=16777216",)))
    assert sound(outcome) == ProcessCounts(cramped=1)
    assert 0 < outcome.codes["NO_MEMORY"] < 8
    assert outcome.checks["F2"] > 0


def test_a_core_that_finds_no_room_is_refused_and_leaves_nothing() -> None:
    outcome = in_a_process_of_its_own(scenario(objects(3), faults=("space room=4096",)))
    assert sound(outcome) == ProcessCounts(cramped=1, refused=1)
    assert outcome.ops == 0


# ---- Whole runs ----


def test_a_run_says_what_its_plan_did(tmp_path: Path) -> None:
    faults = ("kill process=1 skip=40", "pause process=2 skip=10 ops=20")
    request = RunRequest(("map",), seconds=1.0, threads=PROCESSES, shared=PROCESSES, faults=faults, store=tmp_path,
                         seed=5)  # fmt: skip
    result = run(request, lambda _: None)
    assert result.findings == []
    counts = result.suites[0].processes
    assert min(counts.killed, counts.paused) > 0
    assert any(note.startswith("map: by plan ") and "were killed" in note for note in result.notes)


@pytest.fixture
def bombarded() -> Iterator[list[int]]:
    """This process gets signals again and again, with a handler that lets no system call go on by itself."""
    came: list[int] = []
    numbers = (signal.SIGUSR1, signal.SIGWINCH, signal.SIGCHLD)
    kept = {number: signal.signal(number, lambda number, _: came.append(number)) for number in numbers}
    for number in numbers:
        signal.siginterrupt(number, True)
    over, me = threading.Event(), threading.main_thread().ident
    assert me is not None

    def bombard() -> None:
        for i in range(3000):
            if over.wait(0.001):
                return
            signal.pthread_kill(me, numbers[i % len(numbers)])

    thread = threading.Thread(target=bombard)
    thread.start()
    yield came
    over.set()
    thread.join()
    for number in numbers:
        signal.signal(number, kept[number])


def test_signals_interrupt_no_wait_of_a_run(bombarded: list[int], tmp_path: Path) -> None:
    result = run(RunRequest(("map",), seconds=1.0, shared=2, store=tmp_path, seed=5), lambda _: None)
    assert (result.findings, result.interrupted, result.notes) == ([], False, ())
    assert result.suites[0].executions > 0
    assert len(bombarded) > 100


def test_signals_interrupt_no_wait_of_the_driver(bombarded: list[int], library: Library) -> None:
    """poll, waitpid and waitid of a parent of processes, whose pauses and stuck ones are judged by the clock."""
    for seed in range(6):
        sound(library.execute(drawn("map", seed, "pause skip=5 every=9 budget=9 ops=20", "kill process=1 skip=90")))
    assert len(bombarded) > 10
