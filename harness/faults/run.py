"""One sweep from a request to its result: suites, build, chains, workers, state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from harness.builds import Symbols, build_record, get_build, load_runtime
from harness.explore.child import exploring
from harness.explore.request import chosen
from harness.explore.supervisor import supervise
from harness.explore.tracer import Tracer
from harness.faults.campaign import SweepCampaign
from harness.faults.chain import COUNT, Chain, chains_of
from harness.faults.request import SweepRequest, check
from harness.faults.result import SweepResult, intent
from harness.faults.spread import spread_chains
from harness.faults.state import restore, save, state_path
from harness.faults.units import FaultUnits
from harness.model.fault import ALLOC, CLOCK, STALL
from harness.model.finding import Finding
from harness.model.problem import Problem
from harness.model.suite import Suite
from harness.store import Intents, RunStore, new_run
from harness.stress.collect import Collector
from harness.stress.failure import RunFailed
from harness.stress.intents import recover
from harness.stress.interrupts import Interrupts
from harness.stress.process import Launch

Say = Callable[[str], None]
WHAT = {ALLOC: "each allocation fails", STALL: "each thread stops where it holds something",
        CLOCK: "the clock jumps or stands at each reading"}  # fmt: skip


def _nobody(_: str) -> None: ...


def sweep(request: SweepRequest, notify: Say, tell: Say = _nobody) -> SweepResult:
    """Make every fault point of the suites' base scenarios fail, under many schedules each.

    `notify` gets a sentence at the start and for whatever is found; `tell`, about once a second, where it is. Raises
    Problem when the request can't be met, RunFailed on an error of racewash itself. What is interrupted can be gone on
    with: see harness.faults.state.

    >>> sweep(SweepRequest(("map",)), print).complete  # doctest: +SKIP
    True
    """
    from harness.generate import discover

    check(request)
    suites = chosen(request.suites, discover(), {})
    request = replace(request, suites=tuple(suite.name for suite in suites))
    notify(
        f"sweeping {', '.join(request.suites)}: {WHAT[request.fault]} ({', '.join(request.modes)}) under "
        f"{request.schedules} schedules, layouts {' and '.join(map(str, request.layouts))}, seed {request.seed}"
    )
    build = get_build("sched", request.patches)
    chains: list[Chain]
    if request.fault == ALLOC:
        chains = chains_of(request.suites, request.layouts, request.modes)
    else:
        chains = [*spread_chains(request, load_runtime(build).target.holds)]
    return sweep_with(exploring(build), request, suites, chains, notify, tell)


def sweep_with(
    launch: Launch, request: SweepRequest, suites: tuple[Suite, ...], chains: list[Chain], notify: Say, tell: Say
) -> SweepResult:
    """Sweep in workers that are started in a given way."""
    recover(request.store, notify)
    state = state_path(request, suites, launch.build)
    earlier = restore(state, chains) if request.resume else []
    resumed = sum(chain.executions for chain in chains)
    store = new_run(request.store, request.seed, intent(request))
    collector = Collector(store, request.suites, notify)
    units = FaultUnits(request, suites, chains)
    with Interrupts() as interrupts:
        symbols = Symbols(launch.build)
        tracer = Tracer(launch, symbols, request.hang_after)
        campaign = SweepCampaign(
            launch, request.exploration, request.seed, units, collector, interrupts, symbols,  # type: ignore[arg-type]
            tracer, Intents(store.path, build_record(launch.build), collector.note), fault_units=units,
        )  # fmt: skip

        def told(sentence: str) -> None:
            _save(state, chains, earlier, collector)
            tell(f"{_progress(chains)}; {sentence}")

        error: Exception | None = None
        try:
            supervise(campaign, told)
        except (Problem, RunFailed) as raised:
            error = raised
        finally:
            tracer.end()
        _save(state, chains, earlier, collector)
        result = _finish(campaign, store, request, chains, earlier, resumed)
    if error:
        raise error
    return result


def _save(state: Path, chains: list[Chain], earlier: list[Finding], collector: Collector) -> None:
    """A disk that refuses is noted: the sweep goes on, and only going on with it later is lost."""
    try:
        save(state, chains, _all(earlier, collector))
    except Problem as problem:
        collector.note(str(problem))


def _all(earlier: list[Finding], collector: Collector) -> list[Finding]:
    found = {finding.fingerprint: finding for finding in [*collector.findings, *earlier]}
    return list(found.values())


def _progress(chains: list[Chain]) -> str:
    failing = [chain for chain in chains if chain.mode != COUNT]
    done, of = sum(len(chain.done) for chain in failing), sum(chain.likely for chain in failing)
    return f"{done} of about {max(of, done)} fault points"


def _finish(campaign: SweepCampaign, store: RunStore, request: SweepRequest, chains: list[Chain],
            earlier: list[Finding], resumed: int) -> SweepResult:  # fmt: skip
    """Write run.json; when the store refuses, the result says so and has everything."""
    collector, control = campaign.collector, campaign.figures.control(-1)
    target = load_runtime(campaign.launch.build).target
    suites = collector.finish()
    result = SweepResult(
        request=request,
        build=campaign.launch.build,
        seconds=campaign.elapsed,
        suites=suites,
        findings=_all(earlier, collector),
        chains=chains,
        sites=target.sites,
        scopes=target.benign,
        control=control,
        target=", ".join(sorted(campaign.figures.targets)) or target.name,
        memory_model=campaign.figures.memory_model or request.options.memory_model,
        canary=campaign.canary,
        missed=campaign.missed,
        interrupted=campaign.interrupted(),
        notes=tuple(collector.notes),
        cpu_seconds=collector.cpu_seconds,
        path=store.path,
        resumed=resumed,
    )
    if collector.keep_run(result.to_dict()):
        return result
    return replace(result, notes=tuple(collector.notes), stored=False)
