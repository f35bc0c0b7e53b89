"""What the target's own checks and the driver found: violations, and forked processes that died."""

from __future__ import annotations

import re

from harness.model.finding import Finding, Location, fingerprint_of
from harness.model.outcome import Outcome, Violation
from harness.oracle.frames import relative

ACCOUNTING = frozenset({"I9", "Q5", "Q8"})  # invariants about a label's used and hold
AFTER_DESTROY = "Q8"
_LEFT = re.compile(r"(-?\d+) bytes used")


def outcome_findings(outcome: Outcome, suite: str, seed: int) -> list[Finding]:
    """Return what an execution's outcome shows: a finding for each violation, and one for a process that died."""
    findings = [_violation(violation, suite, seed) for violation in outcome.violations]
    if outcome.status == "child-died":
        message = outcome.message or "a forked process died"
        mark = fingerprint_of("crash", None, (), f"{suite}: {message}")
        findings.append(Finding("crash", message, suite, mark, seed=seed))
    return findings


def kind_of(violation: Violation) -> str:
    """Return the kind of a violation: bytes that a label still uses after destroy are a leak.

    >>> kind_of(Violation("Q8", "after destruction USER has 1 objects, 48 bytes used, 64 hold", "", 0, -1, 1))
    'leak'
    """
    if violation.id not in ACCOUNTING:
        return "invariant"
    left = _LEFT.search(violation.text)
    return "leak" if violation.id == AFTER_DESTROY and left and int(left[1]) > 0 else "accounting"


def _violation(violation: Violation, suite: str, seed: int) -> Finding:
    places = (Location(relative(violation.file), violation.line),) if violation.file else ()
    kind = kind_of(violation)
    return Finding(
        kind=kind,
        message=f"{violation.id}: {violation.text}",
        suite=suite,
        fingerprint=fingerprint_of(kind, violation.id, places, violation.text),
        locations=places,
        invariant=violation.id,
        seed=seed,
    )
