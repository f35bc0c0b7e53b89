"""From what a user gives, a token or a bundle's folder, to the repro and its scenario."""

from __future__ import annotations

import os.path  # its isdir says False, where that of Path raises: a token may be longer than a name can be
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from harness.explore.named import NAMED
from harness.explore.units import drawn
from harness.model.bundle import REPRO, SCENARIO, content_hash, decode_repro, decode_trace_hash
from harness.model.problem import Problem
from harness.model.repro import Repro, Whole
from harness.model.scenario import Scenario, scenario_from_json
from harness.model.suite import Suite
from harness.model.token import parse_token
from harness.store import bundles
from harness.stress.draw import draw
from harness.stress.request import OWN


@dataclass(frozen=True, slots=True)
class Recorded:
    """A repro and its scenario. `notes`: what the user should know of how they were found. `folder`: their bundle."""

    repro: Repro
    scenario: Scenario
    trace_hash: int | None = None
    notes: tuple[str, ...] = ()
    folder: Path | None = None


def resolve(given: str, store: Path, others: Mapping[str, Suite] | None = None) -> Recorded:
    """Return what a token or a bundle's folder stands for. Raises Problem with one sentence when it can't be found.

    `others` are suites by name that are known besides those installed.
    """
    folder = folder_of(given, store)
    if folder:
        return read_bundle(folder)
    parsed = parse_token(given)
    assert not isinstance(parsed, str)
    return Recorded(parsed.repro, parsed.scenario) if isinstance(parsed, Whole) else _drawn(parsed, others or {})


def folder_of(given: str, store: Path) -> Path | None:
    """Return the bundle that a folder's name or a token stands for, None when a token's is not in the store."""
    if "/" in given or os.path.isdir(given):
        return Path(given)
    parsed = parse_token(given)
    return _by_content(parsed, store) if isinstance(parsed, str) else _by_token("".join(given.split()), store)


def read_bundle(folder: Path) -> Recorded:
    """Return what a bundle's folder holds."""
    if not os.path.isdir(folder):
        raise Problem(f"{folder} does not exist; give a token or the folder of a finding")
    recorded = decoded(_read(folder / REPRO), _read(folder / SCENARIO), f"the bundle {folder}")
    return replace(recorded, folder=folder)


def decoded(text: bytes, scenario: bytes, what: str) -> Recorded:
    """Return what a repro.json and a scenario.json say; `what` names where they stand, for those that can't be read."""
    try:
        repro, whole = decode_repro(text), scenario_from_json(scenario)
    except ValueError as error:
        raise Problem(f"{what} is damaged or newer: {error}") from error
    if whole.digest != repro.digest:
        raise Problem(f"{what} is damaged: {SCENARIO} is not the scenario that {REPRO} names")
    return Recorded(repro, whole, decode_trace_hash(text))


def _drawn(repro: Repro, others: Mapping[str, Suite]) -> Recorded:
    from harness.generate import discover

    assert repro.origin is not None
    known = discover() if repro.target == OWN else discover(repro.target)
    suites = {**known, **NAMED, **others} if repro.scheduled else {**known, **others}
    suite = suites.get(repro.origin.suite)
    if suite is None:
        raise Problem(f"the token is for the suite {repro.origin.suite!r}, which is not installed here; where a test "
                       "has it, `pytest --racewash-replay=TOKEN` replays it")  # fmt: skip
    scenario = drawn_by(suite, repro)
    if scenario.digest.startswith(repro.digest):
        return Recorded(replace(repro, digest=scenario.digest), scenario)
    note = f"the suite {suite.name} draws another scenario from this seed now than when the token was made"
    return Recorded(replace(repro, digest=scenario.digest), scenario, notes=(note,))


def drawn_by(suite: Suite, repro: Repro) -> Scenario:
    """Return the scenario that a suite draws where a repro says that its own was drawn from."""
    assert repro.origin is not None
    if repro.scheduled:
        return drawn(suite, repro.origin)
    return draw(suite, repro.origin.seed, 0, repro.origin.shape, repro.kind)


def _by_content(wanted: str, store: Path) -> Path:
    for folder in bundles(store, shrunk=True):
        if (folder / REPRO).is_file() and content_hash(_read(folder / REPRO)) == wanted:
            return folder
    raise Problem(f"the token names a bundle (content {wanted[:12]}) that is not in the store {store}; "
                  "give the bundle's folder, or its store with --store")  # fmt: skip


def _by_token(token: str, store: Path) -> Path | None:
    """Return the bundle in which the token stands: it has the choices themselves."""
    for folder in bundles(store, shrunk=True):
        if (folder / REPRO).is_file() and token.encode() in _read(folder / "finding.json"):
            return folder
    return None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise Problem(f"the bundle {path.parent} is not whole: {path.name} is missing") from None
    except OSError as error:
        raise Problem(f"{path} can't be read: {error.strerror}") from error
