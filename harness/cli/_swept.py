"""What a sweep says at its end, for people: fault points, places that failed and that never did, what was found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.cli._summary import checked, findings_text, kept, replay_line, store_of
from harness.model.fault import ALLOC, STALL
from harness.model.output.sweep import SweepOutput


def summary(output: SweepOutput, missed: str = "", patches: Sequence[Path] = ()) -> str:
    """Return the end of a sweep as lines of text; `missed`: why the canary was not found."""
    earlier = f", {output.resumed:,} before" if output.resumed else ""
    lines = ["", f"memory model: {output.memory_model}; {output.executions:,} executions{earlier}; "
             f"{output.schedules} schedules of each fault point"]  # fmt: skip
    lines += _figures(output)
    lines += checked(output.suites, output.seconds)
    lines += _places(output) if output.fault == ALLOC else _waits(output)
    lines += findings_text(output.findings)
    lines += [f"note: {note}" for note in output.notes]
    if not output.complete:
        lines.append("not everything was swept: the same command with --resume goes on")
    lines.append(_canary(output, missed))
    lines += [kept(output.path, output.stored), f"again: {output.again}"]
    first = next((finding.token for finding in output.findings if finding.token), None)
    return "\n".join(lines + ([replay_line(first, store_of(output.path), patches)] if first else []))


def _figures(output: SweepOutput) -> list[str]:
    dead = any(row.blocked or row.unjudged for row in output.sweeps)
    stalls = output.fault == STALL
    rows = [("suite", "layout", "mode", *(("holding",) if stalls else ()), "points", "swept", "executions",
             *(("blocked", "unjudged") if dead else ()))]  # fmt: skip
    for row in output.sweeps:
        held = (row.holding,) if stalls else ()
        waits = (f"{row.blocked:,}", f"{row.unjudged:,}") if dead else ()
        swept = f"{row.swept}{'' if row.complete else ' so far'}"
        rows.append((row.suite, row.layout, row.mode, *held, str(row.points), swept, f"{row.executions:,}", *waits))
    return _table(rows)


def _waits(output: SweepOutput) -> list[str]:
    count = sum(wait.executions for wait in output.blocked)
    lines = [f"blocked by a thread stopped for ever, as they should be: {count:,} executions"] if count else []
    return lines + [f"  {wait.executions:,}: {wait.holder}" for wait in output.blocked]


def _places(output: SweepOutput) -> list[str]:
    core = [site for site in output.sites if site.core]
    failed = sum(site.failed > 0 for site in core)
    lines = [f"places that allocate in the core: {failed} of {len(core)} failed at least once"]
    lines += [f"  never failed: {site}" for site in output.never_failed]
    lines += [f"  silent where it may be, {scope.count:,} times: {scope.op or 'any operation'}, {scope.function}: "
              f"{scope.reason}" for scope in output.benign if scope.count]  # fmt: skip
    return lines


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _canary(output: SweepOutput, missed: str) -> str:
    if output.canary:
        return "canary: the planted race was found"
    if output.canary is None:
        return "racewash: no worker got as far as the canary, so this proves nothing"
    return f"racewash: the planted race was not found ({missed}), so this proves nothing"
