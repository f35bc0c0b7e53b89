"""`racewash report`: one self-contained HTML page of a stored run."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli._options import echo_json
from harness.model.output.report import ReportOutput
from harness.model.problem import Problem
from harness.store import RUNS, newest_run
from harness.stress.intents import recover
from harness.version import VERSION
from reports.render import render

STORE = Path(".racewash")


@click.command(epilog="Example: racewash report -o report.html")
@click.argument("run", type=click.Path(path_type=Path), required=False)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), default="report.html",
              show_default=True, help="The HTML file to write.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def report(run: Path | None, output: Path, as_json: bool) -> None:
    """Write a page of RUN: a run's folder, or a store, whose newest run is taken (standard: .racewash)."""
    store = run or STORE
    if (store / RUNS).is_dir():
        recover(store, lambda sentence: click.echo(sentence, err=True))
    folder = find_run(store)
    written = render(folder, output)
    if as_json:
        echo_json(ReportOutput(command="report", version=VERSION, run=str(folder), output=str(written)))
    else:
        click.echo(f"report of {folder} written to {written}", err=True)


def find_run(place: Path) -> Path:
    """Return the run's folder at `place`, or the newest one of the store there. Raises Problem when there is none."""
    if (place / "run.json").is_file():
        return place
    if not place.exists():
        raise Problem(f"{place} does not exist; give a run's folder or a store, or start with `racewash run`")
    newest = newest_run(place)
    if newest is None:
        raise Problem(f"{place} holds no finished run; start with `racewash run`")
    return newest
