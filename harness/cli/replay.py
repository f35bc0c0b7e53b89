"""`racewash replay`: see a finding again, by its token or its bundle's folder."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli._options import SECONDS, echo_json
from harness.model.output import ReplayOutput
from harness.repro import ReplayRequest, ReplayResult
from harness.repro import replay as replay_recorded
from harness.repro.replay import HANG_SECONDS, TIMES_OTHER, TIMES_SAME
from harness.version import VERSION

# The leak of workload B's variant segments-loser-leaks: it shows itself in every other execution, on whatever build.
EXAMPLE = "rw1.ABRzZWdtZW50cy1sb3Nlci1sZWFrczbju1U-7OVmeAMABnPbFQIAAAEAAAEB2E-cKZ9cOC6uBwAAAC4AUq688rypb-oQhQ"
MOST = 1_000_000


@click.command(epilog=f"\b\nExample: racewash replay {EXAMPLE}")  # \b: a token is not wrapped
@click.argument("what", metavar="TOKEN|BUNDLE")
@click.option("--times", type=click.IntRange(0, MOST), default=0, show_default=True,
              help=f"Tries, each in a fresh process; 0: {TIMES_SAME}, or {TIMES_OTHER} on another build.")  # fmt: skip
@click.option("--trace", is_flag=True, help="Print the events of the first try, one column a thread.")
@click.option("--patch", "patches", type=click.Path(path_type=Path), multiple=True,
              help="Apply this patch to the C sources first; may be given again.")  # fmt: skip
@click.option("--store", type=click.Path(path_type=Path), default=".racewash", show_default=True,
              help="Where a bundle that the token names is looked for.")  # fmt: skip
@click.option("--hang-after", type=SECONDS, default=HANG_SECONDS, show_default=True,
              help="Seconds after which a try counts as hanging.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def replay(what: str, times: int, trace: bool, patches: tuple[Path, ...], store: Path, hang_after: float,
           as_json: bool) -> int:  # fmt: skip
    """Run what a TOKEN or a BUNDLE's folder recorded again: exit code 1 when the finding is seen, 0 when it isn't."""
    request = ReplayRequest(given=what, times=times, trace=trace, store=store, hang_after=hang_after, patches=patches)
    output = output_of(replay_recorded(request))
    click.echo(summary(output), err=True)
    if as_json:
        echo_json(output)
    elif output.trace is not None:
        click.echo("\n".join(output.trace))
    return 1 if output.reproduced else 0


def output_of(result: ReplayResult) -> ReplayOutput:
    """Return what a replay says of itself."""
    repro, scenario = result.recorded.repro, result.recorded.scenario
    return ReplayOutput(
        command="replay",
        version=VERSION,
        build=result.build.identity,
        recorded=repro.build,
        same_build=result.same_build,
        suite=scenario.suite,
        seed=repro.schedule.seed,
        strategy=repro.schedule.strategy,
        memory_model=repro.options.memory_model,
        fingerprint=repro.fingerprint,
        reproduced=result.seen > 0,
        rate=(result.seen, result.tries),
        diverged=result.diverged,
        findings=result.findings,
        trace=result.trace,
        notes=result.notes,
    )


def summary(output: ReplayOutput) -> str:
    """Return the end of a replay as lines of text."""
    lines = [f"memory model: {output.memory_model}; strategy: {output.strategy}; suite: {output.suite}"]
    lines += [f"note: {note}" for note in output.notes]
    if output.diverged is not None:
        step = "" if output.diverged.step is None else f" at step {output.diverged.step}"
        lines.append(f"first divergence{step}: {output.diverged.what}")
    for finding in output.findings:
        same = "" if finding.fingerprint.startswith(output.fingerprint) else " (another finding)"
        lines.append(f"- {finding.kind}{same}: {finding.message}")
        lines += [f"    {place.file}:{place.line} {place.function}".rstrip() for place in finding.locations[:4]]
    seen, tries = output.rate
    lines.append(f"{'reproduced' if output.reproduced else 'not reproduced'}: seen {seen} of {tries} times")
    return "\n".join(lines)
