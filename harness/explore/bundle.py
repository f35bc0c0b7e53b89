"""From what the scheduled runtime saw to what is written down of it."""

from __future__ import annotations

from harness.builds import Build, made_with
from harness.model.batch import Observation
from harness.model.bundle import REPRO, SCENARIO, content_hash, decode_repro, encode_repro
from harness.model.repro import Origin, Repro
from harness.model.scenario import Scenario
from harness.model.schedule import Options, Schedule

__all__ = ["REPRO", "SCENARIO", "content_hash", "decode_repro", "files_of", "repro_of"]


def repro_of(
    seen: Observation, origin: Origin | None, scenario: Scenario, options: Options, build: Build, fingerprint: str
) -> Repro:
    """Return how an observation can be made again, its list of choices included."""
    schedule = Schedule(seen.strategy, seen.seed, seen.calibration, seen.choices)
    return Repro(origin, scenario.digest, options, schedule, build.identity, fingerprint)


def files_of(repro: Repro, scenario: Scenario, build: Build, trace_hash: int | None) -> tuple[dict[str, bytes], str]:
    """Return the two files that a replay needs and their content hash."""
    text = encode_repro(repro, trace_hash, made_with(build))
    return {REPRO: text, SCENARIO: scenario.to_json()}, content_hash(text)
