"""Sanitizers' texts, violations and deaths become findings with a kind, a place, and a name that stays.

The texts in data/ are what small programs compiled with gcc 12 printed, under the options that workers have.
"""

from __future__ import annotations

import random
import signal
from pathlib import Path

import pytest

from harness.model.finding import KINDS, Finding
from harness.model.outcome import Outcome, Violation
from harness.oracle import (
    Death,
    crash_finding,
    exit_finding,
    flood_finding,
    hang_finding,
    left_behind_finding,
    oom_finding,
    outcome_findings,
    parse_reports,
    report_finding,
)

pytestmark = pytest.mark.contract

DATA = Path(__file__).parent / "data"
TEXTS = sorted(path.stem for path in DATA.glob("*san-*.txt"))
DEMO = "native/core/demo.c"


def text(name: str) -> str:
    return (DATA / f"{name}.txt").read_text(encoding="utf-8")


def findings(printed: str) -> list[Finding]:
    found = [report_finding(report, "map", 5) for report in parse_reports(printed)]
    return [finding for finding in found if finding is not None]


def places(finding: Finding) -> list[str]:
    return [f"{place.file}:{place.line} {place.function}" for place in finding.locations]


EXPECTED = {
    "tsan-race": ("data-race", ["atomic read of 8 bytes in read_block", "write of 8 bytes in publish_block"],
                  [f"{DEMO}:14 read_block", f"{DEMO}:13 publish_block"]),
    "tsan-race2": ("data-race", ["write of 8 bytes in clear_block"],
                   [f"{DEMO}:13 publish_block", f"{DEMO}:15 clear_block"]),
    "tsan-order": ("deadlock", ["lock-order-inversion"], [f"{DEMO}:33 main", f"{DEMO}:18 locker"]),
    "tsan-segv": ("crash", ["SEGV in jump"], [f"{DEMO}:26 jump"]),
    "tsan-abort": ("crash", ["ABRT in main"], [f"{DEMO}:42 main"]),
    "asan-over": ("out-of-bounds", ["heap-buffer-overflow, write of 1 bytes in fill_pair"],
                  [f"{DEMO}:19 fill_pair", f"{DEMO}:30 main"]),
    "asan-uaf": ("use-after-free", ["heap-use-after-free, read of 1 bytes in read_pair"],
                 [f"{DEMO}:20 read_pair", f"{DEMO}:21 drop_pair", f"{DEMO}:30 main"]),
    "asan-poison": ("use-after-free", ["use-after-poison"], [f"{DEMO}:20 read_pair", f"{DEMO}:30 main"]),
    "asan-twice": ("double-free", ["attempting double-free in drop_pair"],
                   [f"{DEMO}:21 drop_pair", f"{DEMO}:30 main"]),
    "asan-bad": ("double-free", ["not malloc()-ed in drop_pair"], [f"{DEMO}:21 drop_pair", f"{DEMO}:30 main"]),
    "asan-leak": ("leak", ["LeakSanitizer: 48 bytes in 1 object(s) allocated in make_node"],
                  [f"{DEMO}:22 make_node"]),
    "asan-ub": ("out-of-bounds", ["index 5 out of bounds", "in pick_slot"], [f"{DEMO}:25 pick_slot"]),
    "asan-segv": ("crash", ["SEGV in jump"], [f"{DEMO}:26 jump"]),
    "asan-abort": ("crash", ["ABRT in main"], [f"{DEMO}:42 main"]),
}  # fmt: skip


def test_every_text_has_its_expectation() -> None:
    assert sorted(EXPECTED) == TEXTS


@pytest.mark.parametrize("name", TEXTS)
def test_a_report_says_what_and_where(name: str) -> None:
    kind, words, where = EXPECTED[name]
    finding = findings(text(name))[0]
    assert finding.kind == kind
    assert kind in KINDS
    for word in words:
        assert word in finding.message
    assert places(finding) == where
    assert (finding.suite, finding.seed, finding.count) == ("map", 5, 1)
    assert "0x" not in finding.message
    assert finding.report.splitlines()[0] in text(name)
    assert "in " in finding.report


def test_all_reports_of_a_text_are_found() -> None:
    printed = "".join(text(name) for name in TEXTS)
    expected = [finding for name in TEXTS for finding in findings(text(name))]
    assert findings(printed) == expected
    assert [finding.kind for finding in findings(text("asan-ub"))] == ["out-of-bounds", "sanitizer", "out-of-bounds"]
    assert len(findings(text("asan-leak"))) == 2, "each direct leak; the indirect one comes with them"


def renumbered(printed: str) -> str:
    """The same report of a program to which lines were added above, in a process of another number and place."""
    printed = printed.replace("native/core/demo.c:", "/elsewhere/build-77/native/core/demo.c:1")
    return printed.replace("pid=", "pid=9").replace("0x7b", "0x7c").replace("T1", "T17")


@pytest.mark.parametrize("name", TEXTS)
def test_the_name_of_a_bug_stays(name: str) -> None:
    other = [finding.fingerprint for finding in findings(renumbered(text(name)))]
    assert other == [finding.fingerprint for finding in findings(text(name))]


def test_different_bugs_have_different_names() -> None:
    marks = {name: findings(text(name))[0].fingerprint for name in ("tsan-race", "tsan-race2", "asan-over", "asan-uaf")}
    assert len(set(marks.values())) == len(marks)


NOISE = ["a line of the program itself", "", "racewash: 12", "  indented words:", "==12== not a report", "#0 no frame"]


@pytest.mark.parametrize("name", TEXTS)
def test_other_lines_between_change_nothing(name: str) -> None:
    rng = random.Random(name)
    lines: list[str] = []
    for line in text(name).splitlines():
        # UBSan's report has no end but the first line that is none of its own.
        inside_ubsan = name == "asan-ub"
        lines += [] if inside_ubsan else [rng.choice(NOISE) for _ in range(rng.randrange(3))]
        lines.append(line)
    noisy = [(one.kind, one.fingerprint, one.message) for one in findings("\n".join(["before", *lines, "after"]))]
    assert noisy == [(one.kind, one.fingerprint, one.message) for one in findings(text(name))]


@pytest.mark.parametrize("name", TEXTS)
def test_a_report_cut_anywhere_is_still_one(name: str) -> None:
    whole = text(name)
    kinds = {finding.kind for finding in findings(whole)}
    for end in range(0, len(whole), 37):
        cut = findings(whole[:end])
        assert {finding.kind for finding in cut} <= kinds | {"sanitizer"}
    first_frame = whole.index("native/core/demo.c", whole.index("    #"))
    cut = findings(whole[: whole.index("\n", first_frame) + 1])
    assert cut
    assert cut[0].locations, "the place was printed before the cut"


@pytest.mark.parametrize("printed", ["", "\n", "ERROR: nothing", "SUMMARY: AddressSanitizer: x\n", "    #0 f a.c:1\n"])
def test_no_report_in_other_text(printed: str) -> None:
    assert parse_reports(printed) == []


def test_a_very_long_line_takes_no_time() -> None:
    assert parse_reports("x" * (8 << 20)) == []
    assert [one.kind for one in findings("==" * (4 << 20) + "\n" + text("asan-over"))] == ["out-of-bounds"]


def test_leaks_of_others_are_not_ours_to_report() -> None:
    others = text("asan-leak").replace("native/", "Objects/")
    assert findings(others) == []
    assert parse_reports(others) != []


def test_other_reports_without_any_frame_of_ours_are_kept() -> None:
    [finding] = findings(text("tsan-race").replace("native/", "Objects/"))
    assert (finding.kind, finding.locations) == ("data-race", ())


CLANG = """\
==================
WARNING: ThreadSanitizer: data race (pid=1)
  Write of size 4 at 0x7b0c00000000 by thread T2 (mutexes: write M1):
    #0 st_supply /b/native/core/store.c:81:9 (libracewash.so+0x1f2a) (BuildId: 77aa)
    #1 interp_run /b/native/stress/interp.c:40:5 (libracewash.so+0x3f2a) (BuildId: 77aa)

  Previous read of size 4 at 0x7b0c00000000 by thread T1:
    [failed to restore the stack]

SUMMARY: ThreadSanitizer: data race /b/native/core/store.c:81:9 in st_supply
==================
==77==ERROR: AddressSanitizer: stack-buffer-overflow on address 0x7ffd at pc 0x55 bp 0x7ffd sp 0x7ffd
WRITE of size 8 at 0x7ffd thread T0
    #0 0x4f8b1c in la_alloc /b/native/core/label_alloc.c:12:9
    #1 0x4f8b1d in st_supply /b/native/core/store.c:81:9
    #2 0x7f0000 in __libc_start_main (/lib/libc.so.6+0x2d) (BuildId: 12ab)
"""


def test_clang_reports_read_the_same() -> None:
    race, overflow = findings(CLANG)
    assert (race.kind, places(race)) == ("data-race", ["native/core/store.c:81 st_supply"])
    assert "write of 4 bytes in st_supply" in race.message
    assert overflow.kind == "out-of-bounds"
    assert places(overflow) == ["native/core/label_alloc.c:12 la_alloc", "native/core/store.c:81 st_supply"]


GDB = """process 5:
[New LWP 6]
0x1 in ?? ()

Thread 2 (Thread 0x7f35 (LWP 17) "python"):
#0  0x00007f35b090c017 in __GI_sched_yield () at ../sysdeps/unix/syscall-template.S:120
#1  0x00007f35af47c0d2 in cpu_relax (spins=<synthetic pointer>) at native/core/../atomics.h:35
#2  dl_insert_tail (l=0x7f35af0c5c80, x=0x7f35af0ca6f8) at native/core/dlist.c:78
#3  0x00007f35af483b3c in st_alloc_mbhandle (st=0x7f35af0c4280) at native/core/store.c:239

Thread 1 (Thread 0x7f35 (LWP 5) "python"):
#0  0x1 in __futex_abstimed_wait (a=1) at ./nptl/futex-internal.c:57
#1  0x2 in crew_run (ex=0x1) at native/stress/crew.c:99
"""


def test_a_hang_says_where_its_threads_stand() -> None:
    hang = hang_finding(DEATH, 30, ("put",), GDB)
    assert places(hang) == ["native/core/dlist.c:78 dl_insert_tail"]
    assert hang.fingerprint == hang_finding(DEATH, 30, ("put",), "").fingerprint, "where it is caught spinning varies"


# ---- Outcomes ----


def violation(name: str, said: str, line: int = 9) -> Violation:
    return Violation(name, said, "/b/native/target/kvcache_check.c", line, 3, 12)


def outcome(*violations: Violation, status: str = "done", message: str = "") -> Outcome:
    return Outcome(status, message, 1, 0.1, {}, violations, {}, ())


@pytest.mark.parametrize(
    ("name", "said", "kind"),
    [
        ("I9", "label X: used -8", "accounting"),
        ("Q5", "label X: used 8, counted 16", "accounting"),
        ("Q8", "after destruction X has 1 objects, 48 bytes used, 64 hold", "leak"),
        ("Q8", "after destruction X has 0 objects, 0 bytes used, 64 hold", "accounting"),
        ("Q8", "after destruction X has 0 objects, -48 bytes used, 0 hold", "accounting"),
        ("Q1", "the pool has used 3 handles", "invariant"),
        ("I4", "handle 3 twice", "invariant"),
    ],
)
def test_a_violation_has_the_kind_of_its_invariant(name: str, said: str, kind: str) -> None:
    [finding] = outcome_findings(outcome(violation(name, said)), "supply", 7)
    assert (finding.kind, finding.invariant, finding.seed, finding.suite) == (kind, name, 7, "supply")
    assert finding.message == f"{name}: {said}"
    assert finding.locations[0].file == "native/target/kvcache_check.c"


def test_numbers_do_not_change_a_violations_name() -> None:
    one, two, three = (
        outcome_findings(outcome(violation("Q5", said, line)), "supply", 7)[0].fingerprint
        for said, line in (("used 8", 9), ("used 16", 9), ("used 8", 10))
    )
    assert one == two != three


def test_a_forked_process_that_died_is_a_crash() -> None:
    [finding] = outcome_findings(outcome(status="child-died", message="process 1 was ended by signal 11"), "map", 7)
    assert (finding.kind, finding.message) == ("crash", "process 1 was ended by signal 11")
    assert outcome_findings(outcome(status="stopped"), "map", 7) == []


# ---- Deaths ----

DEATH = Death("map", 7, "threads", "the last line\n")


def test_deaths_have_their_kinds_and_say_where() -> None:
    made = [
        crash_finding(DEATH, signal.SIGSEGV),
        exit_finding(DEATH, 3),
        hang_finding(DEATH, 30, ("put", "get", "put"), "a stack"),
        oom_finding(DEATH, 3 << 30, 2 << 30),
        flood_finding(DEATH, 64 << 20),
        left_behind_finding(DEATH, ["python"]),
    ]
    assert [finding.kind for finding in made] == ["crash", "crash", "hang", "oom", "crash", "hang"]
    assert "SIGSEGV" in made[0].message
    assert "get, put for 30 s" in made[2].message
    assert "a stack" in made[2].report
    assert len({finding.fingerprint for finding in made}) == len(made)
    for finding in made:
        assert "threads" in finding.message
        assert "the last line" in finding.report
        assert (finding.seed, finding.suite) == (7, "map")


def test_what_varies_is_not_in_a_deaths_name() -> None:
    later = Death("map", 8, "threads", "another line\n")
    assert hang_finding(DEATH, 30, ("put",), "").fingerprint == hang_finding(later, 4, ("get",), "x").fingerprint
    assert crash_finding(DEATH, 11).fingerprint != crash_finding(DEATH, 7).fingerprint
    assert crash_finding(DEATH, 11).fingerprint != crash_finding(Death("wash", 7, "threads"), 11).fingerprint


def test_what_the_c_library_said_before_an_abort() -> None:
    failed = "racewash: /b/native/core/store.c:12: st_init: Assertion `n > 0' failed.\n"
    crash = crash_finding(Death("map", 7, "create", failed), signal.SIGABRT)
    assert crash.kind == "crash"
    assert "Assertion `n > 0' failed" in crash.message
    assert places(crash) == ["native/core/store.c:12 st_init"]
    twice = crash_finding(Death("map", 7, "threads", "x\nfree(): double free detected in tcache 2\n"), signal.SIGABRT)
    assert twice.kind == "double-free"
    assert crash_finding(Death("map", 7, "threads", "malloc(): corrupted top size\n"), 6).kind == "out-of-bounds"


def test_a_kill_from_outside_says_so() -> None:
    assert "racewash did not send it" in crash_finding(DEATH, signal.SIGKILL).message
