"""Read what the page shows; a stored file that lacks what the page needs is damaged, and one sentence says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import msgspec

from harness.model.memory import Table
from harness.model.problem import Problem
from harness.store import read_run
from harness.store.write import RUN


class StoredBuild(TypedDict):
    """What a run says of the build."""

    kind: str
    identity: str
    compiler: str
    patches: NotRequired[list[str]]


class StoredSuite(TypedDict):
    """What a run says of a suite."""

    name: str
    executions: int
    operations: int
    operations_per_second: float
    latency: NotRequired[list[int]]
    invariants: NotRequired[dict[str, int]]


class StoredRun(TypedDict):
    """What every run says, whichever command made it."""

    command: str
    version: str
    seed: int
    seconds: float
    build: StoredBuild
    suites: NotRequired[list[StoredSuite]]
    notes: NotRequired[list[str]]
    again: NotRequired[str | None]
    memory: NotRequired[int | None]


def stored_run(folder: Path) -> dict[str, Any]:
    """Return what a run's run.json says. Raises Problem when it doesn't say enough."""
    run = read_run(folder)
    _hold_against(folder / RUN, run, StoredRun)
    return run


def newest_table(folder: Path) -> dict[str, Any] | None:
    """Return the newest table that `racewash table --store` kept in the run's store, None without one."""
    tables = sorted((folder.parent.parent / "tables").glob("*.json"))
    if not tables:
        return None
    try:
        table: dict[str, Any] = json.loads(tables[-1].read_bytes())
    except OSError as error:
        raise Problem(f"the stored table {tables[-1]} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise Problem(f"the stored table {tables[-1]} is damaged: {error}") from error
    _hold_against(tables[-1], table, Table)
    return table


def stored_scenario(folder: Path, fingerprint: str) -> str:
    """Return the scenario of a run's finding as text, a damaged one as it is; empty when the finding has none."""
    path = folder / "findings" / fingerprint / "scenario.json"
    try:
        text = path.read_bytes().decode(errors="replace")
    except OSError:
        return ""
    try:
        return json.dumps(json.loads(text), indent=1)
    except ValueError:
        return text


def _hold_against(path: Path, data: object, shape: Any) -> None:
    try:
        msgspec.convert(data, shape)
    except msgspec.ValidationError as error:
        raise Problem(f"{path} is damaged: {error}") from error
