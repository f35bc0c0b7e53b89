"""Tokens: whatever is put in comes out, within the stated lengths; whatever is damaged is refused in one sentence."""

from __future__ import annotations

import string
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.explore.bundle import content_hash, decode_repro, files_of
from harness.explore.strategies import MEMORY_MODELS, STRATEGIES
from harness.explore.workloads import WORKLOADS
from harness.generate import discover
from harness.model._pack import Packer, Unpacker
from harness.model.layout import AFTER, Layout
from harness.model.problem import Problem
from harness.model.repro import Origin, Repro
from harness.model.scenario import Scenario
from harness.model.schedule import SEEDED, Choice, Options, Schedule
from harness.model.suite import Shape
from harness.model.token import MAX_LISTED, MAX_SEEDED, pack_choices, parse_token, token_of, unpack_choices

pytestmark = pytest.mark.contract

HASH = "00112233445566778899aabbccddeeff"
U64, SEEDS = (1 << 64) - 1, (1 << 63) - 1
ALL_SUITES = (*discover(), *WORKLOADS)


def repro(**changes: object) -> Repro:
    made = Repro(
        origin=Origin("supply", 77, Shape(threads=3, ops=6)),
        digest="abcdef0123456789",
        options=Options(),
        schedule=Schedule("random", 123),
        build="0123456789abcdef",
        fingerprint="0123456789ab",
    )
    return replace(made, **changes)  # type: ignore[arg-type]


layouts = st.one_of(st.none(), st.builds(Layout, *(st.integers(0, 1) for _ in range(4))))
shapes = st.builds(
    Shape,
    threads=st.integers(1, 256),
    shared=st.integers(0, 64),
    layout=layouts,
    memory=st.one_of(st.none(), st.integers(64 << 20, 1 << 40)),
    ops=st.integers(1, 1 << 20),
    backing=st.integers(0, 1),
)
options = st.builds(
    Options,
    strategy=st.sampled_from([*STRATEGIES, "one of tomorrow"]),
    memory_model=st.sampled_from([*MEMORY_MODELS, "tso", "of tomorrow"]),
    races=st.booleans(),
    plain_points=st.booleans(),
    weak_cas=st.booleans(),
    timeouts=st.booleans(),
    fail_alloc=st.booleans(),
    attached=st.booleans(),
    linearizable=st.booleans(),
    clocks=st.booleans(),
    depth=st.integers(0, 1000),
    switch_probability=st.floats(0, 1),
    preemption_bound=st.integers(-1, 100),
    check_every=st.integers(0, 1 << 20),
    step_bound=st.integers(0, 1 << 40),
)
choices = st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 5), st.integers(0, 65535)), max_size=60).map(
    lambda listed: tuple(Choice(*one) for one in sorted({step: (step, *rest) for step, *rest in listed}.values()))
)
calibrations = st.tuples(*(st.integers(-(1 << 63), (1 << 63) - 1) for _ in range(4)))


@given(
    suite=st.sampled_from(ALL_SUITES), seed=st.integers(0, SEEDS), shape=shapes, options=options,
    strategy=st.sampled_from(SEEDED), schedule_seed=st.integers(0, U64), calibration=calibrations,
)  # fmt: skip
def test_what_a_seed_decides_comes_back(
    suite: str, seed: int, shape: Shape, options: Options, strategy: str, schedule_seed: int,
    calibration: tuple[int, int, int, int],
) -> None:  # fmt: skip
    given_ = repro(origin=Origin(suite, seed, shape), options=options,
                   schedule=Schedule(strategy, schedule_seed, calibration))  # fmt: skip
    token = token_of(given_, HASH)
    parsed = parse_token(token)
    if isinstance(parsed, str):  # only where it would be longer than stated
        assert parsed == HASH
        return
    assert len(token) <= MAX_SEEDED
    assert parsed == replace(given_, digest="abcdef", build="01234567", fingerprint="01234567")


@pytest.mark.parametrize("strategy", SEEDED)
@pytest.mark.parametrize("suite", ALL_SUITES)
def test_a_token_of_a_seed_is_short(suite: str, strategy: str) -> None:
    """Large figures, all of them not the standard: 64-bit seeds, a calibration of a million points."""
    many = Options(strategy="portfolio", depth=100, check_every=64, step_bound=1_000_000, preemption_bound=3)
    schedule = Schedule(strategy, U64, (1_000_000, 1_000_000, 64, 1_000_000))
    token = token_of(repro(origin=Origin(suite, SEEDS, Shape(threads=64, layout=None, ops=200)), options=many,
                           schedule=schedule), HASH)  # fmt: skip
    assert len(token) <= MAX_SEEDED
    assert isinstance(parse_token(token), Repro)
    assert set(token) <= set(string.ascii_letters + string.digits + "-_.")


def test_choices_that_a_seed_makes_are_left_out() -> None:
    listed = tuple(Choice(step, 0, 1) for step in range(1000))
    with_list = repro(schedule=Schedule("pct", 5, (1, 2, 3, 4), listed))
    parsed = parse_token(token_of(with_list, HASH))
    assert isinstance(parsed, Repro)
    assert parsed.schedule == Schedule("pct", 5, (1, 2, 3, 4), None)


@given(strategy=st.sampled_from(["dfs", "guided", "replay", "force", "default"]), listed=choices)
def test_a_list_of_choices_comes_back_or_the_bundle_is_named(strategy: str, listed: tuple[Choice, ...]) -> None:
    token = token_of(repro(schedule=Schedule(strategy, 1, choices=listed)), HASH)
    parsed = parse_token(token)
    assert len(token) <= MAX_LISTED
    if isinstance(parsed, str):
        assert parsed == HASH
        assert len(pack_choices(listed)) > 150
    else:
        assert isinstance(parsed, Repro)
        assert parsed.schedule.choices == listed


@given(listed=choices)
def test_packed_choices_come_back(listed: tuple[Choice, ...]) -> None:
    assert unpack_choices(pack_choices(listed)) == listed


def test_a_schedule_of_workload_b_fits_into_a_token() -> None:
    """About 187 switches among four threads, as the prototype had: the list is compressed below 400 characters."""
    listed = tuple(Choice(step * 5 // 2 + step % 3, 0, (step * 7 + step // 3) % 4 + 1) for step in range(187))
    token = token_of(repro(schedule=Schedule("guided", 1, choices=listed)), HASH)
    assert isinstance(parse_token(token), Repro)
    assert len(token) <= MAX_LISTED


def test_a_list_too_long_and_a_scenario_of_no_suite_name_the_bundle() -> None:
    listed = tuple(Choice(step, step % 6, step * 31 % 65521) for step in range(5000))
    assert parse_token(token_of(repro(schedule=Schedule("dfs", 1, choices=listed)), HASH)) == HASH
    assert parse_token(token_of(repro(origin=None), HASH)) == HASH


# ---- Damage ----


TOKEN = token_of(repro(), HASH)


def refused(token: str) -> str:
    with pytest.raises(Problem) as caught:
        parse_token(token)
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


@pytest.mark.parametrize("place", range(4, len(TOKEN)))
def test_every_changed_character_is_noticed(place: int) -> None:
    for other in "Aa0-_":
        if other != TOKEN[place]:
            assert "damaged" in refused(TOKEN[:place] + other + TOKEN[place + 1 :])


@pytest.mark.parametrize("length", range(4, len(TOKEN)))
def test_every_cut_is_noticed(length: int) -> None:
    assert "damaged" in refused(TOKEN[:length])


@pytest.mark.parametrize("more", ["A", "==", "rw1.", "\u00e9", "!"])
def test_what_is_added_is_noticed(more: str) -> None:
    assert "damaged" in refused(TOKEN + more)


@given(st.text(max_size=40))
def test_any_other_text_is_refused(text: str) -> None:
    refused(text)
    refused("rw1." + text)


def test_a_newer_format_is_named() -> None:
    assert "rw2" in refused("rw2.AAAA")


def test_a_wrapped_token_is_read() -> None:
    assert parse_token(f"  {TOKEN[:30]}\n    {TOKEN[30:]} \n") == parse_token(TOKEN)


def test_a_token_of_another_racewash_is_no_traceback() -> None:
    """Whole, but with a form and fields that this version does not know."""
    from harness.model.token import _token

    for payload in (b"\x09", b"\x00\xff\xff", b"\x01" + bytes(70), b"\x00\x06supply" + bytes(8)):
        refused(_token(payload))


# ---- Numbers ----


@given(st.integers(-(1 << 70), 1 << 70), st.text(), st.integers(0, 1 << 70))
def test_values_come_back(signed: int, text: str, number: int) -> None:
    out = Packer()
    out.signed(signed)
    out.text(text)
    out.number(number)
    source = Unpacker(bytes(out.data))
    assert (source.signed(), source.text(), source.number(), source.rest()) == (signed, text, number, b"")


# ---- Bundles ----


def test_a_bundles_repro_comes_back() -> None:
    from pathlib import Path

    from harness.builds import Build

    scenario = Scenario("supply", 77, "kvcache", {}, programs=((),))
    whole = repro(digest=scenario.digest, schedule=Schedule("pct", 5, (1, 2, 3, 4), (Choice(3, 0, 1),)),
                  origin=Origin("supply", 77, Shape(layout=AFTER)))  # fmt: skip
    build = Build("sched", "0123456789abcdef", "gcc 12", Path("x.so"), Path("native"), ("a.patch",))
    files, content = files_of(whole, scenario, build, 5)
    assert decode_repro(files["repro.json"]) == whole
    assert content == content_hash(files["repro.json"])
    with pytest.raises(ValueError, match="newer"):
        decode_repro(files["repro.json"].replace(b'"format":1', b'"format":2', 1))
    for text in (b"", b"[]", b"{}", files["repro.json"][:50], b'{"format":1}'):
        with pytest.raises(ValueError):
            decode_repro(text)
    for hash_ in (b"5", b'"5"', b'"xyz"', b"[]"):
        with pytest.raises(ValueError, match="trace_hash"):
            decode_repro(files["repro.json"].replace(b'"0000000000000005"', hash_, 1))
