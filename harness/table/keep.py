"""Keep a measured table in a store, beside the runs, where the report finds the newest one."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import msgspec

from harness.model.problem import Problem

FORMAT = 1
FOLDER = "tables"


def keep(root: Path, table: dict[str, Any]) -> Path:
    """Write the table's JSON to a new file of the store at `root`, whole or not at all, and return the file."""
    folder = root / FOLDER
    path = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=folder, suffix=".new", delete=False) as file:
            file.write(msgspec.json.encode({"format": FORMAT, **table}))
            file.flush()
            os.fsync(file.fileno())
        os.replace(file.name, path)
    except OSError as error:
        raise Problem(f"the table can't be kept in {root}: {error.strerror}") from error
    return path
