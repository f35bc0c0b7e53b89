"""A core on which single operations are run, the reference that knows what it may answer, and the machine of both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from harness.builds import Core, Violated, sources
from harness.model.layout import BEFORE
from harness.model.problem import Problem
from harness.stateful import KvCacheMachine, Reference

pytestmark = pytest.mark.contract

COUNTS_TWICE = sources() / "native" / "defects" / "map-overwrite-counts-twice.patch"  # its suite's test builds it, too


@pytest.fixture
def core() -> Iterator[Core]:
    with Core() as core:
        yield core


# ---- Core ----


def test_operations_are_run_and_judged(core: Core) -> None:
    assert [core.run(*words) for words in (("put", 0, 7, 100), ("put_absent", 0, 7, 9), ("get", 0, 7))] == [
        "OK", "EXISTS", "OK",
    ]  # fmt: skip
    assert core.snapshot()["instances"] == core.figures("instances")
    assert core.figures("instances")["0/0"]["pairs"] == 1
    core.check()
    assert core.checks()["Q3"] > 0


def test_what_one_thread_holds_another_one_can_not_free(core: Core) -> None:
    core.run("put", 0, 1, 5000)
    core.run("put", 0, 2, 5000)  # the second one closes the first one's block
    assert core.run("get_hold", 0, 0, 1, thread=0) == "OK"
    assert core.run("flush", 1, thread=1) == "OK"
    assert core.run("get", 0, 1, thread=1) == "NOT_FOUND"
    assert core.run("hold_verify", 0, thread=0) == "OK"
    core.detach(0)
    core.check()


@pytest.mark.misuse
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("fly",), "no operation 'fly'"),
        (("get", 1), "takes 2 arguments"),
        (("get", 0, 1 << 64), "doesn't fit"),
    ],
)
def test_an_operation_that_can_not_be_run_is_named(words: tuple[Any, ...], said: str, core: Core) -> None:
    with pytest.raises(Problem, match=said):
        core.run(*words)


@pytest.mark.misuse
def test_a_core_that_can_not_be_made_says_why() -> None:
    with pytest.raises(Problem, match="wings"):
        Core({"wings": 2})
    with pytest.raises(Problem, match="bucket_num"):
        Core({"bucket_num": -1})


@pytest.mark.misuse
def test_a_closed_core_is_closed() -> None:
    core = Core()
    core.close()
    core.close()
    with pytest.raises(Problem, match="closed"):
        core.run("get", 0, 1)


def test_what_is_broken_is_raised() -> None:
    core = Core(patches=(COUNTS_TWICE,))
    core.run("put", 0, 1, 10)
    core.check()
    core.run("put", 0, 1, 10)
    with pytest.raises(Violated, match="Q3") as caught:
        core.check()
    assert caught.value.violations[0].id == "Q3"
    with pytest.raises(Violated, match="at the end"):
        core.close()


# ---- Machine ----


class Before(KvCacheMachine):
    layout = BEFORE


class Tight(KvCacheMachine):
    tight = True
    params = {"max_handles": 6, "block_size": 4096}  # noqa: RUF012


class Defective(KvCacheMachine):
    patches = (COUNTS_TWICE,)


def drive(machine: type[KvCacheMachine], examples: int, **more: Any) -> None:
    chosen = settings(max_examples=examples, deadline=None, database=None, derandomize=True, **more)
    run_state_machine_as_test(machine, settings=chosen)


@pytest.mark.parametrize("machine", [KvCacheMachine, Before, Tight])
def test_the_core_does_what_the_reference_allows(machine: type[KvCacheMachine]) -> None:
    drive(machine, 25)


@pytest.mark.quality
def test_a_planted_defect_is_found() -> None:
    with pytest.raises(Violated, match="Q3"):
        drive(Defective, 100, phases=(Phase.generate,))


@pytest.mark.quality
@pytest.mark.parametrize(("name", "truth", "lie"), [("get", "OK", "NOT_FOUND"), ("erase", "NOT_FOUND", "OK"),
                                                    ("put_absent", "EXISTS", "OK")])  # fmt: skip
def test_a_wrong_answer_is_found(name: str, truth: str, lie: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Core.run

    def lying(self: Core, asked: str, *args: int, thread: int = 0) -> str:
        code = run(self, asked, *args, thread=thread)
        return lie if (asked, code) == (name, truth) else code

    monkeypatch.setattr(Core, "run", lying)
    with pytest.raises(AssertionError, match=f"{name}.* ended as {lie}"):
        drive(KvCacheMachine, 400, phases=(Phase.generate,))


@pytest.mark.quality
def test_wrong_figures_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that no return code shows: the reference is told another size than the core."""
    took = Reference.took

    def mistaken(self: Reference, name: str, args: tuple[int, ...], code: str) -> None:
        took(self, name, (*args[:2], args[2] + 8) if name == "put" else args, code)

    monkeypatch.setattr(Reference, "took", mistaken)
    with pytest.raises(AssertionError, match="pairs and bytes"):
        drive(KvCacheMachine, 400, phases=(Phase.generate,))
