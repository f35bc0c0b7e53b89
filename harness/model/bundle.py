"""The text of a bundle's repro.json: how a finding can be seen again, with the whole list of choices."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from harness.model.repro import Repro

FORMAT = 1
REPRO, SCENARIO = "repro.json", "scenario.json"
_HASH = re.compile("[0-9a-f]{16}")


def encode_repro(repro: Repro, trace_hash: int | None, made_with: Mapping[str, Any]) -> bytes:
    """Return the text; `made_with` says what the build was made of."""
    data: dict[str, Any] = {
        "format": FORMAT,
        **msgspec.to_builtins(repro),
        "trace_hash": None if trace_hash is None else f"{trace_hash:016x}",
        "made_with": dict(made_with),
    }
    return msgspec.json.encode(data) + b"\n"


def content_hash(text: bytes) -> str:
    """Return the content hash of a bundle whose repro.json has this text: 32 hex digits.

    The scenario's digest stands in the text, so the hash is over the scenario too.
    """
    return hashlib.sha256(text).hexdigest()[:32]


def decode_repro(text: bytes) -> Repro:
    """Return what a bundle's repro.json says. Raises ValueError with a sentence when it can't be read."""
    try:
        plain = msgspec.json.decode(text)
        if not isinstance(plain, dict) or not isinstance(plain.get("format"), int):
            raise ValueError("it does not say its format")
        if plain["format"] > FORMAT:
            raise ValueError(f"it has format {plain['format']}, newer than this racewash reads ({FORMAT})")
        recorded = plain.get("trace_hash")
        if recorded is not None and not (isinstance(recorded, str) and _HASH.fullmatch(recorded)):
            raise ValueError(f"its trace_hash is none: {recorded!r}")
        return msgspec.convert(plain, Repro)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from error


def decode_trace_hash(text: bytes) -> int | None:
    """Return the hash of the recorded execution's trace, None when it isn't known. The text is one that was decoded."""
    recorded = msgspec.json.decode(text).get("trace_hash")
    return int(recorded, 16) if recorded else None
