"""`racewash gallery`: how many of the planted defects are found, how fast, and how much faster than by real threads."""

from __future__ import annotations

import shlex
from functools import partial
from pathlib import Path

import click

from harness.cli._gallery import summary
from harness.cli._gallery_document import write_into
from harness.cli._options import SECONDS, echo_json
from harness.explore.request import OPTIONS
from harness.explore.strategies import STRATEGIES
from harness.gallery import GalleryRequest, GalleryResult
from harness.gallery import gallery as run_gallery
from harness.model.documents import INTERLEAVING
from harness.model.gallery import ratio_over
from harness.model.output.gallery import GalleryOutput
from harness.model.problem import Problem
from harness.model.schedule import Options
from harness.shrink import ShrinkRequest, shrink
from harness.stress.request import MAX_SEED
from harness.stress.result import option_words
from harness.version import VERSION

STANDARD = GalleryRequest()


class _Budget(click.ParamType[float]):
    """CPU seconds, with or without an s."""

    name = "seconds"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return seconds."""
        return float(SECONDS.convert(str(value).removesuffix("s"), param, ctx))


BUDGET = _Budget()


@click.command(epilog="Example: racewash gallery gallery-18-seq-reset --seeds 1 --no-real-threads")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--patches", type=click.Path(path_type=Path), help="Folder of patches; standard: those of the sources.")
@click.option("--strategy", type=click.Choice(tuple(STRATEGIES)), default=OPTIONS.strategy, show_default=True,
              help="How threads are chosen: see `racewash list strategies`.")  # fmt: skip
@click.option("--budget", type=BUDGET, default=STANDARD.budget, show_default=True,
              help="CPU seconds for each defect and seed.")  # fmt: skip
@click.option("--seeds", type=click.IntRange(1, 64), default=STANDARD.seeds, show_default=True,
              help="Searches of each defect; their median counts, and the worst.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, MAX_SEED - 64), default=STANDARD.first_seed, show_default=True,
              help="The first of the seeds.")  # fmt: skip
@click.option("--replays", type=click.IntRange(0, 1000), default=STANDARD.replays, show_default=True,
              help="Times that each defect's first detection is made again.")  # fmt: skip
@click.option("--jobs", type=click.IntRange(1, 64), default=STANDARD.jobs, show_default=True,
              help="Defects that are built and searched at a time.")  # fmt: skip
@click.option("--no-real-threads", is_flag=True, help="Don't search on real threads under the stock sanitizer.")
@click.option("--by-suite", is_flag=True, help="Search with each suite alone too: which defects only one finds.")
@click.option("--suite-budget", type=BUDGET, default=STANDARD.suite_budget, show_default=True,
              help="CPU seconds for each defect and suite with --by-suite.")  # fmt: skip
@click.option("--shrink", "shrinking", type=click.FloatRange(0, 86_400), default=0.0, show_default=True,
              help="Seconds for making each defect's first detection small; 0: leave it as it is.")  # fmt: skip
@click.option("--afresh", is_flag=True, help="Measure again what the store has already.")
@click.option("--store", type=click.Path(path_type=Path, file_okay=False), default=".racewash", show_default=True,
              help="Folder that keeps each outcome, so that an interrupted gallery goes on.")  # fmt: skip
@click.option("--into", "document", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE",
              help="Put the table between this document's marks, <!-- gallery: begin --> and end.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def gallery(names: tuple[str, ...], patches: Path | None, strategy: str, budget: float, seeds: int, seed: int,
            replays: int, jobs: int, no_real_threads: bool, by_suite: bool, suite_budget: float, shrinking: float,
            afresh: bool, store: Path, document: Path | None, as_json: bool) -> int:  # fmt: skip
    """Measure the defects of these names (all of the folder when none is named): each is built and searched for.

    Exit code 1: a defect was missed; 2: a patch can't be used.
    """
    request = GalleryRequest(
        names=names, patches=patches,
        options=Options(strategy=strategy, check_every=OPTIONS.check_every), budget=budget, seeds=seeds,
        first_seed=seed, replays=replays, jobs=jobs, real_threads=not no_real_threads, by_suite=by_suite,
        suite_budget=suite_budget, resume=not afresh, store=store,
    )  # fmt: skip
    shrinker = partial(smallest, seconds=shrinking) if shrinking else None
    output = output_of(run_gallery(request, lambda sentence: click.echo(sentence, err=True), shrinker))
    click.echo(summary(output), err=as_json)
    if document and not output.interrupted:
        write_into(document, output, command_of(request, shrinking, document))
    if as_json:
        echo_json(output)
    return exit_code(output)


def command_of(request: GalleryRequest, shrinking: float, document: Path) -> str:
    """Return the command that puts the same into the document: without what changes nothing of what is measured."""
    usual, options = STANDARD, request.options
    values = {
        "--patches": (request.patches, None),
        "--strategy": (options.strategy, OPTIONS.strategy),
        "--budget": (request.budget, usual.budget),
        "--seeds": (request.seeds, usual.seeds),
        "--seed": (request.first_seed, usual.first_seed),
        "--replays": (request.replays, usual.replays),
        "--shrink": (shrinking, 0.0),
        "--into": (document, None),
    }
    real = [] if request.real_threads else ["--no-real-threads"]
    return shlex.join(["racewash", "gallery", *request.names, *option_words(values), *real])


def smallest(bundle: Path, patch: Path, *, seconds: float) -> int | None:
    """Return the operations of the smallest case found of what a bundle holds, None when it isn't seen again."""
    try:
        shrunk = shrink(ShrinkRequest(str(bundle), seconds=seconds, times=1, patches=(patch,)), lambda _: None)
    except Problem:
        return None
    return shrunk.after.size.operations


def output_of(result: GalleryResult) -> GalleryOutput:
    """Return what a finished gallery says of itself."""
    request, defects = result.request, tuple(result.defects)
    ratio, at_least = ratio_over(defects)
    raced = [one for one in defects if one.real_threads is not None and one.category == INTERLEAVING]
    return GalleryOutput(
        command="gallery",
        version=VERSION,
        build=result.build,
        strategy=request.options.strategy,
        seed=request.first_seed,
        seeds=request.seeds,
        budget=request.budget,
        total=len(defects),
        found=sum(defect.found for defect in defects),
        defects=defects,
        deferred=tuple(result.deferred),
        errors=tuple(result.errors),
        ratio=ratio,
        at_least=at_least,
        never=sum(one.real_threads.found == 0 for one in raced if one.real_threads) if raced else None,
        by_suite=None if result.by_suite is None else tuple(result.by_suite),
        interrupted=result.interrupted,
    )


def exit_code(output: GalleryOutput) -> int:
    """Interrupted goes before everything, a patch that can't be used before one that was missed."""
    if output.interrupted:
        return 130
    if output.errors:
        return 2
    return 1 if output.found < output.total else 0
