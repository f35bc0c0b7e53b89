"""The source's weaknesses: each shows on the source's form within a budget, and the core shows none of them.

Here a few; all of them are walked through, with more schedules, in accept_weaknesses.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.builds import Symbols, get_build
from harness.builds.declare import HEADERS
from harness.builds.opened import open_library, plain
from harness.explore.child import Explorer, exploring
from harness.explore.exhaustive import SMALL
from harness.explore.messages import Force
from harness.explore.named import NAMED
from harness.explore.request import ExploreRequest
from harness.explore.run import explore
from harness.explore.weaknesses import SUITES, WEAKNESSES
from harness.model.finding import Finding
from harness.model.scenario import Op, Program, Scenario
from harness.model.schedule import Options
from harness.repro import ReplayRequest, force, replay, to

pytestmark = pytest.mark.quality

NATIVE = Path(__file__).resolve().parents[2] / "native"
EXECUTIONS, REPLAYS = 1000, 3
QUICK = ("W3", "W19")
TO_ITS_END = 0  # of a leg


# ---- Searches ----


def explored(name: str, patches: tuple[Path, ...], store: Path, executions: int) -> tuple[Finding, ...]:
    """Return what a weakness's scenario shows."""
    weakness = WEAKNESSES[name]
    request = ExploreRequest(
        suites=(f"weakness-{name}",),
        executions=min(executions, weakness.enough),
        options=Options(check_every=256, step_bound=weakness.step_bound),
        seed=1,
        store=store,
        patches=patches,
    )
    result = explore(request, lambda _: None, lambda _: None)
    assert result.canary
    return tuple(result.findings)


def shows_as_told(name: str, store: Path, executions: int, replays: int) -> None:
    """Find it on the source's form, see it again by its token alone; find nothing on the core."""
    weakness = WEAKNESSES[name]
    patches = (NATIVE / weakness.patch,) if weakness.patch else ()
    found = explored(name, patches, store / "patched", executions) if patches else ()
    if weakness.kinds:
        token = next(one.token for one in found if one.kind in weakness.kinds)
        assert token
        again = replay(ReplayRequest(token, times=replays, store=store / "elsewhere", patches=patches))
        assert again.same_build
        assert (again.seen, again.tries) == (replays, replays)
    else:
        assert found == ()
    assert explored(name, (), store / "core", executions) == ()


@pytest.mark.parametrize("name", QUICK)
def test_a_weakness_shows_on_the_source_s_form_alone(name: str, tmp_path: Path) -> None:
    shows_as_told(name, tmp_path, EXECUTIONS, REPLAYS)


def test_each_is_known_by_name_and_has_its_patch() -> None:
    assert set(SUITES) <= set(NAMED)
    for name, weakness in WEAKNESSES.items():
        assert not weakness.patch or (NATIVE / weakness.patch).is_file(), name
        assert weakness.patch or not weakness.kinds, name


# ---- W7: no core comes to be ----


def kinds_of_a_failed_creation(patches: tuple[Path, ...]) -> set[str]:
    """Create a core whose pool does not fit into the limit; each object is a malloc of its own, which a leak shows."""
    params = {**SMALL, "memory_limit": 4 << 20, "max_handles": 1 << 20, "handles_per_block": 1 << 10, "backing": 1}
    scenario = Scenario("uncreated", 0, "kvcache", params, programs=((Op("reclaim"),),))
    # With failing allocations allowed, a core that is refused is no finding in itself; in this order none fails.
    forced = force([to(0, count=TO_ITS_END)], scenario, options=Options(fail_alloc=True), patches=patches)
    return {finding.kind for finding in forced.findings}


def test_a_failed_creation_leaves_nothing_behind() -> None:
    assert kinds_of_a_failed_creation(()) == set()


# ---- W13: who waits for a thread that was stopped ----


@pytest.fixture(scope="module")
def explorer() -> Iterator[Explorer]:
    child = Explorer(exploring(get_build("sched")))
    yield child
    child.end()
    child.close()


ROOMY = {"hv_slots": 4, "lock_stripes": 5, "max_handles": 9}
FILLED: Program = (*(Op("put", (0, key, 600)) for key in (1, 2, 3)), Op("get", (0, 1)), Op("refresh_score"))


def waits(explorer: Explorer, stopped: Program, running: Program, every: int = 1) -> set[str]:
    """Stop one thread at each of its points in turn; return the functions in which another one waits for it."""
    params = {**SMALL, **ROOMY}
    scenario = Scenario("stopped", 0, "kvcache", params, programs=(stopped, running), setup=FILLED)
    symbols = Symbols(get_build("sched"))
    where: set[int] = set()
    point = 1
    while True:
        point += every
        legs = ((0, "", point), (1, "", TO_ITS_END), (0, "", TO_ITS_END))
        events = explorer.obey(Force(scenario, Options(attached=True), legs, 100_000), 60.0).events
        threads = [(event.thread, event.pc) for event in events if event.thread in (0, 1)]
        first = next(place for place, (thread, _) in enumerate(threads) if thread == 1)
        if all(thread == 1 for thread, _ in threads[first:]):  # the first thread had come to its end before
            break
        last = max(place for place, (thread, _) in enumerate(threads) if thread == 1)
        where.update(threads[place - 1][1] for place in range(first + 1, last) if threads[place][0] == 0
                     and threads[place - 1][0] == 1)  # fmt: skip
    symbols.look_up(where)
    return {str(symbols.frames((pc,))[0].function) for pc in where}


SUPPLY, TAKE, GET = (Op("supply", (3,)),), (Op("alloc_mb", (0, 1024, 0)),), (Op("get", (0, 1)),)


def test_taking_a_handle_waits_for_a_supplier_that_was_stopped_but_a_get_does_not(explorer: Explorer) -> None:
    assert {"pool_pop", "take_handle"} & waits(explorer, SUPPLY, TAKE)
    assert waits(explorer, SUPPLY, GET) == set()


# ---- W15: a thread that never comes back ----


def leaked_at_shutdown(patches: tuple[Path, ...]) -> list[str]:
    """Put a pair, hold the only hazard version as a thread that died would, shut down: the invariants broken."""
    opened = open_library(get_build("native", patches), HEADERS, "none")
    ffi, target = opened.ffi, opened.table
    names = {plain(ffi, target.ops[i].name): i for i in range(target.op_cnt)}
    kept = [(ffi.new("char[]", name.encode()), value) for name, value in {**SMALL, "hv_slots": 1}.items()]
    params = ffi.new("rw_param[]", [{"name": name, "value": value} for name, value in kept])
    why = ffi.new("char[]", 256)
    core = target.create(params, len(kept), 0, why, 256)
    assert core != ffi.NULL, plain(ffi, why)
    thread = target.attach(core, 0)
    for name, args in (("put", [0, 1, 16, 0]), ("hv_hold", [0] * 4)):
        assert target.run(thread, ffi.new("rw_op *", {"code": names[name], "arg": args})) == 0
    target.close(core)
    broken = ffi.new("rw_violation[]", 64)
    found = [plain(ffi, broken[i].id) for i in range(target.violations(core, broken, 64))]
    target.detach(thread)
    target.destroy(core)
    return found


def test_nothing_leaks_at_shutdown_when_a_dead_thread_holds_the_last_version() -> None:
    assert leaked_at_shutdown(()) == []
