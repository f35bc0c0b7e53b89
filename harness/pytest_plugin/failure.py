"""A test's findings as its failure: a short story, how to replay it, and the token as the last line."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from harness.model.finding import Finding

STORY = "story.txt"  # of a bundle that has been shrunk: the interleaving as a person would tell it
Keep = Callable[[Path], Sequence[Finding]]
_SHOWN, _PLACES, _STORY_LINES = 5, 4, 60


class Found(AssertionError):
    """An exploration or a stress run found something; `findings` says what.

    `head` says what was run. `nodeid`: the test, for the command that replays; `patches`: what was planted. `keep` puts
    bundles into a store that are in none yet.
    """

    def __init__(
        self,
        head: str,
        findings: Sequence[Finding],
        nodeid: str,
        patches: Sequence[Path] = (),
        keep: Keep | None = None,
    ) -> None:
        super().__init__(head)
        self.head, self.findings, self.nodeid, self.patches = head, tuple(findings), nodeid, tuple(patches)
        self.notes: tuple[str, ...] = ()  # lines that Hypothesis adds: the example
        self._keep = keep

    def store(self, store: Path) -> None:
        """See to it that the bundles are in a store."""
        if self._keep:
            self.findings, self._keep = tuple(self._keep(store)), None

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def properties(self) -> list[tuple[str, str]]:
        """Return what is attached to the test's report, and so to JUnit XML."""
        found: list[tuple[str, str]] = []
        for finding in self.findings:
            found.append(("racewash_finding", f"{finding.kind}: {finding.message}"))
            found += [("racewash_bundle", finding.bundle)] if finding.bundle else []
            if finding.token:
                found += [("racewash_token", finding.token), ("racewash_again", self.command(finding.token))]
        return found

    def _lines(self) -> Iterator[str]:
        count = len(self.findings)
        yield f"{count} finding{'s' if count > 1 else ''} in {self.head}"
        for number, finding in enumerate(self.findings[:_SHOWN], 1):
            yield from _told(number, finding)
        if count > _SHOWN:
            yield f"... and {count - _SHOWN} more, all in the store"
        yield from self.notes
        token = next((finding.token for finding in self.findings if finding.token), None)
        if token:
            yield f"replay: {self.command(token)}"
            yield token

    def command(self, token: str) -> str:
        """Return the command that replays a token: in its test, which has scenario and patches, where there is one."""
        if self.nodeid:
            return f"pytest '{self.nodeid}' --racewash-replay={token}"
        return f"racewash replay {token}" + "".join(f" --patch {path}" for path in self.patches)


def _told(number: int, finding: Finding) -> Iterator[str]:
    times = f" ({finding.count} times)" if finding.count > 1 else ""
    yield f"{number}. {finding.kind} in {finding.suite}{times}: {finding.message}"
    for place in finding.locations[:_PLACES]:
        yield f"     {place.file}:{place.line}" + (f" in {place.function}" if place.function else "")
    if finding.bundle:
        yield f"     {finding.bundle}"
        yield from story(Path(finding.bundle))


def story(bundle: Path) -> Iterator[str]:
    """Yield the lines of a bundle's story, when it has one."""
    try:
        lines = (bundle / STORY).read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    yield from (f"     {line}" for line in lines[:_STORY_LINES])
    if len(lines) > _STORY_LINES:
        yield f"     ... {len(lines) - _STORY_LINES} more lines in {bundle / STORY}"


@functools.cache
def _kind(fingerprint: str) -> type[Found]:
    return type("Found", (Found,), {"__module__": __name__, "fingerprint": fingerprint})


def found_of(
    head: str, findings: Sequence[Finding], nodeid: str, patches: Sequence[Path] = (), keep: Keep | None = None
) -> Found:
    """Return the failure of some findings.

    Its type is the first finding's own: Hypothesis tells failures apart by type and place, so what it shrinks stays the
    bug that it began with.
    """
    return _kind(findings[0].fingerprint)(head, findings, nodeid, patches, keep)


def all_found(error: BaseException | None) -> list[Found]:
    """Return the failures in an exception, which may be a group of several."""
    if isinstance(error, Found):
        return [error]
    if isinstance(error, BaseExceptionGroup):
        return [found for part in error.exceptions for found in all_found(part)]
    return []
