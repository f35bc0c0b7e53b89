"""`racewash table`: the pull request's memory table, measured from the real core."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click
import msgspec

from harness.builds import get_build, load
from harness.cli._console import Console
from harness.cli._options import LAYOUT, MEMORY, echo_json
from harness.live import figures
from harness.model.layout import Layout
from harness.model.output.table import TableOutput
from harness.table import keep, measure
from harness.table.against import against as beside
from harness.table.text import show
from harness.version import VERSION


@click.command(epilog="Example: racewash table --memory 2G")
@click.option("--memory", type=MEMORY, default="2G", show_default=True, help="The core's memory limit, at least 64M.")
@click.option("--buckets", type=click.IntRange(min=1),
              help="Hash buckets on both sides; standard: 786433 before, 196613 after.")  # fmt: skip
@click.option("--layout", type=LAYOUT, default="after", show_default=True,
              help="What `before` is compared with: after, or PART=KIND,... (parts not named: after).")  # fmt: skip
@click.option("--against", type=click.Choice(("seekdb",)),
              help="Add figures measured in the real database (extra: seekdb).")  # fmt: skip
@click.option("--store", type=click.Path(path_type=Path, file_okay=False),
              help="Also keep the table in this store, where `racewash report` finds it.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def table(
    memory: int, buckets: int | None, layout: Layout, against: str | None, store: Path | None, as_json: bool
) -> None:
    """Measure used and hold of every label before and after the pull request, beside its own figures."""
    build = get_build("native")
    live = figures() if against else None
    measured = measure(load(build), memory, buckets, layout)
    if live is not None:
        measured = dataclasses.replace(measured, against=beside(load(build), live))
    fields = {field.name: getattr(measured, field.name) for field in dataclasses.fields(measured)}
    output = TableOutput(command="table", version=VERSION, build=build.identity, **fields)
    if store is not None:
        click.echo(f"table kept in {keep(store, msgspec.to_builtins(output))}", err=True)
    if as_json:
        echo_json(output)
    else:
        show(measured, Console())
