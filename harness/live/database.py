"""An embedded database in this process's current folder, and SQL traffic on it.

It can't be closed: it lives and dies with the process, which is a worker whose folder its supervisor removes.
"""

from __future__ import annotations

import random
import threading
from pathlib import Path
from typing import Any

FOLDER = "seekdb.db"
ROWS, WIDTH = 40, 2_000  # of one insert
KEEP = 4_000  # rows of a table: then it is emptied


class Database:
    """The open database."""

    def __init__(self, module: Any, folder: Path) -> None:
        self._module = module
        module.open(str(folder / FOLDER))

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Run one statement on a connection of its own and return its rows."""
        cursor = self._module.connect("test").cursor()
        cursor.execute(statement)
        return list(cursor.fetchall())

    @property
    def memory_limit(self) -> int:
        """Bytes that the server may hold: the cache's size gives the maximum of handles."""
        rows = self.query("show parameters like 'memory_limit'")
        return _bytes(str(rows[0][4]))

    def traffic(self, number: int, stop: threading.Event) -> Traffic:
        """Return one more thread of SQL, not yet started."""
        return Traffic(self._module, number, stop)


class Traffic(threading.Thread):
    """Creates a table, then inserts and scans until it is stopped. `error` is why it ended before."""

    def __init__(self, module: Any, number: int, stop: threading.Event) -> None:
        super().__init__(name=f"sql{number}", daemon=True)
        self._module, self._number, self._stop_asked = module, number, stop
        self.statements = 0
        self.error: Exception | None = None

    def run(self) -> None:
        """Work until told to stop."""
        try:
            connection = self._module.connect("test", True)
            self._work(connection.cursor())
        except Exception as error:  # whatever the database raises is its own kind, and is reported by whoever waits
            self.error = error

    def _work(self, cursor: Any) -> None:
        name, rng, rows = f"racewash_{self._number}", random.Random(self._number), 0
        self._do(cursor, f"drop table if exists {name}")  # of an execution before this one
        self._do(cursor, f"create table {name} (k bigint primary key, v varchar({WIDTH}))")
        while not self._stop_asked.is_set():
            if rows >= KEEP:
                self._do(cursor, f"truncate table {name}")
                rows = 0
            text = rng.choice("abcdefgh") * WIDTH
            values = ", ".join(f"({rows + i}, '{text}')" for i in range(ROWS))
            self._do(cursor, f"insert into {name} values {values}")
            rows += ROWS
            self._do(cursor, f"select count(*), max(length(v)) from {name} where k % {rng.randint(2, 9)} = 0")
            cursor.fetchall()

    def _do(self, cursor: Any, statement: str) -> None:
        cursor.execute(statement)
        self.statements += 1


def _bytes(text: str) -> int:
    """Return bytes of what the database says, like 1G or 512M.

    >>> _bytes("1G")
    1073741824
    """
    units = {"K": 10, "M": 20, "G": 30, "T": 40}
    return int(text[:-1]) << units[text[-1].upper()] if text[-1].upper() in units else int(text)
