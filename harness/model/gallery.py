"""How well the harness finds the defects of a gallery: by the scheduled runtime, and by real threads beside it."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from harness.model.documents import INTERLEAVING


@dataclass(frozen=True, slots=True)
class Attempt:
    """One search with one seed; `cpu_seconds` and `executions` are those until the first detection, or all in vain.

    `oracle` says who judged: an invariant by its name, else the kind of the finding. `others`: findings of kinds that
    the defect's header does not expect, which do not count. `replayed`: seen again, of how many tries. `shrunk`: the
    size of the smallest repro in operations, null where nothing was shrunk. `bundle`: a folder that `racewash replay`
    takes, null where the worker died or nothing was found.
    """

    seed: int
    found: bool
    executions: int
    cpu_seconds: float
    suite: str | None = None
    kind: str | None = None
    oracle: str | None = None
    message: str = ""
    others: tuple[str, ...] = ()
    replayed: tuple[int, int] | None = None
    shrunk: int | None = None
    bundle: str | None = None


@dataclass(frozen=True, slots=True)
class RealThreads:
    """The same defect, scenarios and CPU time on real threads. `median` counts a search in vain with what it took.

    Once more than half of the seeds were in vain the rest is left out: the median is the budget whatever they show.
    """

    found: int
    seeds: int
    median: float
    worst: float
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True)
class GalleryDefect:
    """One defect and how it was found: `found` by every seed, `executions` and `cpu_seconds` the medians of the seeds.

    `median` and `worst` are CPU seconds to the first detection. `ratio`: real threads' median over ours; `at_least`
    where real threads found nothing in half of their searches, so that the ratio is only known to be above.
    """

    name: str
    number: int | None
    component: str
    property: str
    category: str
    layout: str
    suites: tuple[str, ...]
    found: bool
    seeds_found: int
    oracle: str | None
    suite: str | None
    executions: int
    cpu_seconds: float
    median: float
    worst: float
    replayed: tuple[int, int] | None
    shrunk: int | None
    ratio: float | None
    at_least: bool
    real_threads: RealThreads | None
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True)
class DeferredDefect:
    """A defect that no schedule of the memory model can show, and why. It is never counted as found or missed."""

    name: str
    number: int | None
    category: str
    reason: str


@dataclass(frozen=True, slots=True)
class PatchError:
    """A patch that does not apply, does not compile, changes nothing or has no header: neither found nor missed."""

    name: str
    message: str


@dataclass(frozen=True, slots=True)
class SuiteRow:
    """What one suite finds alone, of the defects that show in its layout; `alone`: those that no other suite finds."""

    suite: str
    finds: tuple[str, ...]
    alone: tuple[str, ...]


def judged(attempts: Sequence[Attempt]) -> tuple[float, float]:
    """Return the median and the worst of what the searches took, those in vain with all of it.

    >>> judged([Attempt(1, True, 5, 0.5), Attempt(2, False, 90, 60.0), Attempt(3, True, 7, 0.7)])
    (0.7, 60.0)
    """
    seconds = [attempt.cpu_seconds for attempt in attempts]
    return statistics.median(seconds), max(seconds)


def most_common(values: Sequence[str | None]) -> str | None:
    """Return the value that most searches gave, the first one of several; None when none gave any."""
    named = [value for value in values if value is not None]
    return Counter(named).most_common(1)[0][0] if named else None


def ratio_over(defects: Sequence[GalleryDefect], category: str = INTERLEAVING) -> tuple[float | None, bool]:
    """Return the median ratio over the defects of a class, and whether it is only a lower bound."""
    pairs = sorted(
        (defect.ratio, defect.at_least)
        for defect in defects
        if defect.category == category and defect.ratio is not None
    )
    if not pairs:
        return None, False
    middle = pairs[(len(pairs) - 1) // 2 : len(pairs) // 2 + 1]
    return statistics.median(ratio for ratio, _ in middle), any(bound for _, bound in middle)
