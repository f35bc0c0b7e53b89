"""`racewash bench`: every ratio that the README quotes, measured on this machine."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich.table import Table

from harness.bench import ROUNDS, RealThreads, growth_ratios, speed_ratios, speeds, stock_ratio, worker_ratio
from harness.builds import get_build, load, load_runtime
from harness.cli._console import Console
from harness.cli._options import SECONDS, echo_json
from harness.explore.workloads import INCREMENTS, SEGMENTS, WORKLOADS
from harness.model.output.bench import BenchOutput, WorkerMemory
from harness.model.suite import Shape
from harness.stress.request import SANITIZERS, RunRequest
from harness.stress.run import run
from harness.version import VERSION

LIMIT = 256 << 20
SUITE = "map"


@click.command(epilog="Example: racewash bench")
@click.option("--rounds", type=click.IntRange(min=1), default=ROUNDS, show_default=True,
              help="Measurements of each side; the median of their ratios counts.")  # fmt: skip
@click.option("--seconds", type=SECONDS, default=3.0, show_default=True,
              help="Length of the run in which a worker's memory is measured.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def bench(rounds: int, seconds: float, as_json: bool) -> None:
    """Measure the core, a worker's memory and the scheduled runtime: ratios and speeds, each beside its aim."""
    build = get_build("native")
    ratios = speed_ratios(load(build), _say, rounds)
    workers = tuple(_worker_memory(sanitizer, seconds) for sanitizer in SANITIZERS)
    ratios.append(worker_ratio(workers[0].peak_rss, LIMIT))  # of the native build: a sanitizer's shadow is its own
    runtime = load_runtime(get_build("sched"))
    workloads = {name: suite.generate(0, Shape()) for name, suite in (("A", WORKLOADS[INCREMENTS]),
                                                                      ("B", WORKLOADS[SEGMENTS]))}  # fmt: skip
    measured = speeds(runtime, workloads, _say, rounds)
    with RealThreads() as stock:
        ratios.append(stock_ratio(runtime, workloads["B"], stock, _say, rounds))
    ratios += growth_ratios(runtime, _say, rounds)
    output = BenchOutput(command="bench", version=VERSION, build=build.identity, ratios=tuple(ratios),
                         workers=workers, speeds=tuple(measured))  # fmt: skip
    if as_json:
        echo_json(output)
    else:
        _show(output)


def _worker_memory(sanitizer: str, seconds: float) -> WorkerMemory:
    """Measure a worker that runs one suite on a core with LIMIT."""
    kind = SANITIZERS[sanitizer]
    _say(f"a worker's memory, build {kind}")
    with TemporaryDirectory(prefix="racewash-bench-") as store:
        result = run(RunRequest(suites=(SUITE,), seconds=seconds, threads=4, memory=LIMIT, sanitizer=sanitizer, seed=1,
                                store=Path(store)), lambda _: None)  # fmt: skip
    if result.interrupted:
        raise KeyboardInterrupt
    return WorkerMemory(build=kind, peak_rss=max(suite.peak_rss for suite in result.suites), limit=LIMIT)


def _say(what: str) -> None:
    click.echo(f"measuring {what}", err=True)


def _show(output: BenchOutput) -> None:
    table = Table("ratio", "value", "aim", "reached", "lowest", "highest", box=None)
    for ratio in output.ratios:
        reached = "yes" if ratio.reached else "no"
        table.add_row(ratio.name, f"{ratio.value:.3f}", ratio.aim, reached, f"{ratio.low:.3f}", f"{ratio.high:.3f}")
    console = Console()
    console.print(table)
    for worker in output.workers:
        peak, limit = worker.peak_rss / (1 << 20), worker.limit >> 20
        console.print(f"worker of the {worker.build} build: {peak:.0f} MB, core's limit {limit} MB")
    speeds_table = Table("workload", "what", "value", "aim", "reached", "reference, other machine", box=None)
    for speed in output.speeds:
        reached = "" if speed.reached is None else "yes" if speed.reached else "no"
        beside = "; ".join(f"{one.tool} {one.value:,.0f}" for one in speed.references)
        aim = "" if speed.aim is None else f">= {speed.aim:,.0f}"
        speeds_table.add_row(speed.workload, speed.what, f"{speed.value:,.4g}" if speed.value < 1000 else
                             f"{speed.value:,.0f}", aim, reached, beside)  # fmt: skip
    console.print(speeds_table)
