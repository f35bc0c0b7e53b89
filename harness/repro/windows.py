"""From a long scenario of real threads to short ones in which the same operations meet.

A real-thread program has hundreds of operations, of which a few made the failure. What is known of them: the operations
that had not ended when it was noticed, and the functions that the report names. Windows are cut out of the programs
around those; what stood before a window may have brought the core into its state, so a part of it becomes set-up.
Any window is a valid program: an operation that misses what an earlier one would have given it says so and ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from harness.model.finding import Finding
from harness.model.rng import Rng
from harness.model.scenario import Op, Program, Scenario

MAX_THREADS = 4
_LENGTHS = (1, 2, 3, 4, 6, 10)  # operations of a window
_SETUPS = (0, 4, 10, 20)  # operations that become set-up, besides the scenario's own
_CALL = re.compile(r"\b(?:kt_op_)?(\w+)\b")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of the failure: `last`: each thread's last operations, the oldest first, as far as noted down.

    `running` are the names of those that had not ended; `named` the operations whose functions stand in the report.
    """

    last: tuple[Program, ...] = ()
    running: tuple[str, ...] = ()
    named: tuple[str, ...] = ()

    @property
    def focus(self) -> tuple[str, ...]:
        """The names of the operations to look at."""
        return tuple(dict.fromkeys((*self.running, *self.named)))


def evidence_of(finding: Finding, scenario: Scenario, operations: dict[str, object] | None) -> Evidence:
    """Return what a finding's report and its operations.json (decoded) say."""
    names = {op.name for program in scenario.programs for op in program}
    text = " ".join([finding.report, finding.message, *(place.function for place in finding.locations)])
    named = tuple(dict.fromkeys(word for word in _CALL.findall(text) if word in names))
    last: list[Program] = []
    running: list[str] = []
    threads = operations.get("threads") if operations else None
    for thread in threads if isinstance(threads, list) else ():
        ops = tuple(Op(str(one[0]), tuple(one[1:])) for one in thread["last"])
        last.append(ops)
        if thread["running"]:
            running.append(str(thread["running"][0]))
    return Evidence(tuple(last), tuple(dict.fromkeys(running)), named)


def windows(scenario: Scenario, evidence: Evidence, rng: Rng) -> Iterator[Scenario]:
    """Yield short scenarios for ever: by turns from the last operations and around the operations in focus."""
    short = replace(scenario, rounds=1, processes=0, check_every_ms=0)
    while True:
        if any(evidence.last):
            yield _ending(short, evidence, rng)
        yield _around(short, evidence.focus, rng)


def _ending(scenario: Scenario, evidence: Evidence, rng: Rng) -> Scenario:
    """What the threads did last; the operations before it, as far as they were noted down, are set-up."""
    length = rng.pick(_LENGTHS)
    busy = [ops for ops in evidence.last if ops]
    chosen = _some(busy, rng.between(2, MAX_THREADS), rng)
    before = [op for ops in chosen for op in ops[:-length]]
    return _made(scenario, [ops[-length:] for ops in chosen], before, rng)


def _around(scenario: Scenario, focus: Sequence[str], rng: Rng) -> Scenario:
    """Windows around an operation in focus each, or (where a program has none) around any."""
    length = rng.pick(_LENGTHS)
    programs = [program for program in scenario.programs if program]
    chosen = _some(programs, rng.between(2, MAX_THREADS), rng)
    cuts: list[Program] = []
    before: list[Op] = []
    for program in chosen:
        wanted = rng.pick(focus) if focus else ""
        places = [i for i, op in enumerate(program) if op.name == wanted]
        places = places or [i for i, op in enumerate(program) if op.name in focus] or list(range(len(program)))
        end = min(len(program), rng.pick(places) + 1 + rng.below(length))
        begin = max(0, end - length)
        cuts.append(program[begin:end])
        before += program[max(0, begin - length) : begin]
    return _made(scenario, cuts, before, rng)


def _some(programs: Sequence[Program], count: int, rng: Rng) -> list[Program]:
    """Choose programs, the same one again when there are too few: two threads may well do the same."""
    left = list(programs)
    chosen: list[Program] = []
    while len(chosen) < count and programs:
        if not left:
            left = list(programs)
        chosen.append(left.pop(rng.below(len(left))))
    return chosen


def _made(scenario: Scenario, programs: Sequence[Program], before: Sequence[Op], rng: Rng) -> Scenario:
    most = rng.pick(_SETUPS)
    moved = tuple(before[-most:]) if most else ()
    return replace(scenario, programs=tuple(programs), setup=(*scenario.setup, *moved))
