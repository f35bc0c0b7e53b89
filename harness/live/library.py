"""The database's target in this process: the module loaded, a database opened when a scenario asks for one."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from harness.builds import Build, Library, Target, load
from harness.live.database import Database, Traffic
from harness.live.package import load_module
from harness.model.outcome import Outcome
from harness.model.problem import Problem
from harness.model.scenario import Scenario

TARGET = "seekdb"
LIVE = 1  # value of the parameter `store`: the open database's own
SQL_THREADS = 2


def load_database(build: Build) -> LiveLibrary:
    """Load the database's code and the build that races it. Only in a process that may be thrown away."""
    module = load_module()
    library = load(build, TARGET)
    library.find_database()
    return LiveLibrary(library, module, Path.cwd())


class LiveLibrary:
    """As a Library; scenarios on the live store run beside SQL traffic."""

    def __init__(self, library: Library, module: Any, folder: Path) -> None:
        self._library, self._module, self._folder = library, module, folder
        self._database: Database | None = None
        self._limit = 0
        self.kind = library.kind
        self.target: Target = library.target

    def canary(self) -> None:
        """Nothing: the database is not instrumented."""

    def execute(
        self, scenario: Scenario, progress: Any = None, *, deadline_ms: int = 0, check_leaks: bool = True
    ) -> Outcome:
        """Run one execution."""
        if scenario.params.get("store") == LIVE:
            return self._beside_sql(scenario, progress, deadline_ms)
        if self._database is not None:
            raise Problem("suites on a private store run before those on the open database: name them first")
        return self._library.execute(scenario, progress, deadline_ms=deadline_ms, check_leaks=False)

    def _beside_sql(self, scenario: Scenario, progress: Any, deadline_ms: int) -> Outcome:
        if self._database is None:
            self._database = Database(self._module, self._folder)
            self._limit = self._database.memory_limit
        params = {**scenario.params, "max_cache_size": self._limit}
        live = Scenario(scenario.suite, scenario.seed, scenario.target, params, scenario.programs, scenario.setup,
                        scenario.rounds, check_every_ms=scenario.check_every_ms)  # fmt: skip
        stop = threading.Event()
        threads = [self._database.traffic(number, stop) for number in range(SQL_THREADS)]
        for thread in threads:
            thread.start()
        try:
            return self._library.execute(live, progress, deadline_ms=deadline_ms, check_leaks=False)
        finally:
            stop.set()
            _join(threads)


def _join(threads: list[Traffic]) -> None:
    for thread in threads:
        thread.join()
    for thread in threads:
        if thread.error is not None:
            # Under a small limit a statement may be refused; what matters is what the cache does meanwhile.
            print(f"sql: a statement was refused: {thread.error}", flush=True)
