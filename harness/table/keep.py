"""Keep a measured table in a store, beside the runs, where the report finds the newest one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from harness.model.problem import Problem
from harness.store.disk import make_folder, write_file

FORMAT = 1
FOLDER = "tables"


def keep(root: Path, table: dict[str, Any]) -> Path:
    """Write the table's JSON to a new file of the store at `root`, whole or not at all, and return the file."""
    path = root / FOLDER / f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}.json"
    try:
        make_folder(path.parent)
        write_file(path, msgspec.json.encode({"format": FORMAT, **table}))
    except OSError as error:
        raise Problem(f"the table can't be kept in {root}: {error.strerror}; make room or choose another") from error
    return path
