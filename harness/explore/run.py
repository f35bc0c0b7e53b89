"""One exploration from a request to its result: suites, seed, build, store, workers."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from harness.builds import build_record, get_build, symbols_of
from harness.explore.campaign import Campaign
from harness.explore.child import exploring
from harness.explore.named import NAMED
from harness.explore.request import WHOLE, ExploreRequest, check, chosen
from harness.explore.result import ExploreResult, intent
from harness.explore.selfcheck import self_check
from harness.explore.spare import Spare
from harness.explore.supervisor import supervise
from harness.explore.tracer import Tracer
from harness.explore.units import SLICE_MS, Units
from harness.model.output.explore import SelfCheck
from harness.model.problem import Problem
from harness.model.suite import Suite
from harness.store import Intents, RunStore, new_run
from harness.stress.collect import Collector
from harness.stress.failure import RunFailed
from harness.stress.intents import recover
from harness.stress.interrupts import Interrupts
from harness.stress.process import Launch
from harness.stress.request import MAX_SEED

Say = Callable[[str], None]


def _nobody(_: str) -> None: ...


def explore(request: ExploreRequest, notify: Say, tell: Say = _nobody, *, twice: bool = False) -> ExploreResult:
    """Explore suites under the scheduled runtime in supervised workers, and return what came of it.

    `twice`: run each seed in two processes and compare (see harness.explore.selfcheck). `notify` gets a sentence at the
    start and for whatever is found; `tell`, about once a second, where it is. Raises Problem when the request can't be
    met, RunFailed on an error of racewash itself. In the main thread SIGINT and SIGTERM end it within 2 seconds, and
    what was found until then is returned.

    >>> explore(ExploreRequest(suites=("map",), executions=1000), print).findings  # doctest: +SKIP
    []
    """
    check(request)
    suites = suites_of(request)
    seed = secrets.randbelow(MAX_SEED + 1) if request.seed is None else request.seed
    notify(announcement(request, suites, seed))
    launch = exploring(get_build("sched", request.patches))
    return explore_with(launch, request, suites, seed, notify, tell, twice=twice)


def suites_of(request: ExploreRequest) -> tuple[Suite, ...]:
    """Return the suites to explore."""
    from harness.generate import discover  # with it comes Hypothesis, which workers don't need and would wait for

    return chosen(request.suites, discover(), NAMED)


def announcement(request: ExploreRequest, suites: tuple[Suite, ...], seed: int) -> str:
    """Return what is about to be explored, in a sentence."""
    names = ", ".join(suite.name for suite in suites)
    if request.count is None:
        budget = f"{request.time:g} s"
    else:
        budget = "until their end" if request.executions is None else f"{request.executions:,} executions"
    jobs = "1 job" if request.jobs == 1 else f"{request.jobs} jobs"
    drawn = any(suite.name not in NAMED for suite in suites)
    size = f"scenarios of {request.threads} threads, " if drawn else ""
    return (
        f"exploring {names} by {request.options.strategy}, memory model {request.options.memory_model}: {budget}, "
        f"{jobs}, {size}layout {request.layout or 'drawn'}, seed {seed}"
    )


def explore_with(
    launch: Launch,
    request: ExploreRequest,
    suites: tuple[Suite, ...],
    seed: int,
    notify: Say,
    tell: Say = _nobody,
    *,
    twice: bool = False,
    spare: Spare | None = None,
) -> ExploreResult:
    """Explore suites in workers that are started in a given way, or come from `spare` and go back there."""
    names = tuple(suite.name for suite in suites)
    recover(request.store, notify)
    store = new_run(request.store, seed, intent(request, seed, names))
    collector = Collector(store, names, notify)
    units = Units(suites, seed, request.shape, request.count, request.options.strategy, _slice(request, suites))
    with Interrupts() as interrupts:
        symbols = symbols_of(launch.build)
        tracer = Tracer(launch, symbols, request.hang_after)
        intents = Intents(store.path, build_record(launch.build), collector.note)
        campaign = Campaign(launch, request, seed, units, collector, interrupts, symbols, tracer, intents, spare=spare)
        error: Exception | None = None
        checked: SelfCheck | None = None
        try:
            if twice:
                checked = self_check(campaign, tell)
            else:
                supervise(campaign, tell)
        except (Problem, RunFailed) as raised:
            error = raised
        finally:
            tracer.end()
        result = finish(campaign, store, checked)
    if error:
        raise error
    return result


def _slice(request: ExploreRequest, suites: tuple[Suite, ...]) -> int:
    """Milliseconds of a unit when time is counted: a strategy that walks through all schedules gets a suite's share."""
    if request.time is None or request.options.strategy not in WHOLE:
        return SLICE_MS
    return max(SLICE_MS, round(1000 * request.time * request.jobs / len(suites)))


def finish(
    campaign: Campaign, store: RunStore, checked: SelfCheck | None, more: Mapping[str, Any] | None = None
) -> ExploreResult:
    """Write run.json, with `more` in it; when the store refuses, the result says so and has everything."""
    collector, control = campaign.collector, campaign.figures.control(campaign.request.options.preemption_bound)
    judged = campaign.request.options.races
    if judged and control.shared_words and not any(finding.kind == "data-race" for finding in collector.findings):
        collector.note(
            f"threads shared {control.shared_words} words of memory without any point between them: what happens there "
            "has no schedule; --plain-points makes every access a point"
        )
    if control.unseen:
        collector.note(f"{control.unseen} calls went to the system unseen: what they return is not controlled")
    collector.note_plan(campaign.request.faults)
    suites = collector.finish()
    result = ExploreResult(
        request=campaign.request,
        build=campaign.launch.build,
        seed=campaign.seed,
        seconds=campaign.elapsed,
        suites=suites,
        findings=collector.findings,
        control=control,
        target=", ".join(sorted(campaign.figures.targets)),
        memory_model=campaign.figures.memory_model or campaign.request.options.memory_model,
        canary=campaign.canary,
        missed=campaign.missed,
        interrupted=campaign.interrupted(),
        notes=tuple(collector.notes),
        cpu_seconds=collector.cpu_seconds,
        path=store.path,
        self_check=checked,
    )
    if collector.keep_run({**result.to_dict(), **(more or {})}):
        return result
    return replace(result, notes=tuple(collector.notes), stored=False)
