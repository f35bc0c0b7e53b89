"""Progress on stderr: a bar on a terminal, plain lines at intervals elsewhere; what matters is always a line."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn

INTERVAL = 5.0  # seconds between plain lines

Say = Callable[[str], None]


@contextmanager
def progress(seconds: float | None, clock: Callable[[], float] = time.monotonic) -> Iterator[tuple[Say, Say]]:
    """Give two functions: one for sentences that matter, one that is told where the run is as often as one likes.

    `seconds` None: nobody knows how long it takes.
    """
    if sys.stderr is None or not sys.stderr.isatty():  # None: closed by whoever started the process
        yield _line, at_intervals(clock)
        return
    console = Console(stderr=True)
    with Progress(BarColumn(), TextColumn("{task.description}"), transient=True, console=console) as bar:
        task = bar.add_task("starting", total=seconds)
        began: list[float] = []  # of the racing: a first build before it takes its own time

        def tell(text: str) -> None:
            began[:] = began or [clock()]
            bar.update(
                task, description=escape(text), completed=None if seconds is None else min(seconds, clock() - began[0])
            )

        yield lambda text: console.print(text, markup=False, highlight=False, soft_wrap=True), tell


def at_intervals(clock: Callable[[], float]) -> Say:
    """Return a function that prints a line now and then, and leaves out what comes between."""
    last = -INTERVAL

    def tell(text: str) -> None:
        nonlocal last
        if clock() - last >= INTERVAL:
            last = clock()
            _line(text)

    return tell


def _line(text: str) -> None:
    click.echo(text, err=True)
