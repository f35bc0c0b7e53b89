"""`racewash table`: the pull request's memory table, measured from the real core."""

from __future__ import annotations

from pathlib import Path

import click
from rich.console import Console

from harness.builds import get_build, load
from harness.cli._options import BYTES, echo_json, layout_option
from harness.model.layout import AFTER, Layout
from harness.table import measure
from harness.table.text import show


@click.command(epilog="Example: racewash table --memory 2G")
@click.option("--memory", type=BYTES, default="2G", show_default=True, help="The core's memory limit, at least 64M.")
@click.option("--buckets", type=int, default=None, help="Hash buckets, before and after (standard: 786433 and 196613).")
@layout_option(help="The layout that the one before the pull request is compared with.", default=AFTER)
@click.option("--store", type=click.Path(path_type=Path, file_okay=False), default=None,
              help="Also keep the table in this store, where `racewash report` finds it.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def table(memory: int, buckets: int | None, layout: Layout, store: Path | None, as_json: bool) -> None:
    """Measure used and hold of every label before and after the pull request, beside its own figures."""
