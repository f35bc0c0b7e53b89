"""What a run says at its end, for people: what was checked, what was found and where it lies, how to run it again."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from harness.model.finding import Finding
from harness.model.output.common import SuiteFigures
from harness.model.output.run import RunOutput

MOST_TOKENS = 8
STORE = Path(".racewash")  # the standard one
NOT_STORED = 2  # exit code of what found nothing but could not write that down


def summary(output: RunOutput) -> str:
    """Return the end of a run as lines of text."""
    lines = ["", *suites_text(output.suites), *checked(output.suites, output.seconds), *findings_text(output.findings)]
    lines += [f"note: {note}" for note in output.notes]
    if output.interrupted:
        lines.append("interrupted: what is above was run until then")
    if output.canary is False:
        lines.append("racewash: the sanitizer did not report the defect planted for it, so this run proves nothing; "
                     "`racewash doctor` says what this machine lacks")  # fmt: skip
    lines += [kept(output.path, output.stored), f"again: {output.again}"]
    return "\n".join(lines + replay_text(output.findings, store_of(output.path)))


def kept(path: str, stored: bool) -> str:
    """Return where a run is, as a line."""
    if not stored:
        return f"racewash: what stands above is kept nowhere else: {path} has no run.json, for the reason noted"
    return f"kept in {path}; `{shlex.join(['racewash', 'report', path])}` makes a page of it"


def store_of(path: str) -> Path:
    """Return the store in which a run's folder is.

    >>> store_of("my store/runs/20261126T0211")
    PosixPath('my store')
    """
    return Path(path).parents[1]


def replay_text(findings: tuple[Finding, ...], store: Path, patches: Sequence[Path] = ()) -> list[str]:
    """Return the last lines: how each finding, the first few of many, is seen again."""
    tokens = [finding.token for finding in findings if finding.token]
    lines = [replay_line(token, store, patches) for token in tokens[:MOST_TOKENS]]
    left = len(tokens) - MOST_TOKENS
    more = shlex.join(["racewash", "list", "findings", *_store_words(store)])
    return lines + ([f"replay: {left} more, see `{more}`"] if left > 0 else [])


def replay_line(token: str, store: Path, patches: Sequence[Path] = ()) -> str:
    """Return the command that shows a finding again, as it can be pasted into a shell."""
    patched = [word for path in patches for word in ("--patch", str(path))]
    return f"replay: {shlex.join(['racewash', 'replay', token, *patched, *_store_words(store)])}"


def _store_words(store: Path) -> list[str]:
    return [] if store == STORE else ["--store", str(store)]


def suites_text(suites: tuple[SuiteFigures, ...]) -> list[str]:
    """Return the suites' figures in columns."""
    rows = [("suite", "executions", "operations", "operations/s")]
    rows += [
        (suite.name, f"{suite.executions:,}", f"{suite.operations:,}", f"{suite.operations_per_second:,.0f}")
        for suite in suites
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    return ["  ".join([row[0].ljust(widths[0]), *(row[i].rjust(widths[i]) for i in (1, 2, 3))]) for row in rows]


def checked(suites: tuple[SuiteFigures, ...], seconds: float) -> list[str]:
    """Return which invariants were judged, and how often in all."""
    checks: dict[str, int] = {}
    for suite in suites:
        for name, count in suite.invariants.items():
            checks[name] = checks.get(name, 0) + count
    made = {name: checks[name] for name in sorted(checks, key=_by_number) if checks[name]}
    if not made:
        return ["no invariant was checked"]
    return [f"checked {sum(made.values()):,} times in {seconds:.1f} s: {', '.join(made)}"]


def _by_number(name: str) -> tuple[str, int]:
    return name[:1], int(name[1:]) if name[1:].isdigit() else 0


def findings_text(findings: tuple[Finding, ...]) -> list[str]:
    """Return the findings with their places and folders."""
    if not findings:
        return ["nothing found"]
    lines = [f"{len(findings)} finding{'s' if len(findings) > 1 else ''}:"]
    for finding in findings:
        times = f" ({finding.count} times)" if finding.count > 1 else ""
        lines.append(f"- {finding.kind} in {finding.suite}{times}: {finding.message}")
        for place in finding.locations[:4]:
            lines.append(f"    {place.file}:{place.line}" + (f" in {place.function}" if place.function else ""))
        if finding.bundle:
            lines.append(f"    {finding.bundle}")
        if finding.token:
            lines.append(f"    {finding.token}")
    return lines
