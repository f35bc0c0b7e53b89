"""Hunting: from a failure of real threads, whose interleaving is lost, to a schedule."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.builds import get_build
from harness.explore.child import exploring
from harness.model.finding import Finding, Location, fingerprint_of
from harness.model.rng import Rng
from harness.model.scenario import Op, Scenario
from harness.repro import ReplayRequest
from harness.repro.hunt import HuntRequest, hunt_with, same_failure
from harness.repro.replay import replay_with
from harness.repro.resolve import resolve
from harness.repro.windows import evidence_of, windows

pytestmark = pytest.mark.contract

# ---- Hunting ----


def segments(length: int) -> Scenario:
    """A long scenario of the workload with the leak, as real threads would have run it."""
    programs = ((Op("supply", (64,)),) * length,) * 2 + ((Op("traverse"),) * length,)
    return Scenario("segments-x", 5, "segments", {"defect": 3}, programs=programs, rounds=8)


PLACE = Location("native/workload/segments.c", 81, "ensure_blocks")
LEAK = Finding(
    "leak", "a block", "segments-x", fingerprint_of("leak", None, (PLACE,), ""), (PLACE,), report="in supply"
)


def test_a_hunt_comes_back_with_an_exact_token(tmp_path: Path) -> None:
    launch = exploring(get_build("sched"))
    request = HuntRequest("bundle", seconds=60.0, seed=3, store=tmp_path)
    result = hunt_with(launch, request, None, LEAK, segments(100), lambda _: None)
    assert result.found is not None
    assert (result.match, result.found.fingerprint) == ("fingerprint", LEAK.fingerprint)
    token = result.found.token or ""
    recorded = resolve(token, tmp_path)
    assert sum(map(len, recorded.scenario.programs)) <= 40
    again = replay_with(launch, recorded, ReplayRequest(token))
    assert (again.seen, again.tries, again.same_build, again.diverged) == (3, 3, True, None)


def test_a_hunt_that_finds_nothing_ends_in_time(tmp_path: Path) -> None:
    launch = exploring(get_build("sched"))
    sound = replace(segments(100), params={"defect": 0})
    request = HuntRequest("bundle", seconds=0.6, store=tmp_path)
    result = hunt_with(launch, request, None, LEAK, sound, lambda _: None)
    assert (result.found, result.match, result.explored.findings) == (None, "", [])
    assert result.scenarios >= 2


def test_windows_are_short_and_around_what_is_known() -> None:
    program = tuple(Op("get", (number,)) for number in range(100))
    scenario = Scenario("map", 1, "kvcache", {}, programs=((*program, Op("wash"), *program),) * 3, rounds=8)
    finding = Finding("data-race", "write in kt_op_wash", "map", "ab", report="#1 kt_op_wash native/target/x.c:3")
    focused = evidence_of(finding, scenario, None)
    assert focused.focus == ("wash",)
    for _, short in zip(range(50), windows(scenario, focused, Rng(1)), strict=False):
        assert (short.rounds, 2 <= len(short.programs) <= 4) == (1, True)
        assert all(Op("wash") in one and len(one) <= 10 for one in short.programs)
    busy = {"last": [["put", 1, 2, 3], ["erase", 1, 2]], "running": ["erase", 1, 2]}
    noted: dict[str, object] = {"threads": [busy, {"last": [], "running": None}]}
    known = evidence_of(replace(finding, report=""), scenario, noted)
    assert (known.last[0][0], known.running) == (Op("put", (1, 2, 3)), ("erase",))
    first = next(windows(scenario, known, Rng(1)))
    assert {op.name for program in first.programs for op in program} <= {"put", "erase"}


def test_what_counts_as_the_same_failure() -> None:
    place = Location("native/core/dlist.c", 7, "dl_insert")
    hunted = Finding("data-race", "", "map", "aa", (place,))
    assert same_failure(hunted, replace(hunted, locations=())) == "fingerprint"
    assert same_failure(hunted, replace(hunted, fingerprint="bb")) == "kind and place"
    assert same_failure(hunted, replace(hunted, fingerprint="bb", locations=(replace(place, function="other"),))) == ""
    assert same_failure(hunted, replace(hunted, fingerprint="bb", kind="leak")) == ""
    owner = Location("native/core/mem_block.c", 5, "mb_alloc")
    freed = replace(hunted, kind="use-after-free", fingerprint="bb", locations=(place, owner))
    assert same_failure(freed, replace(freed, fingerprint="dd")) == "kind and place"
    elsewhere = (replace(place, function="dl_remove"), owner)  # another access to memory of the same owner
    assert same_failure(freed, replace(freed, fingerprint="dd", locations=elsewhere)) == ""
    died = Finding("crash", "", "map", "cc")
    assert same_failure(died, replace(hunted, kind="use-after-free")).startswith("kind")
    assert same_failure(died, replace(hunted, kind="leak")) == ""
