"""The checker of sequential orders: against the reference, on what each model allows, and on long histories."""

from __future__ import annotations

import time

import pytest

from harness.builds import Checker, get_build, load_checker
from harness.model.history import ANY, LINEARIZABLE, NEVER, UNDECIDED, VIOLATED, Deed, Done, Verdict
from harness.tests.histories import drawn, linearizable, long_history

pytestmark = pytest.mark.contract

SMALL = 5_000  # of the 20,000 that `tox -e accept -- linear` compares
KEY = (0, 0, 7)


@pytest.fixture(scope="module")
def checker() -> Checker:
    return load_checker(get_build("sched"))


def cache(start: int, to: int, action: str, value: int = 0, *, evicts: bool = False) -> Done:
    return Done(start, to, Deed("cache", action, KEY, value, evicts))


def wash(start: int, to: int) -> Done:
    return Done(start, to, Deed(evicts=True))


def judged(checker: Checker, *history: Done) -> str:
    verdict = checker.check(history).verdict
    assert (verdict == LINEARIZABLE) == linearizable(history)
    return verdict


# ---- Against the reference ----


def compare(checker: Checker, seeds: range) -> tuple[int, int]:
    """Judge drawn histories both ways; return how many were linearizable, and how many were not."""
    counts = [0, 0]
    for seed in seeds:
        history = drawn(seed)
        expected = linearizable(history)
        verdict = checker.check(history)
        assert verdict.verdict == (LINEARIZABLE if expected else VIOLATED), (seed, history)
        counts[not expected] += 1
        if not expected:
            assert_window(history, verdict)
    return counts[0], counts[1]


def assert_window(history: list[Done], verdict: Verdict) -> None:
    """A window is on one object, and has an operation whose removal alone takes the contradiction away or leaves it."""
    window = [history[i] for i in verdict.window]
    assert window
    assert verdict.left == 0
    assert all(done.deed.model == verdict.model for done in window)
    assert any(done.deed.object == verdict.object for done in window)


def test_small_histories_are_judged_as_by_the_reference(checker: Checker) -> None:
    good, bad = compare(checker, range(SMALL))
    assert min(good, bad) > SMALL // 8


# ---- A cache ----


def test_a_pair_stays_without_an_eviction(checker: Checker) -> None:
    assert judged(checker, cache(1, 2, "put", 5), cache(3, 4, "hit", 5)) == LINEARIZABLE
    assert judged(checker, cache(1, 2, "put", 5), cache(3, 4, "miss")) == VIOLATED
    assert judged(checker, cache(1, 2, "put", 5), cache(3, 4, "put", 6), cache(5, 6, "hit", 5)) == VIOLATED


def test_an_eviction_counts_from_its_beginning_to_its_end(checker: Checker) -> None:
    before, found, missed = cache(1, 2, "put", 5), cache(5, 6, "hit", 5), cache(7, 8, "miss")
    assert judged(checker, before, wash(3, 4), missed) == LINEARIZABLE
    assert judged(checker, before, wash(3, 4), found, missed) == VIOLATED
    assert judged(checker, before, wash(3, 7), found, missed) == LINEARIZABLE
    assert judged(checker, wash(0, 0), before, missed) == VIOLATED
    assert judged(checker, before, wash(3, 4), cache(5, 6, "put", 6), missed) == VIOLATED


def test_what_was_forgotten_does_not_come_back(checker: Checker) -> None:
    history = (cache(1, 2, "put", 5), wash(3, 9), cache(4, 5, "miss"), cache(6, 7, "hit", 5))
    assert judged(checker, *history) == VIOLATED


def test_a_pair_whose_block_went_while_it_was_put_may_go_when_it_is_linked(checker: Checker) -> None:
    put = (cache(1, 2, "put", 5), cache(3, 10, "put", 6), wash(4, 5))
    assert judged(checker, *put, cache(7, 8, "hit", 5), cache(11, 12, "miss")) == LINEARIZABLE
    assert judged(checker, *put, cache(11, 12, "hit", 6), cache(13, 14, "miss")) == VIOLATED


def test_a_clear_erases_at_one_moment_for_each_key(checker: Checker) -> None:
    clear = Done(3, 6, Deed("cache", "clear", (0, ANY, ANY)))
    assert judged(checker, cache(1, 2, "put", 5), clear, cache(4, 5, "hit", 5), cache(7, 8, "miss")) == LINEARIZABLE
    assert judged(checker, cache(1, 2, "put", 5), clear, cache(7, 8, "hit", 5)) == VIOLATED
    other = clear._replace(deed=clear.deed._replace(object=(1, ANY, ANY)))
    assert judged(checker, cache(1, 2, "put", 5), other, cache(7, 8, "hit", 5)) == LINEARIZABLE


def test_a_step_that_is_taken_back_takes_its_time_back(checker: Checker) -> None:
    """The first way tried is wrong and goes on beyond the eviction, which the right one still needs."""
    history = [cache(0, 1, "put", 1), cache(2, 40, "erase"), cache(3, 4, "put", 5), wash(5, 6),
               cache(10, 15, "miss"), cache(20, 40, "put", 8), cache(41, 42, "miss")]  # fmt: skip
    assert judged(checker, *history) == LINEARIZABLE


# ---- The others ----


def test_a_handle_is_in_one_hand(checker: Checker) -> None:
    take, give = Deed("pool", "take", (3, 0, 0)), Deed("pool", "give", (3, 0, 0))
    assert judged(checker, Done(1, 2, take), Done(3, 6, give), Done(4, 5, take)) == LINEARIZABLE
    assert judged(checker, Done(1, 2, take), Done(3, 4, take), Done(5, 6, give)) == VIOLATED
    assert judged(checker, Done(1, 2, take), Done(3, 4, take._replace(object=(4, 0, 0)))) == LINEARIZABLE


def test_a_count_never_falls(checker: Checker) -> None:
    def read(value: int) -> Deed:
        return Deed("count", "read", value=value)

    assert judged(checker, Done(1, 5, read(6)), Done(2, 3, read(3))) == LINEARIZABLE
    assert judged(checker, Done(1, 2, read(6)), Done(3, 4, read(3))) == VIOLATED


def test_a_queue_keeps_its_order_and_its_bound(checker: Checker) -> None:
    def queue(start: int, to: int, action: str, value: int = 0) -> Done:
        return Done(start, to, Deed("queue", action, (0, 2, 0), value))

    pushed = (queue(1, 2, "push", 8), queue(3, 4, "push", 9))
    assert judged(checker, *pushed, queue(5, 6, "full"), queue(7, 8, "pop", 8), queue(9, 10, "pop", 9)) == LINEARIZABLE
    assert judged(checker, *pushed, queue(5, 6, "pop", 9)) == VIOLATED
    assert judged(checker, *pushed, queue(5, 6, "push", 9)) == VIOLATED
    assert judged(checker, *pushed, queue(5, 6, "empty")) == VIOLATED
    assert judged(checker, queue(1, 4, "push", 8), queue(2, 4, "push", 9), queue(5, 6, "pop", 9)) == LINEARIZABLE


def test_what_has_not_ended_may_have_happened_or_not(checker: Checker) -> None:
    put = cache(1, NEVER, "put", 5)
    assert judged(checker, put, cache(3, 4, "hit", 5)) == LINEARIZABLE
    assert judged(checker, put, cache(3, 4, "miss")) == LINEARIZABLE
    assert judged(checker, put, cache(3, 4, "hit", 5), cache(5, 6, "miss")) == VIOLATED


# ---- Windows ----


def test_the_window_is_the_shortest(checker: Checker) -> None:
    noise = [cache(10 * i, 10 * i + 5, "put" if i % 2 else "hit", i + i % 2) for i in range(1, 40)]
    noise[0] = cache(10, 15, "put", 2)
    history = [*noise, cache(500, 501, "put", 1), cache(502, 503, "hit", 1), cache(504, 505, "exists"),
               cache(506, 507, "miss"), cache(508, 509, "hit", 1), cache(510, 511, "miss")]  # fmt: skip
    verdict = checker.check(history)
    assert (verdict.verdict, verdict.model, verdict.object, verdict.left) == (VIOLATED, "cache", KEY, 0)
    assert [history[i].start for i in verdict.window] == [502, 506]


# ---- Long and entangled ----


@pytest.mark.parametrize("wrong", [False, True])
@pytest.mark.parametrize("keys", [1, 50])
def test_ten_thousand_operations_take_seconds(checker: Checker, keys: int, wrong: bool) -> None:
    history = long_history(seed=keys, length=10_000, threads=8, keys=keys, wrong=wrong)
    began = time.process_time()
    verdict = checker.check(history)
    assert time.process_time() - began <= 5.0
    assert verdict.verdict == (VIOLATED if wrong else LINEARIZABLE)


def test_a_budget_ends_the_search(checker: Checker) -> None:
    entangled = [cache(1, 100, "put", i) for i in range(12)] + [cache(101, 102, "hit", 50)]
    assert checker.check(entangled, budget=1_000).verdict == UNDECIDED
    assert checker.check(entangled).verdict == VIOLATED


@pytest.mark.parametrize(
    "done",
    [Done(2, 1, Deed("cache", "put")), Done(1, 2, Deed("cache", "pop")), Done(1, 2, Deed("stack", "pop"))],
    ids=["times", "action", "model"],
)
def test_an_operation_that_makes_no_sense_is_refused(checker: Checker, done: Done) -> None:
    with pytest.raises(ValueError, match="make no sense"):
        checker.check([done])
