"""`racewash bench`: every ratio that the README quotes, measured on this machine."""

from __future__ import annotations

from dataclasses import asdict
from tempfile import TemporaryDirectory

import click
from rich.console import Console
from rich.table import Table

from harness.bench import Ratio, speed_ratios, worker_ratio
from harness.builds import get_build, load
from harness.cli._options import echo_json, tool_version
from harness.stress import RunRequest, run

LIMIT = 256 << 20
SUITE = "map"
SANITIZERS = {"native": "none", "tsan": "tsan", "asan": "asan"}


@click.command(epilog="Example: racewash bench")
@click.option("--seconds", type=click.FloatRange(min=1), default=3.0, show_default=True,
              help="Length of the run in which a worker's memory is measured.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def bench(seconds: float, as_json: bool) -> None:
    """Measure the driver's overhead, traversal, scaling and a worker's memory, each as a ratio beside its aim."""
    build = get_build("native")
    ratios = speed_ratios(load(build), _say)
    memory = {kind: _worker_memory(sanitizer, seconds) for kind, sanitizer in SANITIZERS.items()}
    ratios.append(worker_ratio(memory["native"], LIMIT))
    if as_json:
        workers = [{"build": kind, "peak_rss": peak, "limit": LIMIT} for kind, peak in memory.items()]
        echo_json({"command": "bench", "version": tool_version(), "build": build.identity,
                   "ratios": [asdict(ratio) for ratio in ratios], "workers": workers})  # fmt: skip
    else:
        _show(ratios, memory)


def _worker_memory(sanitizer: str, seconds: float) -> int:
    """Peak resident bytes of a worker that runs one suite on a core with LIMIT."""
    _say(f"a worker's memory, sanitizer {sanitizer}")
    with TemporaryDirectory(prefix="racewash-bench-") as store:
        result = run(RunRequest(suites=(SUITE,), seconds=seconds, threads=4, memory=LIMIT, sanitizer=sanitizer, seed=1,
                                store=store), lambda _: None)  # fmt: skip
    return max(suite.peak_rss for suite in result.suites)


def _say(what: str) -> None:
    click.echo(f"measuring {what}", err=True)


def _show(ratios: list[Ratio], memory: dict[str, int]) -> None:
    table = Table("ratio", "value", "aim", "reached", "lowest", "highest", box=None)
    for ratio in ratios:
        reached = "yes" if ratio.reached else "no"
        table.add_row(ratio.name, f"{ratio.value:.3f}", ratio.aim, reached, f"{ratio.low:.3f}", f"{ratio.high:.3f}")
    console = Console()
    console.print(table)
    for kind, peak in memory.items():
        console.print(f"worker of the {kind} build: {peak / (1 << 20):.0f} MB, core's limit {LIMIT >> 20} MB")
