"""`racewash run`: race the suites for a length of time, and say what was checked and what was found."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli._options import FAULT, LAYOUT, MEMORY, SECONDS, echo_json
from harness.cli._progress import progress
from harness.cli._summary import NOT_STORED, summary
from harness.model.layout import Layout
from harness.model.output.common import suite_figures
from harness.model.output.run import RunOutput
from harness.stress.request import MAX_PROCESSES, MAX_SEED, MAX_THREADS, OWN, SANITIZERS, TARGETS, RunRequest
from harness.stress.result import RunResult, again, memory_model
from harness.stress.run import run as run_suites
from harness.version import VERSION

CONTROLLED = ("scenario",)  # what the seed decides: the operating system chooses the interleaving
CANARY_MISSED = 3


@click.command(epilog="Example: racewash run expansion supply --seconds 10")
@click.argument("suites", nargs=-1, metavar="[SUITE]...")
@click.option(
    "--target",
    type=click.Choice(TARGETS),
    default=OWN,
    show_default=True,
    help="Our core, or the database's own compiled code (extra: seekdb).",
)
@click.option("--seconds", type=SECONDS, default=30.0, show_default=True,
              help="Length of the whole run, divided over the suites; each runs at least once.")  # fmt: skip
@click.option("--threads", type=click.IntRange(1, MAX_THREADS), default=4, show_default=True,
              help="Threads that race one core.")  # fmt: skip
@click.option("--processes", type=click.IntRange(1, MAX_PROCESSES), default=1, show_default=True,
              help="Workers beside each other, each with cores of its own.")  # fmt: skip
@click.option("--shared", type=click.IntRange(0, MAX_PROCESSES), default=0, show_default=True,
              help="Forked processes that share the threads and one core in a shared mapping; 0: no fork.")  # fmt: skip
@click.option("--layout", type=LAYOUT, default="after", show_default=True,
              help="before, after, or PART=KIND,... (parts not named: after).")  # fmt: skip
@click.option("--memory", type=MEMORY, help="Each core's memory limit, like 2G; standard: small cores, drawn.")
@click.option("--fault", "faults", type=FAULT, multiple=True,
              help="What fails, like 'alloc skip=3', or 'kill skip=50' with --shared: see docs/faults.md.")  # fmt: skip
@click.option("--sanitizer", type=click.Choice(tuple(SANITIZERS)), default="none", show_default=True,
              help="ThreadSanitizer, AddressSanitizer with UBSan and LeakSanitizer, or neither.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, MAX_SEED), help="Decides the scenarios; standard: drawn, printed.")
@click.option("--store", type=click.Path(path_type=Path, file_okay=False), default=".racewash", show_default=True,
              help="Folder that keeps the runs and their findings.")  # fmt: skip
@click.option("--hang-after", type=SECONDS, default=30.0, show_default=True,
              help="Seconds without progress after which a worker counts as hanging.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def run(suites: tuple[str, ...], target: str, seconds: float, threads: int, processes: int, shared: int,
        layout: Layout, memory: int | None, faults: tuple[str, ...], sanitizer: str, seed: int | None, store: Path,
        hang_after: float, as_json: bool) -> int:  # fmt: skip
    """Race the named suites (all of them when none is named) and check invariants and the account of every byte."""
    request = RunRequest(
        suites=suites,
        target=target,
        seconds=seconds,
        threads=threads,
        processes=processes,
        shared=shared,
        layout=layout,
        memory=memory,
        sanitizer=sanitizer,
        seed=seed,
        store=store,
        hang_after=hang_after,
        faults=faults,
    )
    with progress(request.seconds) as (notify, tell):
        result = run_suites(request, notify, tell)
    output = output_of(result, target)
    click.echo(summary(output), err=True)
    if as_json:
        echo_json(output)
    return exit_code(output)


def output_of(result: RunResult, target: str) -> RunOutput:
    """Return what a finished run says of itself."""
    request = result.request
    suites = tuple(map(suite_figures, result.suites))
    return RunOutput(
        command="run",
        version=VERSION,
        build=result.build.identity,
        target=target,
        sanitizer=request.sanitizer,
        layout="before" if request.target != OWN else str(request.layout),
        memory=request.memory,
        threads=request.threads,
        processes=request.processes,
        shared=request.shared,
        seed=result.seed,
        executions=sum(suite.executions for suite in suites),
        seconds=result.seconds,
        suites=suites,
        findings=tuple(result.findings),
        memory_model=memory_model(request.sanitizer),
        controlled=CONTROLLED,
        canary=result.canary,
        interrupted=result.interrupted,
        notes=result.notes,
        path=str(result.path),
        stored=result.stored,
        again=again(request, result.seed),
    )


def exit_code(output: RunOutput) -> int:
    """Interrupted goes before everything; a run whose sanitizer is blind counts for nothing."""
    if output.interrupted:
        return 130
    if output.canary is False:
        return CANARY_MISSED
    return 1 if output.findings else 0 if output.stored else NOT_STORED
