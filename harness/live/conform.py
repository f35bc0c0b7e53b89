"""Conformance: sequences that Hypothesis draws, run step by step on the database's store and on our core.

Each sequence starts from a new private store and a new core, in a process that has no database open: nothing else
touches either. Our core is built with the patches that make it as the database is where the two are known to differ
(docs/conformance.md); what differs beyond them is a difference.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from harness.builds import get_build, load, sources
from harness.live.apart import UNDER_WAY, Died, apart
from harness.live.package import find_package, load_module
from harness.live.shrink import shrink
from harness.live.steps import Found, Pair
from harness.model.output.conform import Difference
from harness.model.problem import Problem
from harness.model.scenario import Op

BLOCK = 2_080_768
UPSTREAM = ("W2", "W4", "W5", "W8", "W17")  # repairs of our core that the database lacks, of this layout
MOST_DIFFERENCES = 5  # then the search ends: they have to be looked at
START_SECONDS, STEP_SECONDS = 300.0, 0.02  # far above what is needed: a process that hangs ends some time
SLOTS, BYTES = 4, 5
NAMES = (
    "alloc_mb", "alloc_mb", "alloc_mb", "set_full", "set_full", "supply", "fill_mb", "free_mb", "retire", "hit",
    "hold_mb", "hold_seq", "hold_share", "hold_drop", "wash", "sync_wash", "flush", "refresh_score", "reclaim", "purge",
    "hp_wash", "mb_info",
)  # fmt: skip
MOST_STEPS = 1_000  # Hypothesis draws so many bytes at once


@dataclass(frozen=True, slots=True)
class Conformance:
    """What was compared, and what differs."""

    sequences: int
    steps: int
    seconds: float
    seed: int
    build: str
    differences: tuple[Difference, ...]


def patches_of_database() -> tuple[Path, ...]:
    """Return the patches that make our core as the database is, in the order in which they apply."""
    native = sources() / "native"
    repairs = [native / "defects" / f"upstream-{name}.patch" for name in UPSTREAM]
    return (*repairs, *sorted((native / "live" / "as_upstream").glob("*.patch")))


def conform(
    sequences: int, steps: int, run_seed: int, tell: Callable[[str], None], planted: tuple[Path, ...] = ()
) -> Conformance:
    """Compare so many sequences of so many steps. `planted` are more patches to our core (tests). Raises Problem."""
    find_package()
    get_build("native")
    build = get_build("native", (*patches_of_database(), *planted))  # made here, where the user sees it
    request = {"sequences": sequences, "steps": steps, "seed": run_seed, "planted": [str(path) for path in planted]}
    began = time.monotonic()
    try:
        answer = apart("conform", request, START_SECONDS + sequences * steps * STEP_SECONDS, _teller(tell, sequences))
    except Died as died:
        answer = _death(died)
    if "problem" in answer:
        raise Problem(str(answer["problem"]))
    differences = tuple(msgspec.convert(one, Difference) for one in answer["differences"])
    seconds = time.monotonic() - began
    return Conformance(answer["sequences"], answer["steps"], seconds, run_seed, build.identity, differences)


def _teller(tell: Callable[[str], None], sequences: int) -> Callable[[Any], None]:
    def told(doing: Any) -> None:
        if doing:
            tell(f"{doing['sequences']:,} of {sequences:,} sequences")

    return told


def _death(died: Died) -> dict[str, Any]:
    """A process that dies of a sequence is a difference, after those that it had found before: our core lived."""
    if died.doing is None:
        raise Problem(f"the database's process gave no answer: {died.how}; it printed: {died.printed}")
    doing = died.doing
    crash = Difference(f"crash ({died.how})", "?", 0, 0, doing["max_handles"], tuple(doing["sequence"]))
    return {**doing, "differences": [*doing["differences"], msgspec.to_builtins(crash)]}


# ---- in the process apart ----


class Draw:
    """Reads operations from drawn bytes, BYTES each: drawing them one by one would take most of the time.

    >>> Draw(bytes(10)).operations()
    (Op(name='alloc_mb', args=(0, 2080768, 0)), Op(name='alloc_mb', args=(0, 2080768, 0)))
    """

    def __init__(self, data: bytes) -> None:
        self._parts = [data[at : at + BYTES] for at in range(0, len(data), BYTES)]

    def operations(self) -> tuple[Op, ...]:
        """Return one operation for each part."""
        return tuple(self._operation(*part) for part in self._parts)

    def _operation(self, kind: int, slot: int, index: int, size: int, more: int) -> Op:
        name = NAMES[kind % len(NAMES)]
        slot, other = slot % SLOTS, slot // SLOTS % SLOTS
        arguments = {
            "alloc_mb": (more % 2, BLOCK + 4096 * (size % 4 == 3), slot),
            "set_full": (slot, 8 * size),
            "supply": (size % 40,),
            "fill_mb": (slot, 1 + size % 5),
            "free_mb": (slot,),
            "retire": (index % 40,),
            "hit": (index % 40, 1 + size % 5),
            "hold_mb": (slot, index % 40),
            "hold_seq": (slot, index % 40, size % 3),
            "hold_share": (slot, other),
            "hold_drop": (slot,),
            "wash": ((5, 6, 8)[size % 3] * BLOCK,),
            "sync_wash": ((1, BLOCK, 3 * BLOCK)[size % 3],),
            "flush": (size % 2,),
        }
        return Op(name, arguments.get(name, ()))


class _Search:
    """One search in this process."""

    def __init__(self, request: dict[str, Any]) -> None:
        load_module()
        planted = tuple(Path(path) for path in request["planted"])
        database = load(get_build("native"), "seekdb")
        database.find_database()
        core = load(get_build("native", (*patches_of_database(), *planted)), "model")
        self._pair = Pair(database, core, request["steps"])
        self.sequences = self.steps = 0
        self.differences: dict[str, Difference] = {}  # by what differs, whatever its number

    def look(self, ops: tuple[Op, ...], max_handles: int) -> None:
        """Compare one sequence; what differs is shrunk and kept, once for each kind of number."""
        if len(self.differences) >= MOST_DIFFERENCES:
            return
        self._say(ops, max_handles)
        found = self._pair.compare(ops, max_handles)
        self.sequences += 1
        self.steps += len(ops)
        if found is not None and found.field not in self.differences:
            self._keep(ops[: found.step + 1], found, max_handles)

    def _keep(self, ops: tuple[Op, ...], found: Found, max_handles: int) -> None:
        field = found.field
        self.differences[field] = _difference(ops, found, max_handles)  # should the process die of a shorter one

        def differs(candidate: tuple[Op, ...]) -> tuple[Op, ...] | None:
            if not candidate:
                return None
            self._say(candidate, max_handles)
            again = self._pair.compare(candidate, max_handles)
            return candidate[: again.step + 1] if again is not None and again.field == field else None

        short = shrink(ops, differs)
        self._say(short, max_handles)
        last = self._pair.compare(short, max_handles) or found
        self.differences[field] = _difference(short, last, max_handles)

    def answer(self) -> dict[str, Any]:
        """Return what was compared so far, and what differs."""
        differences = [msgspec.to_builtins(one) for one in self.differences.values()]
        return {"sequences": self.sequences, "steps": self.steps, "differences": differences}

    def _say(self, ops: tuple[Op, ...], max_handles: int) -> None:
        """Write down the answer so far and what comes next, each time whole: the process may die at any moment."""
        doing = {**self.answer(), "max_handles": max_handles, "sequence": _texts(ops)}
        new = Path(f"{UNDER_WAY}.new")
        new.write_text(json.dumps(doing), encoding="utf-8")
        new.replace(UNDER_WAY)


def _difference(ops: tuple[Op, ...], found: Found, max_handles: int) -> Difference:
    return Difference(found.what, ops[-1].name, found.database, found.core, max_handles, _texts(ops))


def _texts(ops: tuple[Op, ...]) -> tuple[str, ...]:
    return tuple(f"{op.name}({', '.join(map(str, op.args))})" for op in ops)


def search(request: dict[str, Any]) -> dict[str, Any]:
    """Draw and compare sequences, in this process, which can't do anything else afterwards."""
    looking = _Search(request)
    size = request["steps"] * BYTES
    operations = st.binary(min_size=size, max_size=size)
    handles = st.sampled_from((129, 160, 200, 300))

    @seed(request["seed"])
    @settings(max_examples=request["sequences"], database=None, deadline=None, phases=(Phase.generate,),
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(operations, handles)
    def draw(data: bytes, max_handles: int) -> None:
        looking.look(Draw(data).operations(), max_handles)

    draw()
    return looking.answer()
