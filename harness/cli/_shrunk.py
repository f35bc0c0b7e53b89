"""What shrinking has brought, for people and as output: sizes before and after, the story, how to see it again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from harness.model.output.shrink import ShrunkFinding
from harness.model.problem import Problem
from harness.shrink import Shrunk, contents, keep, story_text
from harness.shrink.case import size_text


def figures_of(shrunk: Shrunk, store: Path, notify: Callable[[str], None]) -> ShrunkFinding:
    """Store what was shrunk, and return what is said of it; a store that refuses is told, nothing is lost for it."""
    try:
        token, folder = keep(shrunk, store)
        bundle: str | None = str(folder)
    except Problem as problem:
        notify(str(problem))
        token, bundle = contents(shrunk)[1], None
    return ShrunkFinding(
        finding=replace(shrunk.finding, token=token, bundle=bundle),
        before=shrunk.before.size,
        after=shrunk.after.size,
        whole=shrunk.whole,
        tries=shrunk.tries,
        seconds=shrunk.seconds,
        token=token,
        bundle=bundle,
        rate=shrunk.rate,
        story="" if shrunk.story is None else story_text(shrunk.story),
    )


def shrunk_text(shrunk: ShrunkFinding) -> list[str]:
    """Return a shrinking's end as lines of text, without the story."""
    how = "nothing more helps" if shrunk.whole else "the time was over, more may help"
    seen, tries = shrunk.rate
    lines = [
        f"- {shrunk.finding.kind}: {shrunk.finding.message}",
        f"    before: {size_text(shrunk.before)}",
        f"    after:  {size_text(shrunk.after)}",
        f"    {shrunk.tries:,} executions in {shrunk.seconds:.1f} s; {how}",
    ]
    lines += [f"    replayed in fresh processes: seen {seen} of {tries} times"] if tries else []
    return lines + [f"    {place}" for place in (shrunk.bundle, shrunk.token) if place]
