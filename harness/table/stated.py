"""What the pull request states in its own table; the figures are data, in pull_request.json."""

from __future__ import annotations

from importlib.resources import files

import msgspec

from harness.model.memory import Stated


class _File(msgspec.Struct, forbid_unknown_fields=True):
    source: str
    labels: dict[str, Stated]
    total: Stated


def stated() -> tuple[str, dict[str, Stated], Stated]:
    """Return the pull request's figures: source, by label, total."""
    data = msgspec.json.decode(files("harness.table").joinpath("pull_request.json").read_bytes(), type=_File)
    return data.source, data.labels, data.total
