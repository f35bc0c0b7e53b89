"""`racewash conform`: our core against the real database, step by step."""

from __future__ import annotations

import secrets

import click

from harness.cli._options import echo_json
from harness.model.output.conform import ConformOutput
from harness.stress.request import MAX_SEED
from harness.version import VERSION


@click.command(epilog="Example: racewash conform --sequences 100")
@click.option("--sequences", type=click.IntRange(1, 1_000_000), default=500, show_default=True,
              help="Sequences of operations that are compared.")  # fmt: skip
@click.option("--steps", type=click.IntRange(1, 1_000), default=200, show_default=True, help="Operations in each.")
@click.option("--seed", type=click.IntRange(0, MAX_SEED), help="Decides the sequences; standard: drawn, printed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
def conform(sequences: int, steps: int, seed: int | None, as_json: bool) -> int:
    """Compare our core with the database (extra: seekdb) after every step; exit code 1 on a difference.

    Differences that are known and declared (docs/conformance.md) are made in our core first, by patches.
    """
    from harness.live.conform import conform as compare  # with it comes Hypothesis

    used = secrets.randbelow(MAX_SEED + 1) if seed is None else seed
    click.echo(f"comparing {sequences:,} sequences of {steps:,} steps with the database, seed {used}", err=True)
    result = compare(sequences, steps, used, lambda sentence: click.echo(sentence, err=True))
    output = ConformOutput(
        command="conform",
        version=VERSION,
        build=result.build,
        seed=result.seed,
        sequences=result.sequences,
        steps=result.steps,
        seconds=result.seconds,
        differences=result.differences,
    )
    click.echo(_summary(output), err=True)
    if as_json:
        echo_json(output)
    return 1 if output.differences else 0


def _summary(output: ConformOutput) -> str:
    lines = [f"{output.sequences:,} sequences, {output.steps:,} steps compared in {output.seconds:.0f} s"]
    if not output.differences:
        lines.append("no difference beyond the declared ones")
    for one in output.differences:
        lines.append(f"{one.what}: {one.database} in the database, {one.core} in our core, after {one.operation}:")
        lines += [f"  {step}" for step in one.sequence]
        lines.append(f"  (at most {one.max_handles} handles)")
    return "\n".join(lines)
