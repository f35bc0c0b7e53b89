"""What an exploration says at its end, for people: what was controlled, what was found, the token to see it again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.cli._shrunk import shrunk_text
from harness.cli._summary import checked, findings_text, kept, replay_text, store_of, suites_text
from harness.model.output.explore import Control, ExploreOutput
from harness.model.output.shrink import ShrunkFinding


def summary(output: ExploreOutput, missed: str = "", patches: Sequence[Path] = ()) -> str:
    """Return the end of an exploration as lines of text; `missed`: why the canary was not found."""
    lines = ["", f"memory model: {output.memory_model}; strategy: {output.strategy}; target: {output.target}"]
    lines += suites_text(output.suites)
    lines += controlled(output.control, output.seconds, output.executions)
    lines += checked(output.suites, output.seconds)
    lines += findings_text(output.findings)
    lines += _self_check(output)
    lines += [f"note: {note}" for note in output.notes]
    if output.interrupted:
        lines.append("interrupted: what is above was explored until then")
    lines += _shrunk(output.shrunk)
    lines.append(_canary(output, missed))
    lines += [kept(output.path, output.stored), f"again: {output.again}"]
    return "\n".join(lines + replay_text(output.findings, store_of(output.path), patches))


def controlled(control: Control, seconds: float, executions: int) -> list[str]:
    """Return what the runtime controlled, as lines."""
    points = sum(control.points.values())
    kinds = ", ".join(f"{name} {count:,}" for name, count in sorted(control.points.items(), key=lambda item: -item[1]))
    speed = f" ({executions / seconds:,.0f} executions/s, {points / seconds:,.0f} points/s)" if seconds else ""
    lines = [
        f"controlled: {points:,} points{speed}: {kinds or 'none'}",
        f"  {control.decisions:,} decisions, {control.switches:,} switches, {control.preemptions:,} preemptions",
        f"  up to {control.threads} threads and {control.max_steps:,} points an execution",
        f"  at least {control.distinct:,} distinct schedules, {control.coverage:,} reads-from pairs",
        f"not controlled: {control.plain_accesses:,} plain accesses were no points,",
        f"  {control.shared_words:,} words shared without a point between them,",
        f"  {control.foreign_accesses:,} accesses to memory that isn't judged, {control.unseen:,} unseen calls",
    ]
    if control.bounded or control.demotions:
        lines.append(f"  fairness forced in {control.bounded:,} executions, {control.demotions:,} spinners put back")
    if control.judged or control.undecided:
        lines.append(f"  {control.judged:,} histories held against sequential models, {control.undecided:,} undecided")
    if control.exhausted:
        bound = f"up to bound {control.preemption_bound}" if control.preemption_bound >= 0 else "without a bound"
        lines.append(f"  exhausted {bound}: {control.exhausted:,} of {control.batches:,} batches")
    return lines


def _shrunk(shrunk: Sequence[ShrunkFinding]) -> list[str]:
    """The smallest cases, and the story of the first finding."""
    if not shrunk:
        return []
    lines = ["shrunk:", *(line for one in shrunk for line in shrunk_text(one))]
    return [*lines, "", *shrunk[0].story.splitlines(), ""]


def _self_check(output: ExploreOutput) -> list[str]:
    check = output.self_check
    if check is None:
        return []
    same = check.seeds - check.different
    lines = [f"self-check: {check.seeds:,} seeds run twice in different processes: {same:,} equal trace hashes"]
    return lines + [f"  differs: {sentence}" for sentence in check.divergences]


def _canary(output: ExploreOutput, missed: str) -> str:
    if output.canary:
        return "canary: the planted race was found"
    if output.canary is None:
        return "racewash: no worker got as far as the canary, so this proves nothing"
    return f"racewash: the planted race was not found ({missed}), so this proves nothing"
