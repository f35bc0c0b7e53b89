"""From what a user gives, a token or a bundle's folder, to the repro and its scenario."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from harness.explore.bundle import REPRO, SCENARIO, content_hash, decode_repro
from harness.explore.named import NAMED
from harness.explore.units import drawn
from harness.model.problem import Problem
from harness.model.repro import Repro
from harness.model.scenario import Scenario, scenario_from_json
from harness.model.suite import Suite
from harness.model.token import parse_token
from harness.store import bundles


@dataclass(frozen=True, slots=True)
class Recorded:
    """A repro and its scenario. `notes`: what the user should know of how they were found."""

    repro: Repro
    scenario: Scenario
    trace_hash: int | None = None
    notes: tuple[str, ...] = ()


def resolve(given: str, store: Path, others: Mapping[str, Suite] | None = None) -> Recorded:
    """Return what a token or a bundle's folder stands for. Raises Problem with one sentence when it can't be found.

    `others` are suites by name that are known besides those installed.
    """
    folder = Path(given)
    if "/" in given or folder.is_dir():
        return read_bundle(folder)
    parsed = parse_token(given)
    if isinstance(parsed, str):
        return read_bundle(_by_content(parsed, store))
    same = _by_token("".join(given.split()), store)
    return read_bundle(same) if same else _drawn(parsed, others or {})


def read_bundle(folder: Path) -> Recorded:
    """Return what a bundle's folder holds."""
    if not folder.is_dir():
        raise Problem(f"{folder} does not exist; give a token or the folder of a finding")
    if not (folder / REPRO).exists() and (folder / "finding.json").exists():
        raise Problem(f"{folder} has no schedule ({REPRO}): what real threads did is not recorded; `racewash explore` "
                      "finds schedules")  # fmt: skip
    text, scenario = _read(folder / REPRO), _read(folder / SCENARIO)
    try:
        repro, whole = decode_repro(text), scenario_from_json(scenario)
    except ValueError as error:
        raise Problem(f"the bundle {folder} is damaged or newer: {error}") from error
    if whole.digest != repro.digest:
        raise Problem(f"the bundle {folder} is damaged: {SCENARIO} is not the scenario that {REPRO} names")
    recorded = msgspec.json.decode(text).get("trace_hash")
    return Recorded(repro, whole, int(recorded, 16) if recorded else None)


def _drawn(repro: Repro, others: Mapping[str, Suite]) -> Recorded:
    from harness.generate import discover

    assert repro.origin is not None
    suites = {**discover(), **NAMED, **others}
    suite = suites.get(repro.origin.suite)
    if suite is None:
        raise Problem(f"the token is for the suite {repro.origin.suite!r}, which is not installed here; where a test "
                      "has it, `pytest --racewash-replay=TOKEN` replays it")  # fmt: skip
    scenario = drawn(suite, repro.origin)
    if scenario.digest.startswith(repro.digest):
        return Recorded(replace(repro, digest=scenario.digest), scenario)
    note = f"the suite {suite.name} draws another scenario from this seed now than when the token was made"
    return Recorded(replace(repro, digest=scenario.digest), scenario, notes=(note,))


def _by_content(wanted: str, store: Path) -> Path:
    for folder in bundles(store):
        if (folder / REPRO).is_file() and content_hash(_read(folder / REPRO)) == wanted:
            return folder
    raise Problem(f"the token names a bundle (content {wanted[:12]}) that is not in the store {store}; "
                  "give the bundle's folder, or its store with --store")  # fmt: skip


def _by_token(token: str, store: Path) -> Path | None:
    """Return the bundle in which the token stands: it has the choices themselves."""
    for folder in bundles(store):
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
