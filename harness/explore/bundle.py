"""The files of a bundle by which a finding can be seen again: the scenario, and repro.json with the whole schedule."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from harness.builds import Build
from harness.model.batch import Observation
from harness.model.repro import Origin, Repro
from harness.model.scenario import Scenario
from harness.model.schedule import Options, Schedule

FORMAT = 1
REPRO, SCENARIO = "repro.json", "scenario.json"


def repro_of(
    seen: Observation, origin: Origin | None, scenario: Scenario, options: Options, build: Build, fingerprint: str
) -> Repro:
    """Return how an observation can be made again, its list of choices included."""
    schedule = Schedule(seen.strategy, seen.seed, seen.calibration, seen.choices)
    return Repro(origin, scenario.digest, options, schedule, build.identity, fingerprint)


def files_of(repro: Repro, scenario: Scenario, build: Build, trace_hash: int | None) -> tuple[dict[str, bytes], str]:
    """Return the files and their content hash: 32 hex digits over repro.json, which holds the scenario's digest."""
    data: dict[str, Any] = {
        "format": FORMAT,
        **msgspec.to_builtins(repro),
        "trace_hash": None if trace_hash is None else f"{trace_hash:016x}",
        "made_with": {"compiler": build.compiler, "patches": build.patches, "archive": build.archive_hash},
    }
    text = msgspec.json.encode(data) + b"\n"
    return {REPRO: text, SCENARIO: scenario.to_json()}, content_hash(text)


def content_hash(text: bytes) -> str:
    """Return the content hash of a bundle whose repro.json has this text."""
    return hashlib.sha256(text).hexdigest()[:32]


def decode_repro(text: bytes) -> Repro:
    """Return what a bundle's repro.json says. Raises ValueError with a sentence when it can't be read."""
    try:
        plain = msgspec.json.decode(text)
        if not isinstance(plain, dict) or not isinstance(plain.get("format"), int):
            raise ValueError("it does not say its format")
        if plain["format"] > FORMAT:
            raise ValueError(f"it has format {plain['format']}, newer than this racewash reads ({FORMAT})")
        return msgspec.convert(plain, Repro)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from error
