"""`racewash table`: the pull request's memory table, measured from the real core."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.console import Console

from harness.builds import get_build, load
from harness.cli._options import LAYOUT, SIZE, echo_json, tool_version
from harness.model.layout import Layout
from harness.table import keep, measure
from harness.table.text import show


@click.command(epilog="Example: racewash table --memory 2G")
@click.option("--memory", type=SIZE, default="2G", show_default=True, help="The core's memory limit, at least 64M.")
@click.option("--buckets", type=int, help="Hash buckets on both sides; standard: 786433 before, 196613 after.")
@click.option("--layout", type=LAYOUT, default="after", show_default=True,
              help="What `before` is compared with: after, or PART=KIND,... (parts not named: after).")  # fmt: skip
@click.option("--store", type=click.Path(path_type=Path, file_okay=False),
              help="Also keep the table in this store, where `racewash report` finds it.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def table(memory: int, buckets: int | None, layout: Layout, store: Path | None, as_json: bool) -> None:
    """Measure used and hold of every label before and after the pull request, beside its own figures."""
    build = get_build("native")
    measured = measure(load(build), memory, buckets, layout)
    data: dict[str, Any] = {"command": "table", "version": tool_version(), "build": build.identity}
    data |= measured.to_dict()
    if store is not None:
        click.echo(f"table kept in {keep(store, data)}", err=True)
    if as_json:
        echo_json(data)
    else:
        show(measured, Console())
