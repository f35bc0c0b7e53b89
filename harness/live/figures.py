"""Figures of the live database for the memory table, measured in its memory and asked of it in SQL."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.builds import get_build, load
from harness.live.apart import Died, apart
from harness.live.database import Database
from harness.live.package import find_package, load_module
from harness.model.memory import DatabaseFigures
from harness.model.problem import Problem
from harness.model.scenario import Op, Scenario

SECONDS = 120.0


def figures() -> DatabaseFigures:
    """Open a database in a process of its own, read its figures, and return them. Raises Problem."""
    find_package()
    get_build("native")  # made here, where the user sees it
    try:
        answer = apart("figures", {}, SECONDS)
    except Died as died:
        raise Problem(f"the database's process gave no figures: {died.how}; it printed: {died.printed}") from died
    if "problem" in answer:
        raise Problem(str(answer["problem"]))
    return DatabaseFigures(**answer)


def measure() -> dict[str, Any]:
    """Measure, in this process, which can't do anything else afterwards."""
    module = load_module()
    library = load(get_build("native"), "seekdb")
    library.find_database()
    database = Database(module, Path.cwd())
    limit = database.memory_limit
    scenario = Scenario("figures", 0, "seekdb", {"store": 1, "max_cache_size": limit}, ((Op("traverse"),),))
    outcome = library.execute(scenario)
    if outcome.status != "done" or outcome.violations:
        raise Problem(f"the database's cache can't be measured: {outcome.message or outcome.violations}")
    return asdict(_figures(limit, outcome.snapshot, database))


def _figures(limit: int, snapshot: dict[str, dict[str, dict[str, int]]], database: Database) -> DatabaseFigures:
    handles, caches = snapshot["handles"], snapshot["database"]
    said = database.query("select sum(cache_map_size) from oceanbase.__all_virtual_kvcache_info")
    return DatabaseFigures(
        version=find_package().version,
        memory_limit=limit,
        max_handles=handles["maximum"]["number"],
        handle=handles["array"]["bytes"] // handles["maximum"]["number"],
        handles_and_slots=handles["all"]["bytes"],
        pool_slots=handles["pool_slots"]["bytes"],
        supplied=handles["supplied"]["number"],
        block=snapshot["blocks"]["block"]["bytes"],
        buckets=snapshot["map"]["buckets"]["number"],
        caches=len(caches),
        node_block=min(cache["node_block"] for cache in caches.values()),
        node_bytes=sum(cache["node_bytes"] for cache in caches.values()),
        node_bytes_sql=int(said[0][0]),
    )
