"""One run from a request to its result: suites, seed, build, store, workers."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace

from harness.builds import build_record, get_build
from harness.generate import discover
from harness.model.problem import Problem
from harness.model.suite import Suite
from harness.store import Intents, RunStore, new_run
from harness.stress.child import Launch, launch_of
from harness.stress.collect import Collector
from harness.stress.failure import RunFailed
from harness.stress.intents import recover
from harness.stress.interrupts import Interrupts
from harness.stress.race import Race
from harness.stress.request import MAX_SEED, OWN, SANITIZERS, RunRequest, check, chosen
from harness.stress.result import RunResult, intent
from harness.stress.supervisor import supervise

__all__ = ["RunFailed", "run", "run_with"]

_NO_RACE_BETWEEN = (
    "ThreadSanitizer sees no race between the forked processes: between them, invariants and accounts judge"
)


def run(request: RunRequest, notify: Callable[[str], None], tell: Callable[[str], None] = lambda _: None) -> RunResult:
    """Run suites on real threads in supervised workers, and return what came of it.

    `notify` gets a sentence at the start and for whatever is found; `tell`, about once a second, where the run is.
    Raises Problem if the request can't be met, RunFailed on an error of racewash itself. In the main thread SIGINT and
    SIGTERM end the run within 2 seconds, and what was found until then is returned.

    >>> run(RunRequest(suites=("map",), seconds=5), print).findings  # doctest: +SKIP
    []
    """
    check(request)
    if request.target != OWN:
        from harness.live import find_package

        find_package()
    suites = chosen(request, discover(request.target))
    seed = secrets.randbelow(MAX_SEED + 1) if request.seed is None else request.seed
    notify(announcement(request, [suite.name for suite in suites], seed))
    build = get_build(SANITIZERS[request.sanitizer], request.patches)
    return run_with(launch_of(build, request.target), request, suites, seed, notify, tell)


def announcement(request: RunRequest, suites: Sequence[str], seed: int) -> str:
    """Return what is about to run, in a sentence."""
    build = "without a sanitizer" if request.sanitizer == "none" else f"under {request.sanitizer}"
    workers = "1 worker" if request.processes == 1 else f"{request.processes} workers"
    forked = f" in {request.shared} forked processes" if request.shared else ""
    target = "" if request.target == OWN else f"of {request.target} "
    layout = "before" if request.target != OWN else request.layout or "drawn"
    return (
        f"racing {', '.join(suites)} {target}{build} for {request.seconds:g} s: "
        f"{workers} of {request.threads} threads{forked}, layout {layout}, seed {seed}"
    )


def run_with(
    launch: Launch,
    request: RunRequest,
    suites: tuple[Suite, ...],
    seed: int,
    notify: Callable[[str], None],
    tell: Callable[[str], None] = lambda _: None,
) -> RunResult:
    """Run suites in workers that are started in a given way."""
    names = tuple(suite.name for suite in suites)
    recover(request.store, notify)
    with Interrupts() as interrupts:
        store = new_run(request.store, seed, intent(request, seed, names))
        collector = Collector(store, names, notify)
        if request.shared and request.sanitizer == "tsan":
            collector.note(_NO_RACE_BETWEEN)
        intents = Intents(store.path, build_record(launch.build), collector.note)
        race = Race(launch, request, suites, seed, collector, interrupts, intents)
        error: Exception | None = None
        try:
            supervise(race, tell)
        except (Problem, RunFailed) as raised:
            error = raised
        result = _finish(race, store)
    if error:
        raise error
    return result


def _finish(race: Race, store: RunStore) -> RunResult:
    """Write run.json; when the store refuses, the result says so and has everything."""
    collector = race.collector
    collector.note_plan(race.request.faults)
    suites = collector.finish()
    result = RunResult(
        request=race.request,
        build=race.launch.build,
        seed=race.seed,
        seconds=race.elapsed,
        suites=suites,
        findings=collector.findings,
        canary=race.canary,
        interrupted=race.interrupted(),
        notes=tuple(collector.notes),
        cpu_seconds=collector.cpu_seconds,
        path=store.path,
    )
    if collector.keep_run(result.to_dict()):
        return result
    return replace(result, notes=tuple(collector.notes), stored=False)
