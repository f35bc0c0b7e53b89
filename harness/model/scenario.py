"""A scenario: pure data that says what is run; its canonical JSON gives it a content hash."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import msgspec

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Op:
    """One public call of the target: an operation's name and up to four integer arguments."""

    name: str
    args: tuple[int, ...] = ()


Program = tuple[Op, ...]


@dataclass(frozen=True, slots=True)
class Scenario:
    """Target configuration + one operation program per thread + fault plan.

    `params` are the target's creation parameters by name; those not named take the target's standard value. `setup`
    runs in one thread before the others start. Thread i runs `programs[i]`, `rounds` times. `processes` > 0: the
    programs are shared out over so many forked processes on one core in a mapping of `shared_bytes`. `faults` say what
    fails (harness.model.fault).
    """

    suite: str
    seed: int
    target: str
    params: dict[str, int]
    programs: tuple[Program, ...]
    setup: Program = ()
    rounds: int = 1
    processes: int = 0
    shared_bytes: int = 0
    check_every_ms: int = 0
    faults: tuple[str, ...] = ()
    format: int = field(default=FORMAT)

    def to_json(self) -> bytes:
        """Return the canonical JSON: sorted keys, no white space."""
        return msgspec.json.encode(self, order="sorted")

    @property
    def digest(self) -> str:
        """The scenario's content hash: 16 hex digits of SHA-256 over its canonical JSON."""
        return hashlib.sha256(self.to_json()).hexdigest()[:16]


def scenario_from_json(data: bytes) -> Scenario:
    """Decode a scenario. Raises ValueError with one sentence when the text isn't one or is of a newer format."""
    try:
        scenario = msgspec.json.decode(data, type=Scenario)
    except msgspec.DecodeError as error:
        raise ValueError(f"not a scenario: {error}") from error
    if scenario.format > FORMAT:
        raise ValueError(f"scenario format {scenario.format} is newer than this racewash reads ({FORMAT})")
    return scenario
