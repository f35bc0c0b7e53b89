"""The planted defect of each worker of a sanitizer build: was its report seen, and understood?"""

from __future__ import annotations

from harness.model.problem import Problem
from harness.oracle import parse_reports

EXPECTED = {"tsan": "data-race", "asan": "out-of-bounds"}  # kind of build -> kind of the canary's finding
_FILE = "native/stress/canary.c"
_MAPPING = "unexpected memory mapping"


def canary_seen(kind: str, text: str) -> bool:
    """Whether the text has the report that a build of this kind must give, with the canary's file in it."""
    return any(report.kind == EXPECTED[kind] and report.in_file(_FILE) for report in parse_reports(text))


def explain_start(text: str) -> None:
    """Raise Problem when a sanitizer said that it can't work on this machine."""
    if _MAPPING in text:
        raise Problem(
            "ThreadSanitizer can't start here: addresses are too random, and switching that off for its workers is not "
            "allowed; run `sysctl vm.mmap_rnd_bits=28`"
        )
