"""`racewash explore`: search schedules of the suites' scenarios, and say what was controlled and what was found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from harness.cli._explored import summary
from harness.cli._options import FAULT, LAYOUT, PATCHES, SECONDS, STORE, echo_json
from harness.cli._progress import progress
from harness.cli._shrunk import figures_of
from harness.cli._summary import NOT_STORED
from harness.explore.named import NAMED
from harness.explore.request import MAX_OPS, OPTIONS, ExploreRequest
from harness.explore.result import CONTROLLED, ExploreResult, again
from harness.explore.run import explore as explore_suites
from harness.explore.strategies import MEMORY_MODELS, STRATEGIES
from harness.model.layout import Layout
from harness.model.output.common import suite_figures
from harness.model.output.explore import ExploreOutput
from harness.model.output.shrink import ShrunkFinding
from harness.model.schedule import Options
from harness.shrink import shrink_findings
from harness.stress.request import MAX_PROCESSES, MAX_SEED, MAX_THREADS
from harness.version import VERSION

CANARY_MISSED, INTERRUPTED = 3, 130
SHRINK = 10.0  # seconds
STANDARD = ExploreRequest()
INT32 = (1 << 31) - 1
LOOKED_AT = {  # an option of strategies -> those that look at it
    "depth": ("portfolio", "pct"),
    "switch_probability": ("portfolio", "random", "guided"),
    "preemption_bound": ("dfs",),
}


@click.command(epilog="Example: racewash explore expansion supply --executions 2000")
@click.argument("suites", nargs=-1, metavar="[SUITE]...")
@click.option("--executions", type=click.IntRange(1, MAX_SEED),
              help="How many, divided over the suites; standard: 30 seconds, or all of a named scenario.")  # fmt: skip
@click.option("--seconds", type=SECONDS, help="Length of the whole, instead of a number of executions.")
@click.option("--strategy", type=click.Choice(tuple(STRATEGIES)), default=OPTIONS.strategy, show_default=True,
              help="How threads are chosen: see `racewash list strategies`.")  # fmt: skip
@click.option("--memory-model", type=click.Choice(tuple(MEMORY_MODELS)), default=OPTIONS.memory_model,
              show_default=True, help="What a load may read: sc is sequential consistency.")  # fmt: skip
@click.option("--jobs", type=click.IntRange(1, MAX_PROCESSES), default=STANDARD.jobs, show_default=True,
              help="Processes that explore disjoint seeds.")  # fmt: skip
@click.option("--threads", type=click.IntRange(1, MAX_THREADS), default=STANDARD.threads, show_default=True,
              help="Logical threads of each scenario.")  # fmt: skip
@click.option("--ops", type=click.IntRange(1, MAX_OPS), default=STANDARD.ops, show_default=True,
              help="About so many operations a thread.")  # fmt: skip
@click.option("--layout", type=LAYOUT, default="after", show_default=True,
              help="before, after, or PART=KIND,... (parts not named: after).")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, MAX_SEED),
              help="Decides scenarios and schedules; standard: drawn, printed.")  # fmt: skip
@click.option("--depth", type=click.IntRange(0, 1000), default=OPTIONS.depth, show_default=True,
              help="pct: change points + 1; 0: the strategy's own choice.")  # fmt: skip
@click.option("--switch-probability", type=click.FloatRange(0, 1), default=OPTIONS.switch_probability,
              show_default=True, help="random: of switching at a point; 0: drawn for each execution.")  # fmt: skip
@click.option("--preemption-bound", type=click.IntRange(-1, INT32), default=OPTIONS.preemption_bound,
              show_default=True, help="dfs: at most so many preemptions; -1: no bound.")  # fmt: skip
@click.option("--check-every", type=click.IntRange(0, INT32), default=OPTIONS.check_every, show_default=True,
              help="Judge the instant invariants at every so many choices; 0: only at the end.")  # fmt: skip
@click.option("--step-bound", type=click.IntRange(0, MAX_SEED), default=OPTIONS.step_bound, show_default=True,
              help="Points of an execution before fairness is forced; 0: a million.")  # fmt: skip
@click.option("--plain-points", is_flag=True, help="Make every plain access a point too.")
@click.option("--attached", is_flag=True,
              help="Attach all threads before the first runs: the orders of attaching are not explored.")  # fmt: skip
@click.option("--fault", "faults", type=FAULT, multiple=True,
              help="What fails, like 'alloc label=CACHE_MAP_NODE skip=3': see docs/faults.md.")  # fmt: skip
@click.option("--fail-alloc", is_flag=True, help="Whether an allocation fails is a choice too.")
@click.option("--weak-cas", is_flag=True, help="Whether a weak compare-exchange fails by itself is a choice too.")
@click.option("--timeouts", is_flag=True, help="Whether a timed wait ends before its time is a choice too.")
@click.option("--clocks", is_flag=True, help="Whether a clock stands still, or jumps an hour, is a choice too.")
@click.option("--no-races", is_flag=True, help="Don't look for data races: faster.")
@click.option("--self-check", is_flag=True,
              help="Run every seed twice, in two processes, and compare the traces.")  # fmt: skip
@click.option("--shrink", "shrinking", type=click.FloatRange(0, 86_400), default=SHRINK, show_default=True,
              help="Seconds for making what is found small; 0: leave it as it is.")  # fmt: skip
@PATCHES
@STORE
@click.option("--hang-after", type=SECONDS, default=STANDARD.hang_after, show_default=True,
              help="Seconds after which one execution counts as hanging.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def explore(suites: tuple[str, ...], executions: int | None, seconds: float | None, strategy: str, memory_model: str,
            jobs: int, threads: int, ops: int, layout: Layout, seed: int | None, depth: int, switch_probability: float,
            preemption_bound: int, check_every: int, step_bound: int, plain_points: bool, attached: bool,
            faults: tuple[str, ...], fail_alloc: bool, weak_cas: bool, timeouts: bool, clocks: bool,
            no_races: bool, self_check: bool, shrinking: float, patches: tuple[Path, ...], store: Path,
            hang_after: float, as_json: bool) -> int:  # fmt: skip
    """Search schedules of the named suites' scenarios (all suites when none is named); a seed gives the same again."""
    options = Options(
        strategy=strategy,
        memory_model=memory_model,
        races=not no_races,
        attached=attached,
        fail_alloc=fail_alloc,
        weak_cas=weak_cas,
        timeouts=timeouts,
        clocks=clocks,
        plain_points=plain_points,
        depth=depth,
        switch_probability=switch_probability,
        preemption_bound=preemption_bound,
        check_every=check_every,
        step_bound=step_bound,
    )
    request = ExploreRequest(
        suites=suites,
        executions=executions,
        seconds=seconds,
        options=options,
        jobs=jobs,
        threads=threads,
        ops=ops,
        layout=layout,
        seed=seed,
        store=store,
        hang_after=hang_after,
        patches=patches,
        faults=faults,
    )
    ignored = ignored_options(request, self_check, shrinking)
    with progress(request.time) as (notify, tell):
        for note in ignored:
            notify(f"note: {note}")
        result = explore_suites(request, notify, tell, twice=self_check)
        small = shrink_findings(result, 0 if self_check else shrinking, notify, tell)
        result = replace(result, notes=(*ignored, *result.notes))
        shrunk = tuple(figures_of(one, store, notify) for one in small)
    output = output_of(result, shrunk, result.interrupted or any(one.interrupted for one in small))
    click.echo(summary(output, result.missed, patches), err=True)
    if as_json:
        echo_json(output)
    return exit_code(output)


def ignored_options(request: ExploreRequest, self_check: bool, shrinking: float) -> list[str]:
    """Return a sentence for each option that was given and changes nothing."""
    strategy = request.options.strategy
    notes = [
        f"--{name.replace('_', '-')} changes nothing: the strategy {strategy} doesn't look at it"
        for name, strategies in LOOKED_AT.items()
        if getattr(request.options, name) != getattr(OPTIONS, name) and strategy not in strategies
    ]
    fixed = [name for name in request.suites if name in NAMED]
    if fixed and (request.threads, request.ops) != (STANDARD.threads, STANDARD.ops):
        notes.append(f"--threads and --ops change nothing in {', '.join(fixed)}: named scenarios are as they are")
    if self_check and shrinking not in (0, SHRINK):
        notes.append("--shrink changes nothing: a self-check leaves what it finds as it is")
    return notes


def output_of(result: ExploreResult, shrunk: tuple[ShrunkFinding, ...], interrupted: bool) -> ExploreOutput:
    """Return what a finished exploration says of itself; `interrupted`: it, or the shrinking after it."""
    request = result.request
    suites = tuple(map(suite_figures, result.suites))
    return ExploreOutput(
        command="explore",
        version=VERSION,
        build=result.build.identity,
        target=result.target,
        strategy=request.options.strategy,
        layout=str(request.layout),
        threads=request.threads,
        ops=request.ops,
        jobs=request.jobs,
        seed=result.seed,
        executions=sum(suite.executions for suite in suites),
        seconds=result.seconds,
        suites=suites,
        findings=tuple(result.findings),
        memory_model=result.memory_model,
        controlled=CONTROLLED,
        control=result.control,
        canary=result.canary,
        self_check=result.self_check,
        shrunk=shrunk,
        interrupted=interrupted,
        notes=result.notes,
        path=str(result.path),
        stored=result.stored,
        again=again(request, result.seed) + (" --self-check" if result.self_check else ""),
    )


def exit_code(output: ExploreOutput) -> int:
    """Interrupted goes before everything; an exploration that missed its canary counts for nothing."""
    if output.interrupted:
        return INTERRUPTED
    if not output.canary:
        return CANARY_MISSED
    differing = output.self_check is not None and output.self_check.different > 0
    return 1 if output.findings or differing else 0 if output.stored else NOT_STORED
