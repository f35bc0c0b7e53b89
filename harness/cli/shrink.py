"""`racewash shrink`: the smallest case of a finding, and its story."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli._options import SECONDS, echo_json
from harness.cli._progress import progress
from harness.cli._shrunk import figures_of, shrunk_text
from harness.cli._summary import replay_line
from harness.cli.replay import EXAMPLE, MOST
from harness.model.output.shrink import ShrinkOutput
from harness.shrink import ShrinkRequest, Shrunk
from harness.shrink import shrink as shrink_recorded
from harness.shrink.run import HANG_SECONDS, TIMES
from harness.shrink.run import SECONDS as STANDARD
from harness.version import VERSION


@click.command(epilog=f"\b\nExample: racewash shrink {EXAMPLE}")  # \b: a token is not wrapped
@click.argument("what", metavar="TOKEN|BUNDLE")
@click.option("--seconds", type=SECONDS, default=STANDARD, show_default=True, help="Time to look for smaller cases.")
@click.option("--times", type=click.IntRange(1, MOST), default=TIMES, show_default=True,
              help="Replays at the end, each in a fresh process.")  # fmt: skip
@click.option("--patch", "patches", type=click.Path(path_type=Path), multiple=True,
              help="Apply this patch to the C sources first; may be given again.")  # fmt: skip
@click.option("--store", type=click.Path(path_type=Path, file_okay=False), default=".racewash", show_default=True,
              help="Where a bundle that the token names is looked for, and a new one is kept.")  # fmt: skip
@click.option("--hang-after", type=SECONDS, default=HANG_SECONDS, show_default=True,
              help="Seconds after which one execution counts as hanging.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def shrink(what: str, seconds: float, times: int, patches: tuple[Path, ...], store: Path, hang_after: float,
           as_json: bool) -> int:  # fmt: skip
    """Look for the smallest case that shows what a TOKEN or a BUNDLE's folder recorded, and tell its story.

    Fewer threads and operations, a smaller set-up and configuration, fewer faults and preemptions. The bundle stays as
    it is; the smaller one is kept inside of it. Exit code 1 when the replays show it, 0 when they don't.
    """
    request = ShrinkRequest(what, seconds, times, store, hang_after, patches)
    with progress(seconds) as (notify, tell):
        notes: list[str] = []
        result = shrink_recorded(request, tell)
        output = output_of(result, store, notes)
        for note in notes:
            notify(f"note: {note}")
    click.echo("\n".join(shrunk_text(output.shrunk)), err=True)
    if as_json:
        echo_json(output)
    else:
        click.echo(f"\n{output.shrunk.story}", nl=False)
    click.echo(replay_line(output.shrunk.token, store, patches), err=True)
    if result.interrupted:
        return 130
    return 1 if output.shrunk.rate[0] else 0


def output_of(result: Shrunk, store: Path, notes: list[str]) -> ShrinkOutput:
    """Store what was shrunk, and return what is said of it; what went wrong goes to `notes`."""
    shrunk = figures_of(result, store, notes.append)
    return ShrinkOutput(
        command="shrink",
        version=VERSION,
        build=result.launch.build.identity,
        suite=result.after.scenario.suite,
        shrunk=shrunk,
        interrupted=result.interrupted,
        notes=(*result.recorded.notes, *notes),
    )
