"""Which steps matter to a story, and how it is printed: golden texts."""

from __future__ import annotations

from dataclasses import replace

from harness.model.batch import Batch, Event, Observation, Stack
from harness.model.finding import Finding, Location
from harness.model.scenario import Op, Scenario
from harness.model.schedule import NO_CALIBRATION
from harness.shrink import Story, story_text
from harness.shrink.matter import MOST, meetings, once, told, torn
from harness.shrink.story import Row, story_of

COUNT, OTHER, PRIVATE = 0x1000000040, 0x1000000080, 0x1000000400
BIG = 1 << 64
SCENARIO = Scenario(
    "lost", 0, "counter", {"limit": 4}, ((Op("add", (1,)),), (Op("add", (2,)),)), setup=(Op("add", (0,)),)
)


def event(
    thread: int, kind: str, address: int = 0, value: int = 0, *, pc: int = 0, step: int = 0, size: int = 8
) -> Event:
    return Event(step, thread, kind, size, False, address, value, pc)


# Both add to one counter with a load and a store: the second store overwrites the first one's.
LOST = (
    event(-1, "alloc", COUNT, COUNT, pc=1, step=1),
    event(0, "call", step=2),
    event(0, "load", COUNT, 0, pc=10, step=3),
    event(0, "write", PRIVATE, 0, pc=11, step=3),
    event(1, "call", step=3),
    event(1, "load", COUNT, 0, pc=10, step=4),
    event(1, "store", COUNT, 2, pc=20, step=5),
    event(1, "return", 0, 0, step=5),
    event(0, "store", COUNT, 1, pc=20, step=6),
    event(0, "return", 0, BIG - 1, step=6),
    event(-1, "load", COUNT, 1, pc=30, step=7),
)


def seen(*stacks: Stack, step: int = 7, invariant: str = "A1") -> Observation:
    return Observation(
        kind="invariant", name="invariant", message="A1: 1 instead of 3", invariant=invariant, file="", line=0, seed=1,
        step=step, address=0, count=1, confirmed=True, choices=(), trace_hash=0, strategy="replay",
        calibration=NO_CALIBRATION, stacks=stacks,
    )  # fmt: skip


def where(pc: int) -> Location | None:
    return Location("core/n.c", pc, "add") if pc else None


def source(place: Location) -> str:
    return {
        10: "long old = at_load(&count, acquire);",
        20: "at_store(&count, old + n, release); /* whoever comes later overwrites it */",
    }.get(place.line, "")


def story(
    events: tuple[Event, ...] = LOST, what: Observation | None = None, codes: tuple[str, ...] = ("OK", "FULL")
) -> Story:
    finding = Finding("invariant", "A1: 1 instead of 3", "lost", "0123456789ab")
    return story_of(SCENARIO, Batch("done", "", events=events), what or seen(), finding, where, source, codes)


GOLDEN = """\
suite lost, target counter
configuration: limit 4
set-up: add(0)
thread 0: add(1)
thread 1: add(2)

#  step  thread 0         thread 1         where
1     2    begins add(1)
2     3    reads a: 0                      core/n.c:10  long old = at_load(&count, acquire);
3     3    writes b: 0                     core/n.c:11
4     3                   > begins add(2)
5     4                     reads a: 0     core/n.c:10  long old = at_load(&count, acquire);
6     5                     writes a: 2    core/n.c:20  at_store(&count, old + n, release); /* whoever comes late...
7     5                     ends: OK
8     6  > writes a: 1                     core/n.c:20  at_store(&count, old + n, release); /* whoever comes late...
9     6    ends: -1

=> A1: 1 instead of 3
   noticed at step 7 by the check after the threads' end
   words: a at 0x1000000040, b at 0x1000000400
   > marks where another thread goes on, ! where it went wrong
"""


def test_a_lost_update_is_told() -> None:
    """What only one thread touches is left out, but for the last thing before another goes on."""
    assert story_text(story()) == GOLDEN


def test_what_went_wrong_is_marked_and_named() -> None:
    """The stacks' own accesses are the fatal ones: the last of each at or before the step."""
    stacks = (Stack("write of 8 bytes", 0, (20,)), Stack("read of 8 bytes", 1, (10,)))
    text = story_text(story(what=seen(*stacks, step=6, invariant="")))
    assert [line.split()[:2] for line in text.splitlines() if "! " in line][:2] == [["5", "4"], ["8", "6"]]
    assert "noticed at step 6 by thread 0" in text


def test_a_code_without_a_name_is_a_number() -> None:
    assert "ends: 0" in story_text(story(codes=()))


def test_a_crash_that_is_no_event_is_marked_at_the_last_one_before() -> None:
    """Of its thread, and up to its step."""
    crash = replace(seen(Stack("crash", 0, (99,)), step=5, invariant=""), kind="crash")
    text = story_text(story(what=crash))
    assert [line.split()[:2] for line in text.splitlines() if "! " in line][:1] == [["3", "3"]]
    assert "noticed at step 5 by thread 0" in text


def test_operations_that_do_not_overlap_do_not_meet() -> None:
    """What an operation left that had ended is no race: only in the overlapping pair threads meet."""
    apart = (
        event(0, "call"), event(0, "store", COUNT, 1, pc=1), event(0, "return"),
        event(1, "call"), event(1, "load", COUNT, 1, pc=2), event(1, "return"),
    )  # fmt: skip
    assert meetings(apart) == set()
    assert meetings((*apart[:2], *apart[3:5], apart[2], apart[5])) == {1, 3}


def test_reads_alone_never_meet() -> None:
    assert meetings((event(0, "call"), event(0, "load", COUNT), event(1, "call"), event(1, "load", COUNT))) == set()


def test_an_access_of_many_bytes_touches_each_word() -> None:
    wide = (event(0, "call"), event(0, "write", COUNT, size=64), event(1, "call"), event(1, "load", COUNT + 56))
    assert meetings(wide) == {1, 3}
    assert meetings((*wide[:3], event(1, "load", COUNT + 64))) == set()


def test_torn_operations_come_before_other_meetings() -> None:
    """`a` is met by both while the first one's operation is under way; `b` only once, so it tears nothing."""
    events = (
        event(0, "call"), event(0, "load", COUNT, pc=1), event(0, "store", OTHER, pc=2),
        event(1, "call"), event(1, "load", OTHER, pc=3), event(1, "store", COUNT, pc=4), event(1, "return"),
        event(0, "store", COUNT, pc=5), event(0, "return"),
    )  # fmt: skip
    met = meetings(events)
    assert met == {1, 2, 4, 5, 7}
    assert torn(events, met) == {1, 5, 7}


def test_a_loop_is_told_once_with_its_number_of_times() -> None:
    loop = (
        event(0, "call"),
        *(event(0, "store", COUNT + 8 * i, pc=9) for i in range(5)),
        event(1, "load", COUNT, pc=8),
    )
    assert once(loop, range(len(loop))) == {0: 1, 1: 5, 6: 1}


def test_too_many_rows_are_counted() -> None:
    many = [event(i % 2, "rmw", COUNT, i, pc=i + 1, step=i) for i in range(3 * MOST)]
    kept, left_out = told([event(0, "call"), event(1, "call"), *many], seen())
    assert len(kept) == MOST
    assert left_out == 2 * MOST + 2
    rows = (Row(1, 0, "begins"),)
    text = story_text(Story(SCENARIO, rows, {}, "it broke", 9, "thread 1", left_out=5))
    assert "(5 steps more would have mattered)" in text


def test_a_long_configuration_is_broken_into_lines() -> None:
    wide = Scenario("s", 0, "t", {f"parameter_{i:02}": i for i in range(12)}, ((),))
    text = story_text(Story(wide, (), {}, "it broke", 9, "thread 1"))
    assert all(len(line) <= 100 for line in text.splitlines())
    assert "parameter_00 0, parameter_01 1" in text
    assert "thread 0: nothing" in text
    assert "one thread is enough: this is no race" in text
    assert "one thread is enough" not in GOLDEN
