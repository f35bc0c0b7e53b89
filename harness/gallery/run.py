"""A gallery from a request to its result: builds, searches, real threads, the table by suite."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from harness.builds import get_build
from harness.explore.named import NAMED
from harness.gallery.measure import Bench, Shrink, Stopped
from harness.gallery.request import Exhibit, GalleryRequest, check, exhibits
from harness.model.gallery import DeferredDefect, GalleryDefect, PatchError, SuiteRow
from harness.model.problem import Problem
from harness.stress.interrupts import Interrupts

Say = Callable[[str], None]
Made = TypeVar("Made")


@dataclass(slots=True)
class GalleryResult:
    """A gallery at its end; `by_suite` is None unless it was asked for."""

    request: GalleryRequest
    build: str
    defects: list[GalleryDefect] = field(default_factory=list)
    deferred: list[DeferredDefect] = field(default_factory=list)
    errors: list[PatchError] = field(default_factory=list)
    by_suite: list[SuiteRow] | None = None
    interrupted: bool = False


def gallery(request: GalleryRequest, notify: Say, shrink: Shrink | None = None) -> GalleryResult:
    """Measure every defect asked for, and say a sentence of each. SIGINT ends it; the store has what was measured.

    A patch that can't be used is an error of its own in the result. Raises Problem when the request can't be met,
    RunFailed on an error of racewash itself.

    >>> gallery(GalleryRequest(names=("gallery-18-seq-reset",), real_threads=False), print).errors  # doctest: +SKIP
    []
    """
    from harness.generate import discover  # with it comes Hypothesis, which workers don't need and would wait for

    check(request)
    shown, errors = exhibits(request)
    clean = get_build("sched")  # first: what fails here is no patch's fault
    if request.real_threads and any(one.raceable for one in shown):
        get_build("tsan")
    result = GalleryResult(request, clean.identity, errors=errors)
    result.deferred = [
        DeferredDefect(one.defect.name, one.defect.number, one.defect.category, one.defect.deferred)
        for one in shown
        if one.defect.deferred
    ]
    with Interrupts() as interrupts:
        bench = Bench(request, {**discover(), **NAMED}, clean, interrupts, shrink)
        _measure(bench, [one for one in shown if not one.defect.deferred], result, notify)
        result.interrupted = interrupts()
    return result


def _measure(bench: Bench, shown: Sequence[Exhibit], result: GalleryResult, notify: Say) -> None:
    def one(exhibit: Exhibit) -> GalleryDefect:
        defect = bench.defect(exhibit)
        notify(told(defect))
        return defect

    def rows(exhibit: Exhibit) -> set[str]:
        found = {name for name in _raced(bench) if bench.alone(exhibit, name)}
        notify(f"{exhibit.defect.name}: {', '.join(sorted(found)) or 'no suite'} alone")
        return found

    measured = _each(bench, shown, one, result.errors)
    result.defects = [defect for _, defect in measured]
    if bench.request.by_suite and not bench.interrupted():
        sound = [exhibit for exhibit, _ in measured]
        alone = {exhibit.defect.name: found for exhibit, found in _each(bench, sound, rows, result.errors)}
        result.by_suite = suite_rows(_raced(bench), alone)


def _each(bench: Bench, shown: Sequence[Exhibit], work: Callable[[Exhibit], Made],
          errors: list[PatchError]) -> list[tuple[Exhibit, Made]]:  # fmt: skip
    """Do a work for every defect, `jobs` at a time. A patch that can't be used is noted."""

    def guarded(exhibit: Exhibit) -> tuple[Exhibit, Made] | None:
        if bench.interrupted():
            return None
        try:
            return exhibit, work(exhibit)
        except Stopped:
            return None
        except Problem as problem:
            if bench.interrupted():  # a compiler that Ctrl-C ended says nothing of the patch
                return None
            errors.append(PatchError(exhibit.defect.name, str(problem)))
            return None

    with ThreadPoolExecutor(bench.request.jobs) as pool:
        done = list(pool.map(guarded, shown))
    return [pair for pair in done if pair is not None]


def _raced(bench: Bench) -> list[str]:
    """The suites that a user races; named scenarios are looked into only where a defect names them."""
    return [name for name in bench.suites if name not in NAMED]


def suite_rows(suites: Sequence[str], found: dict[str, set[str]]) -> list[SuiteRow]:
    """Return a row for each suite from what finds each defect.

    >>> [(row.suite, row.alone) for row in suite_rows(["map", "wash"], {"a": {"map"}, "b": {"map", "wash"}})]
    [('map', ('a',)), ('wash', ())]
    """
    return [
        SuiteRow(
            suite,
            tuple(name for name, by in found.items() if suite in by),
            tuple(name for name, by in found.items() if by == {suite}),
        )
        for suite in suites
    ]


def told(defect: GalleryDefect) -> str:
    """Return what came of a defect, in a sentence."""
    if not defect.found:
        tries = len(defect.attempts)
        return f"{defect.name}: missed by {tries - defect.seeds_found} of {tries} seeds"
    return (
        f"{defect.name}: found by {defect.oracle} in {defect.suite}, {defect.executions:,} executions, "
        f"{defect.median:.3f} CPU seconds (median)"
    )
