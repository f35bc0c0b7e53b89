"""`racewash replay`: see a finding again, by its token or its bundle's folder."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli._options import SECONDS, echo_json
from harness.model.finding import shows
from harness.model.output.replay import ReplayOutput
from harness.repro import ReplayRequest, ReplayResult
from harness.repro import replay as replay_recorded
from harness.repro.debugger import debug
from harness.repro.replay import TIMES_OTHER, TIMES_SAME
from harness.repro.result import HANG_SECONDS
from harness.repro.threads import TIMES_THREADS
from harness.stress.intents import recover
from harness.stress.request import SANITIZERS
from harness.stress.result import memory_model
from harness.version import VERSION

# The leak of workload B's variant segments-loser-leaks: it shows itself in every other execution, on whatever build.
EXAMPLE = "rw1.ABRzZWdtZW50cy1sb3Nlci1sZWFrc8OYdjUvnDdieAMABjrzgAIAAAGAAgABAb9USqkYchFirgcAAABCRjlh4-HDqTRspNk"
MOST = 1_000_000


@click.command(epilog=f"\b\nExample: racewash replay {EXAMPLE}")  # \b: a token is not wrapped
@click.argument("what", metavar="TOKEN|BUNDLE")
@click.option("--times", type=click.IntRange(0, MOST), default=0, show_default=True,
              help=f"Tries; 0: {TIMES_SAME}, {TIMES_OTHER} on another build than the one that showed it, "
                   f"{TIMES_THREADS} of what real threads did.")  # fmt: skip
@click.option("--trace", is_flag=True, help="Print the events of the first try, one column a thread.")
@click.option("--until", metavar="STEP", type=click.IntRange(0), help="Print where each thread stands at this step.")
@click.option("--gdb", is_flag=True, help="Stop in gdb at the failing step, or at STEP, with every thread's stack.")
@click.option("--rr", is_flag=True, help="The same in a recording of rr, where one can go backwards too.")
@click.option("--patch", "patches", type=click.Path(path_type=Path), multiple=True,
              help="Apply this patch to the C sources first; may be given again.")  # fmt: skip
@click.option("--store", type=click.Path(path_type=Path), default=".racewash", show_default=True,
              help="Where a bundle that the token names is looked for.")  # fmt: skip
@click.option("--hang-after", type=SECONDS, default=HANG_SECONDS, show_default=True,
              help="Seconds after which a try counts as hanging.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def replay(what: str, times: int, trace: bool, until: int | None, gdb: bool, rr: bool, patches: tuple[Path, ...],
           store: Path, hang_after: float, as_json: bool) -> int:  # fmt: skip
    """Run what a TOKEN or a BUNDLE's folder recorded again: exit code 1 when the finding is seen, 0 when it isn't."""
    request = ReplayRequest(given=what, times=times, trace=trace, store=store, hang_after=hang_after, patches=patches,
                            until=until, gdb=gdb, rr=rr)  # fmt: skip
    if store.is_dir():
        recover(store, lambda sentence: click.echo(sentence, err=True))
    if gdb or rr:
        if as_json:
            raise click.UsageError("--json has nothing to print of a debugger: leave it out")
        return debug(request)
    output = output_of(replay_recorded(request))
    click.echo(summary(output), err=True)
    if as_json:
        echo_json(output)
    else:
        for lines in (output.trace, output.state):
            if lines is not None:
                click.echo("\n".join(lines))
    return 1 if output.reproduced else 0


def output_of(result: ReplayResult) -> ReplayOutput:
    """Return what a replay says of itself."""
    repro, scenario = result.recorded.repro, result.recorded.scenario
    sanitizer = next((name for name, kind in SANITIZERS.items() if kind == repro.kind), "none")
    return ReplayOutput(
        command="replay",
        version=VERSION,
        build=result.build.identity,
        recorded=repro.build,
        same_build=result.same_build,
        suite=scenario.suite,
        seed=repro.schedule.seed if repro.scheduled else scenario.seed,
        strategy=repro.schedule.strategy,
        memory_model=repro.options.memory_model if repro.scheduled else memory_model(sanitizer),
        fingerprint=repro.fingerprint,
        reproduced=result.seen > 0,
        rate=(result.seen, result.tries),
        diverged=result.diverged,
        findings=result.findings,
        trace=result.trace,
        state=result.state,
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
        same = "" if shows(finding, output.fingerprint) else " (another finding)"
        lines.append(f"- {finding.kind}{same}: {finding.message}")
        lines += [f"    {place.file}:{place.line} {place.function}".rstrip() for place in finding.locations[:4]]
    seen, tries = output.rate
    lines.append(f"{'reproduced' if output.reproduced else 'not reproduced'}: seen {seen} of {tries} times")
    return "\n".join(lines)
