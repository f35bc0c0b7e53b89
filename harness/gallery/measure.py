"""Measures one defect: searches with several seeds, replays, and the same on real threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from harness.builds import Build, get_build
from harness.explore.child import exploring
from harness.gallery.keep import fetch, keep, keep_bundle, key_of
from harness.gallery.real import race_threads
from harness.gallery.request import OPS, THREADS, Exhibit, GalleryRequest
from harness.gallery.search import Hunt, Searched, repeated, search, suites_named
from harness.model.documents import FAULT
from harness.model.fault import parse_plan
from harness.model.gallery import Attempt, GalleryDefect, RealThreads, judged, most_common
from harness.model.layout import parse_layout
from harness.model.problem import Problem
from harness.model.suite import Shape, Suite

Shrink = Callable[[Path, Path], int | None]  # a bundle and the patch it needs -> operations of the smallest repro
SCHEDULED, REAL = "scheduled", "real threads"


class Stopped(Exception):
    """The gallery was interrupted: what is under way has no outcome."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What all defects are measured with. `clean` is the build without a patch."""

    request: GalleryRequest
    suites: Mapping[str, Suite]
    clean: Build
    interrupted: Callable[[], bool]
    shrink: Shrink | None = None

    def build(self, exhibit: Exhibit) -> Build:
        """Return the patched build. Raises Problem when the patch doesn't apply, compile, or change anything."""
        build = get_build("sched", (exhibit.path,))
        if build.archive_hash == self.clean.archive_hash:
            raise Problem(f"the patch {exhibit.path} changes nothing in what is compiled")
        return build

    def defect(self, exhibit: Exhibit) -> GalleryDefect:
        """Measure a defect. Raises Problem when its patch or header can't be used, Stopped when interrupted."""
        build, hunt = self.build(exhibit), self.hunt(exhibit)
        seeds = range(self.request.first_seed, self.request.first_seed + self.request.seeds)
        attempts = tuple(self._searched(build, exhibit, hunt, seed, replayed=seed == seeds[0]) for seed in seeds)
        real = None
        if self.request.real_threads and exhibit.raceable:
            stock = get_build("tsan", (exhibit.path,))
            real = _real(until_decided(partial(self._raced, stock, exhibit, hunt), seeds))
        return _summed(exhibit, hunt, attempts, real)

    def alone(self, exhibit: Exhibit, suite: str) -> bool:
        """Return whether a suite alone finds the defect, within its own budget."""
        hunt = self.hunt(exhibit, (suite,), self.request.suite_budget)
        return self._searched(self.build(exhibit), exhibit, hunt, self.request.first_seed, replayed=False).found

    def hunt(self, exhibit: Exhibit, suites: tuple[str, ...] = (), budget: float = 0.0) -> Hunt:
        """Return what is searched for a defect. Raises Problem when its header names what there isn't."""
        defect, request = exhibit.defect, self.request
        try:
            layout = None if defect.layout == "drawn" else parse_layout(defect.layout)
            chosen = suites_named(suites or defect.suites, self.suites)
            plan = tuple(map(str, parse_plan(defect.plan)))
        except (ValueError, Problem) as error:
            raise Problem(f"the header of {exhibit.path}: {error}") from error
        shape = Shape(threads=THREADS, ops=OPS, layout=layout, faults=plan)
        # Where it takes a failed allocation to show, failures are choices too; other faults stand in its plan.
        failing = defect.category == FAULT and not plan
        options = replace(request.options, fail_alloc=True) if failing else request.options
        return Hunt(chosen, shape, options, frozenset(defect.finds), budget or request.budget)

    # ---- one search ----

    def _searched(self, build: Build, exhibit: Exhibit, hunt: Hunt, seed: int, *, replayed: bool) -> Attempt:
        def measured(key: str) -> Attempt:
            result = search(exploring(build), hunt, seed, self.interrupted)
            return self._attempt(build, exhibit, result, seed, key, replayed=replayed)

        return self._once(build, exhibit, hunt, seed, SCHEDULED, measured)

    def _raced(self, build: Build, exhibit: Exhibit, hunt: Hunt, seed: int) -> Attempt:
        return self._once(build, exhibit, hunt, seed, REAL, lambda _: race_threads(build, hunt, seed, self.interrupted))

    def _once(self, build: Build, exhibit: Exhibit, hunt: Hunt, seed: int, side: str,
              measured: Callable[[str], Attempt]) -> Attempt:  # fmt: skip
        """Take the outcome from the store, or measure and keep it."""
        key = key_of(f"{side} {build.identity} {self.request.replays}", hunt, seed)
        known = fetch(self.request.store, key) if self.request.resume else None
        if known is not None:
            return known
        if self.interrupted():
            raise Stopped
        attempt = measured(key)
        if self.interrupted() and not attempt.found:
            raise Stopped
        keep(self.request.store, key, exhibit.defect.name, side, attempt)
        return attempt

    def _attempt(
        self, build: Build, exhibit: Exhibit, result: Searched, seed: int, key: str, *, replayed: bool
    ) -> Attempt:
        others = tuple(f"{finding.kind}: {finding.message}" for finding in result.others)
        hit = result.hit
        if hit is None:
            return Attempt(seed, False, result.executions, result.cpu_seconds, others=others)
        times = self.request.replays if replayed else 0
        bundle = keep_bundle(self.request.store, key, hit.files) if hit.files else None
        shrunk = self.shrink(Path(bundle), exhibit.path) if self.shrink and bundle and replayed else None
        return Attempt(
            seed,
            True,
            result.executions,
            result.cpu_seconds,
            suite=hit.finding.suite,
            kind=hit.finding.kind,
            oracle=hit.finding.invariant or hit.finding.kind,
            message=hit.finding.message,
            others=others,
            replayed=(repeated(exploring(build), hit, times), times) if times else None,
            shrunk=shrunk,
            bundle=bundle,
        )


def until_decided(race: Callable[[int], Attempt], seeds: Sequence[int]) -> tuple[Attempt, ...]:
    """Race with one seed after the other, until more than half of all were in vain: the median is the budget then."""
    attempts: list[Attempt] = []
    for seed in seeds:
        attempts.append(race(seed))
        if 2 * sum(not attempt.found for attempt in attempts) > len(seeds):
            break
    return tuple(attempts)


def _real(attempts: tuple[Attempt, ...]) -> RealThreads:
    median, worst = judged(attempts)
    return RealThreads(sum(attempt.found for attempt in attempts), len(attempts), median, worst, attempts)


def _summed(exhibit: Exhibit, hunt: Hunt, attempts: tuple[Attempt, ...], real: RealThreads | None) -> GalleryDefect:
    defect, (median, worst) = exhibit.defect, judged(attempts)
    executions = sorted(attempt.executions for attempt in attempts)[len(attempts) // 2]
    ratio = real.median / median if real is not None and median > 0 else None
    replays = [attempt.replayed for attempt in attempts if attempt.replayed is not None]
    return GalleryDefect(
        name=defect.name,
        number=defect.number,
        component=defect.component,
        property=defect.property,
        category=defect.category,
        layout=defect.layout,
        suites=defect.suites,
        found=all(attempt.found for attempt in attempts),
        seeds_found=sum(attempt.found for attempt in attempts),
        oracle=most_common([attempt.oracle for attempt in attempts]),
        suite=most_common([attempt.suite for attempt in attempts]),
        executions=executions,
        cpu_seconds=median,
        median=median,
        worst=worst,
        replayed=replays[0] if replays else None,
        shrunk=next((attempt.shrunk for attempt in attempts if attempt.shrunk is not None), None),
        ratio=ratio,
        at_least=real is not None and 2 * real.found <= real.seeds,
        real_threads=real,
        attempts=attempts,
    )
