"""From what a worker is given to its intent, and from the intent of a dead run to a finding.

Whatever ends racewash's own process without a word (a signal that nobody can catch, the system out of memory, the
machine itself) leaves the intents of its workers behind. The next command on the same store makes findings of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from harness.builds import BlackBox
from harness.model.finding import ENDED, Finding
from harness.model.problem import Problem
from harness.model.repro import Origin, Repro, on_threads
from harness.model.scenario import Scenario
from harness.model.schedule import Choice, died_of
from harness.model.suite import Shape
from harness.oracle import Death
from harness.store import RunStore, bundled, mark_reported, read_intents, unfinished_runs
from harness.stress.draw import draw, scenario_seed
from harness.stress.process import NOTE
from harness.stress.request import OWN

HANG_MS = 5000  # so long without progress when the process ended: it was a hang that somebody ended
SCHEDULED, THREADS = "schedules", "threads"


def scheduled_intent(repro: Repro, scenario: Scenario, executions: int, seed_at: int) -> dict[str, Any]:
    """Return the intent of a batch: its scenario and seeds from the repro's on, `executions` of them (0: by time)."""
    return {
        "what": SCHEDULED,
        "suite": scenario.suite,
        "repro": msgspec.to_builtins(repro),
        "scenario": msgspec.to_builtins(scenario),
        "executions": executions,
        "seed_at": seed_at,
    }


def threads_intent(suite: str, target: str, seed: int, shape: Shape, first: int, stride: int,
                   seed_at: int) -> dict[str, Any]:  # fmt: skip
    """Return the intent of a worker on real threads: scenarios first, first + stride, ... of a run's seed."""
    return {
        "what": THREADS,
        "suite": suite,
        "target": target,
        "seed": seed,
        "shape": msgspec.to_builtins(shape),
        "first": first,
        "stride": stride,
        "seed_at": seed_at,
    }


def recover(root: Path, notify: Callable[[str], None]) -> None:
    """Make findings of what dead runs of a store were executing, and say so; each run once."""
    for folder in unfinished_runs(root):
        notify(f"an earlier run was cut off before its end; what it had found by then is in {folder}")
        build, records = read_intents(folder)
        run = RunStore(folder)
        for record, area in records:
            try:
                finding, files = _finding(build, record, area)
            except Exception as error:  # a damaged file, or whatever a suite raises that draws otherwise by now
                why = " ".join(f"{type(error).__name__}: {error}".split())
                notify(f"the scenario that it was executing can't be made again, so there is no token of it ({why})")
                kind, quiet = _end(area)
                finding, files = _died(kind, str(record.get("suite", "unknown")), None, quiet, ""), {}
            _keep(run, finding, files, notify)
        mark_reported(folder)


def _keep(run: RunStore, finding: Finding, files: dict[str, bytes], notify: Callable[[str], None]) -> None:
    try:
        bundle: Path | str = run.add_finding(finding, files)
    except Problem as problem:  # another start is doing the same, or the disk is full
        bundle = run.bundle_of(finding)
        if not bundle.is_dir():
            bundle = f"not stored: {problem}"
    notify(f"found {finding.kind} in {finding.suite}: {finding.message} ({bundle})")
    if finding.token:
        notify(f"replay: racewash replay {finding.token}")


def _finding(build: dict[str, Any], record: dict[str, Any], area: bytes) -> tuple[Finding, dict[str, bytes]]:
    seed = int.from_bytes(area[record["seed_at"] :][:8], "little")
    kind, quiet = _end(area)
    known = _scheduled(record, seed, area) if record["what"] == SCHEDULED else _threads(build, record, seed)
    if known is None:
        return _died(kind, record["suite"], seed or None, quiet, ""), {}
    repro, scenario = known
    seed = repro.schedule.seed if repro.scheduled else scenario.seed  # of the first execution, if none had begun
    finding = _died(kind, scenario.suite, seed, quiet, repro.digest)
    return bundled(finding, replace(repro, fingerprint=ENDED), scenario, build)


def _end(area: bytes) -> tuple[str, int]:
    """The kind of finding, and for how many milliseconds nothing had moved."""
    quiet = int.from_bytes(area[-NOTE:], "little")
    return "hang" if quiet >= HANG_MS else "crash", quiet


def _died(kind: str, suite: str, seed: int | None, quiet: int, digest: str) -> Finding:
    """The finding of one execution: each that was under way is one of its own, for any of them may have ended it."""
    stood = f", which had made no progress for {quiet / 1000:.0f} s" if kind == "hang" else ""
    death = Death(suite, seed, "under way", "racewash's own process was gone at the next start on this store\n")
    finding = death.finding(kind, "racewash itself was ended with this execution", detail=stood)
    execution = hashlib.sha256(f"{finding.fingerprint} {digest} {seed}".encode()).hexdigest()
    return replace(finding, fingerprint=execution[: len(ENDED)])


def _scheduled(record: dict[str, Any], seed: int, area: bytes) -> tuple[Repro, Scenario]:
    repro = msgspec.convert(record["repro"], Repro)
    scenario = msgspec.convert(record["scenario"], Scenario)
    begun = repro.schedule
    choices = _choices(area) if seed else None
    schedule = died_of(begun.strategy, seed or begun.seed, begun.calibration, choices)
    return replace(repro, schedule=schedule), scenario


def _choices(area: bytes) -> tuple[Choice, ...] | None:
    """What the execution under way had chosen, None where an earlier racewash did not write that down."""
    if len(area) != BlackBox.size(events=False) + NOTE:
        return None
    box = BlackBox(bytearray(area))
    try:
        return box.listed()
    finally:
        box.close()


def _threads(build: dict[str, Any], record: dict[str, Any], seed: int) -> tuple[Repro, Scenario] | None:
    from harness.generate import discover  # with it comes Hypothesis: only where a run has died

    target = record["target"]
    suites = discover() if target == OWN else discover(target)
    suite = suites.get(record["suite"])
    if suite is None:
        return None
    shape = msgspec.convert(record["shape"], Shape)
    seed = seed or scenario_seed(record["seed"], suite.name, record["first"])
    scenario = draw(suite, seed, 0, shape, build["kind"])
    origin = Origin(suite.name, seed, shape)
    return on_threads(origin, scenario.digest, build["identity"], "", build["kind"], target), scenario
