"""How far a sweep has come, in the store: the same request goes on from there.

`<store>/sweeps/<key>.json`, the key over everything that decides what is swept: request, seed, the scenarios that the
suites draw from it, and the build itself.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from harness.builds import Build
from harness.explore.units import drawn
from harness.faults.chain import Chain
from harness.faults.request import SweepRequest
from harness.faults.spread import Spread, waits_of
from harness.model.fault import FaultCounts
from harness.model.finding import Finding
from harness.model.problem import Problem
from harness.model.repro import Origin
from harness.model.suite import Suite
from harness.store import keep_file

FORMAT = 1
FOLDER = "sweeps"


class ChainState(msgspec.Struct):
    """What a Chain has done; points that were under way are done again."""

    done: list[tuple[tuple[int, ...], int]]
    points: int
    counts: FaultCounts
    executions: int
    waits: dict[str, int] = {}


class State(msgspec.Struct):
    """A sweep's chains by name, and what it has found."""

    format: int
    chains: dict[str, ChainState]
    findings: list[Finding]


def state_path(request: SweepRequest, suites: tuple[Suite, ...], build: Build) -> Path:
    """Return where the state of this request on this build is kept. Raises Problem when a suite can't draw for it."""
    origins = [(suite, Origin(suite.name, request.seed, request.shape(layout, ())))
               for suite in suites for layout in request.layouts]  # fmt: skip
    decides = (build.identity, request.suites, request.schedules, request.modes, tuple(map(str, request.layouts)),
               request.threads, request.ops, request.seed, request.fault, request.points, request.steps,
               msgspec.to_builtins(request.options), [drawn(*origin).digest for origin in origins])  # fmt: skip
    key = hashlib.sha256(msgspec.json.encode(decides)).hexdigest()[:16]
    return request.store / FOLDER / f"{key}.json"


def save(path: Path, chains: list[Chain], findings: list[Finding]) -> None:
    """Write the state. Raises Problem when the store refuses."""
    kept = {
        chain.name: ChainState(list(chain.done.items()), chain.points, chain.counts, chain.executions, waits_of(chain))
        for chain in chains
    }
    keep_file(path, msgspec.json.encode(State(FORMAT, kept, findings)))


def restore(path: Path, chains: list[Chain]) -> list[Finding]:
    """Put the chains where an earlier part has left them; return what it found. Nothing there: they begin anew."""
    try:
        state = msgspec.json.decode(path.read_bytes(), type=State)
    except FileNotFoundError:
        return []
    except (OSError, msgspec.DecodeError) as error:
        raise Problem(f"the state of the sweep in {path} can't be read: {error}; sweep without --resume") from error
    if state.format > FORMAT:
        raise Problem(f"the state of the sweep in {path} has format {state.format}, newer than this racewash reads")
    for chain in chains:
        kept = state.chains.get(chain.name)
        if kept:
            chain.done = dict(kept.done)
            chain.points, chain.counts, chain.executions = kept.points, kept.counts, kept.executions
            if isinstance(chain, Spread):
                chain.waits.update(kept.waits)
    return state.findings
