"""What `racewash gallery` prints with --json."""

from __future__ import annotations

from dataclasses import dataclass

from harness.model.gallery import DeferredDefect, GalleryDefect, PatchError, SuiteRow
from harness.model.output.common import Output


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryOutput(Output):
    """`racewash gallery`: `found` of `total` defects, each found by every seed within `budget` CPU seconds.

    `deferred` and `errors` are in neither count. `ratio` is the median, over the defects that need an interleaving, of
    real threads' CPU seconds over ours (`at_least`: they found nothing, so it is more); `never` how many of those real
    threads never found. Both are null without real threads. `by_suite` is null unless it was asked for.
    """

    build: str
    strategy: str
    seed: int
    seeds: int
    budget: float
    total: int
    found: int
    defects: tuple[GalleryDefect, ...]
    deferred: tuple[DeferredDefect, ...]
    errors: tuple[PatchError, ...]
    ratio: float | None
    at_least: bool
    never: int | None
    by_suite: tuple[SuiteRow, ...] | None
    interrupted: bool
