"""`racewash list`: the suites, planted defects and invariants that are installed, and the findings of a store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from harness.builds import get_build, load, sources
from harness.cli._options import echo_json
from harness.explore.strategies import STRATEGIES
from harness.generate import discover
from harness.model.documents import Defect, Invariant, parse_defect, parse_invariants
from harness.model.finding import Finding
from harness.model.output.list import ListOutput, OperationLine, SiteLine, StrategyLine, SuiteLine
from harness.model.problem import Problem
from harness.store import store_findings
from harness.stress.intents import recover
from harness.stress.request import OWN, TARGETS
from harness.version import VERSION

TOPICS = ("suites", "operations", "defects", "invariants", "strategies", "sites", "findings")


@click.command(name="list", epilog="Example: racewash list suites")
@click.argument("topic", type=click.Choice(TOPICS), required=False)
@click.option("--target", type=click.Choice(TARGETS), default=OWN, show_default=True,
              help="Whose suites, operations and invariants are listed.")  # fmt: skip
@click.option("--store", type=click.Path(path_type=Path), default=".racewash", show_default=True,
              help="Whose findings are listed.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def list_topics(topic: str | None, target: str, store: Path, as_json: bool) -> None:
    """List one TOPIC, or all: suites, operations, defects, invariants, strategies, places that allocate, findings."""
    if topic == "findings" and not store.exists():
        raise Problem(f"the store {store} does not exist; name another with --store, or start with `racewash run`")
    if store.is_dir():
        recover(store, _warn)
    wanted = TOPICS if topic is None else (topic,)
    output = ListOutput(
        command="list",
        version=VERSION,
        target=target,
        suites=_suites(target) if "suites" in wanted else None,
        operations=_operations(target) if "operations" in wanted else None,
        defects=_defects() if "defects" in wanted else None,
        invariants=_invariants(target) if "invariants" in wanted else None,
        strategies=_strategies() if "strategies" in wanted else None,
        sites=_sites(target) if "sites" in wanted else None,
        findings=tuple(store_findings(store, _warn)) if "findings" in wanted else None,
    )
    if as_json:
        echo_json(output)
        return
    parts = [_text(name, rows) for name in TOPICS if (rows := _rows(output, name)) is not None]
    click.echo("\n\n".join(parts))


def _warn(sentence: str) -> None:
    click.echo(sentence, err=True)


def _suites(target: str) -> tuple[SuiteLine, ...]:
    return tuple(
        SuiteLine(name=suite.name, purpose=suite.purpose, invariants=suite.invariants, modes=suite.modes)
        for suite in discover(target).values()
    )


def _operations(target: str) -> tuple[OperationLine, ...]:
    """Return what the target offers, then what our core's offers and it does not."""
    build = get_build("native")
    offered = load(build, target).target.ops
    lines = [OperationLine(name=name, purpose=op.purpose, offered=True) for name, op in offered.items()]
    own = load(build).target.ops
    lines += [
        OperationLine(name=name, purpose=op.purpose, offered=False) for name, op in own.items() if name not in offered
    ]
    return tuple(lines)


def _defects() -> tuple[Defect, ...]:
    defects = []
    for path in sorted((sources() / "native" / "defects").glob("*.patch")):
        try:
            defects.append(parse_defect(path.read_text(encoding="utf-8")))
        except ValueError as error:
            raise Problem(f"{path} is no defect: {error}") from error
    return tuple(defects)


def _invariants(target: str) -> tuple[Invariant, ...]:
    if target == OWN:
        return _documented()
    known = load(get_build("native"), target).target.invariants
    return tuple(Invariant(id=name, claim=one.claim, when=_when(one.when)) for name, one in known.items())


def _when(bits: int) -> tuple[str, ...]:
    names = {1: "instant", 2: "quiescent", 4: "destroyed"}
    return tuple(name for bit, name in names.items() if bits & bit)


def _documented() -> tuple[Invariant, ...]:
    path = sources() / "docs" / "invariants.md"
    try:
        return parse_invariants(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise Problem(f"{path} is missing from the installation of racewash: install it again") from error


def _strategies() -> tuple[StrategyLine, ...]:
    return tuple(StrategyLine(name=name, purpose=purpose) for name, purpose in STRATEGIES.items())


def _sites(target: str) -> tuple[SiteLine, ...]:
    """Return every place whose allocation can be made to fail, as a fault's `site` names it."""
    sites = load(get_build("native"), target).target.sites
    ordered = sorted(sites, key=lambda site: (site.file, site.line))
    return tuple(SiteLine(site=str(site), function=site.function) for site in ordered)


def _rows(output: ListOutput, topic: str) -> list[tuple[str, ...]] | None:
    """Return the lines of one topic, None when it was not asked for."""
    if topic == "suites" and output.suites is not None:
        return [(suite.name, suite.purpose) for suite in output.suites]
    if topic == "operations" and output.operations is not None:
        return [(op.name, op.purpose if op.offered else "not offered by this target") for op in output.operations]
    if topic == "defects" and output.defects is not None:
        return [(one.name, one.suite, one.purpose) for one in output.defects]
    if topic == "invariants" and output.invariants is not None:
        return [(one.id, one.claim) for one in output.invariants]
    if topic == "strategies" and output.strategies is not None:
        return [(one.name, one.purpose) for one in output.strategies]
    if topic == "sites" and output.sites is not None:
        return [(one.site, one.function) for one in output.sites]
    if topic == "findings" and output.findings is not None:
        return [_finding(one) for one in output.findings]
    return None


def _finding(finding: Finding) -> tuple[str, ...]:
    where = f"{finding.bundle or ''}\n    {finding.token or 'no token: its seed is not known'}"
    return finding.fingerprint, finding.kind, finding.suite, finding.message, where


def _text(title: str, rows: Sequence[tuple[str, ...]]) -> str:
    """Return a title and its rows in columns; the last one is as long as it is."""
    if not rows:
        return f"{title}\n  none"
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]) for row in rows
    ]
    return "\n".join([title, *(f"  {line}" for line in lines)])
