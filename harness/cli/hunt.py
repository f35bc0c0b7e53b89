"""`racewash hunt`: from a failure of real threads to a schedule that shows it again."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli._options import SECONDS, echo_json
from harness.cli._progress import progress
from harness.cli._summary import findings_text, replay_text, store_of
from harness.model.output.hunt import HuntOutput
from harness.repro.hunt import SECONDS as STANDARD_SECONDS
from harness.repro.hunt import HuntRequest, HuntResult, again
from harness.repro.hunt import hunt as hunt_bundle
from harness.stress.request import MAX_PROCESSES, MAX_SEED
from harness.version import VERSION

# Of a run of the suite expansion on threads that found what the patch expansion-plain-store plants: without the patch
# there is nothing to be found.
EXAMPLE = "rw1.AwlleHBhbnNpb25mUQAAAAAAAHgEAMgBz8LwAQA40onMHQD7Tv76FnI"
CANARY_MISSED = 3


@click.command(epilog=f"\b\nExample: racewash hunt {EXAMPLE} --seconds 120")
@click.argument("bundle", metavar="BUNDLE|TOKEN")
@click.option("--seconds", type=SECONDS, default=STANDARD_SECONDS, show_default=True, help="Time for the search.")
@click.option("--jobs", type=click.IntRange(1, MAX_PROCESSES), default=1, show_default=True,
              help="Processes that search.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, MAX_SEED), help="Decides the order of the search; standard: drawn.")
@click.option("--patch", "patches", type=click.Path(path_type=Path), multiple=True,
              help="Apply this patch to the C sources first; may be given again.")  # fmt: skip
@click.option("--store", type=click.Path(path_type=Path, file_okay=False), default=".racewash", show_default=True,
              help="Folder that keeps what is found, and where a token's bundle is looked for.")  # fmt: skip
@click.option("--hang-after", type=SECONDS, default=30.0, show_default=True,
              help="Seconds after which one execution counts as hanging.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def hunt(bundle: str, seconds: float, jobs: int, seed: int | None, patches: tuple[Path, ...], store: Path,
         hang_after: float, as_json: bool) -> int:  # fmt: skip
    """Find a schedule that shows what real threads showed once: exit code 1 when there is one, 0 when the time is over.

    BUNDLE is the folder of a finding of `racewash run`. Short versions of its scenario are searched, around the
    operations and functions of its report.
    """
    request = HuntRequest(bundle, seconds, jobs, seed, store, hang_after, patches)
    with progress(seconds) as (notify, tell):
        result = hunt_bundle(request, notify, tell)
    output = output_of(result)
    click.echo(summary(output, patches), err=True)
    if as_json:
        echo_json(output)
    return exit_code(output)


def output_of(result: HuntResult) -> HuntOutput:
    """Return what a hunt says of itself."""
    explored = result.explored
    return HuntOutput(
        command="hunt",
        version=VERSION,
        build=explored.build.identity,
        bundle=str(result.bundle) if result.bundle else None,
        fingerprint=result.hunted.fingerprint,
        seed=explored.seed,
        found=result.found,
        match=result.match,
        token=result.found.token if result.found else None,
        findings=tuple(explored.findings),
        scenarios=result.scenarios,
        executions=sum(suite.executions for suite in explored.suites),
        seconds=explored.seconds,
        canary=explored.canary,
        interrupted=explored.interrupted,
        notes=explored.notes,
        path=str(explored.path),
        again=again(result.request, explored.seed),
    )


def summary(output: HuntOutput, patches: tuple[Path, ...] = ()) -> str:
    """Return the end of a hunt as lines of text."""
    tried = f"{output.scenarios:,} scenarios, {output.executions:,} executions in {output.seconds:.1f} s"
    lines = ["", *findings_text(output.findings), *(f"note: {note}" for note in output.notes)]
    if output.interrupted:
        lines.append("interrupted: what is above was searched until then")
    if output.canary is False:
        lines.append("racewash: the planted race was not found, so this proves nothing")
    lines += [f"kept in {output.path}", f"again: {output.again}"]
    if output.found is None:
        return "\n".join([*lines, f"not found: {tried}"])
    lines.append(f"found the same by its {output.match}: {tried}")
    return "\n".join([*lines, *replay_text((output.found,), store_of(output.path), patches)])


def exit_code(output: HuntOutput) -> int:
    """As for an exploration: interrupted goes first, and a search without its canary counts for nothing."""
    if output.interrupted:
        return 130
    if output.canary is False:
        return CANARY_MISSED
    return 1 if output.found else 0
