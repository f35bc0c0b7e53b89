"""`racewash sweep`: every allocation fails in turn, under many schedules, and whatever comes of it is judged."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli._options import LAYOUT, PATCHES, SECONDS, STORE, echo_json
from harness.cli._progress import progress
from harness.cli._summary import NOT_STORED
from harness.cli._swept import summary
from harness.cli.explore import CANARY_MISSED
from harness.explore.request import MAX_OPS, OPTIONS
from harness.explore.result import CONTROLLED
from harness.explore.strategies import STRATEGIES
from harness.faults import SweepRequest, SweepResult
from harness.faults import sweep as sweep_suites
from harness.faults.request import (
    BASE_SEED,
    CLOCK_SEED,
    FAULTS,
    MAX_POINTS,
    MAX_SCHEDULES,
    MAX_STEPS,
    ONCE,
    PAIRS,
    PERSISTENT,
)
from harness.faults.result import again
from harness.model.fault import CLOCK
from harness.model.layout import Layout
from harness.model.output.common import suite_figures
from harness.model.output.sweep import SweepOutput
from harness.model.schedule import Options
from harness.stress.request import MAX_PROCESSES, MAX_SEED, MAX_THREADS
from harness.version import VERSION

STANDARD = SweepRequest(())
BOTH = " and ".join(map(str, STANDARD.layouts))


@click.command(epilog="Example: racewash sweep supply --schedules 20 --once")
@click.argument("suites", nargs=-1, metavar="[SUITE]...")
@click.option("--fault", type=click.Choice(FAULTS), default=FAULTS[0], show_default=True,
              metavar="[alloc|stall|clock]",  # the others are refused with a sentence
              help="What fails: allocations, threads that stop where they hold something, the clock.")  # fmt: skip
@click.option("--schedules", type=click.IntRange(1, MAX_SCHEDULES), default=STANDARD.schedules, show_default=True,
              help="Schedules of each fault point.")  # fmt: skip
@click.option("--points", type=click.IntRange(1, MAX_POINTS), default=STANDARD.points, show_default=True,
              help="Of a thread that holds one thing, or of the readings of the clock: so many points at most, evenly "
                   "spread.")  # fmt: skip
@click.option("--steps", type=click.IntRange(1, MAX_STEPS), default=STANDARD.steps, show_default=True,
              help="Points of the others after which a thread that was stopped once goes on.")  # fmt: skip
@click.option("--once", is_flag=True, help="Each allocation fails alone; a thread goes on later; the clock jumps.")
@click.option("--persistent", is_flag=True,
              help="Each allocation fails, and all after it; a thread is dead; the clock stands still.")  # fmt: skip
@click.option("--both", is_flag=True, help="--once and --persistent, the standard.")
@click.option("--pairs", is_flag=True, help="Two allocations fail: for small scenarios, there are many pairs.")
@click.option("--layout", "layouts", type=LAYOUT, multiple=True, show_default=BOTH,
              help="before, after, or PART=KIND,...; may be given again.")  # fmt: skip
@click.option("--threads", type=click.IntRange(1, MAX_THREADS), default=STANDARD.threads, show_default=True,
              help="Logical threads of each scenario.")  # fmt: skip
@click.option("--ops", type=click.IntRange(1, MAX_OPS), default=STANDARD.ops, show_default=True,
              help="About so many operations a thread.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, MAX_SEED), show_default=f"{BASE_SEED}, of the clock {CLOCK_SEED}",
              help="Decides the suites' base scenarios and the schedules.")  # fmt: skip
@click.option("--strategy", type=click.Choice(tuple(name for name in STRATEGIES if name != "dfs")),
              default=OPTIONS.strategy, show_default=True, help="How threads are chosen.")  # fmt: skip
@click.option("--jobs", type=click.IntRange(1, MAX_PROCESSES), default=STANDARD.jobs, show_default=True,
              help="Processes that sweep.")  # fmt: skip
@click.option("--seconds", type=SECONDS, help="Stop after so long; --resume goes on.")
@click.option("--resume", is_flag=True, help="Go on where the same sweep was interrupted.")
@PATCHES
@STORE
@click.option("--hang-after", type=SECONDS, default=STANDARD.hang_after, show_default=True,
              help="Seconds after which one execution counts as hanging.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def sweep(suites: tuple[str, ...], fault: str, schedules: int, once: bool, persistent: bool, both: bool, pairs: bool,
          points: int, steps: int, layouts: tuple[Layout, ...], threads: int, ops: int, seed: int | None,
          strategy: str, jobs: int, seconds: float | None, resume: bool, patches: tuple[Path, ...], store: Path,
          hang_after: float, as_json: bool) -> int:  # fmt: skip
    """Make every allocation of the suites' base scenarios fail in turn (all suites when none is named).

    Or stop each thread where it holds something, or let the clock jump and stand still. That all others wait for a
    thread that was stopped for ever is no finding: it is counted, and who held what is said.
    """
    request = SweepRequest(
        suites=suites,
        schedules=schedules,
        modes=_modes(once, persistent, both, pairs),
        layouts=tuple(dict.fromkeys(layouts)) or STANDARD.layouts,
        threads=threads,
        ops=ops,
        seed=seed if seed is not None else CLOCK_SEED if fault == CLOCK else BASE_SEED,
        jobs=jobs,
        options=Options(strategy=strategy, check_every=OPTIONS.check_every),
        seconds=seconds,
        resume=resume,
        store=store,
        hang_after=hang_after,
        patches=patches,
        fault=fault,
        points=points,
        steps=steps,
    )
    with progress(seconds) as (notify, tell):
        result = sweep_suites(request, notify, tell)
    output = output_of(result)
    click.echo(summary(output, result.missed, patches), err=True)
    if as_json:
        echo_json(output)
    if output.interrupted:
        return 130
    if not output.canary:
        return CANARY_MISSED
    return 1 if output.findings else 0 if output.stored else NOT_STORED


def _modes(once: bool, persistent: bool, both: bool, pairs: bool) -> tuple[str, ...]:
    """Return the modes: the two single ones when none is named."""
    named = [mode for mode, asked in ((ONCE, once or both), (PERSISTENT, persistent or both), (PAIRS, pairs)) if asked]
    return tuple(named) or STANDARD.modes


def output_of(result: SweepResult) -> SweepOutput:
    """Return what a finished sweep says of itself."""
    request = result.request
    sites = result.site_figures()
    suites = tuple(map(suite_figures, result.suites))
    return SweepOutput(
        command="sweep",
        version=VERSION,
        build=result.build.identity,
        target=result.target,
        fault=request.fault,
        strategy=request.options.strategy,
        layouts=tuple(map(str, request.layouts)),
        threads=request.threads,
        ops=request.ops,
        jobs=request.jobs,
        seed=request.seed,
        schedules=request.schedules,
        executions=sum(suite.executions for suite in suites),
        seconds=result.seconds,
        suites=suites,
        sweeps=result.sweeps(),
        sites=sites,
        never_failed=tuple(f"{site.site} {site.function}" for site in sites if site.core and not site.failed),
        benign=result.benign_figures(),
        blocked=result.waits(),
        findings=tuple(result.findings),
        memory_model=result.memory_model,
        controlled=CONTROLLED,
        canary=result.canary,
        complete=result.complete,
        resumed=result.resumed,
        interrupted=result.interrupted,
        notes=result.notes,
        path=str(result.path),
        stored=result.stored,
        again=again(request),
    )
