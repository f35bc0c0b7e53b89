"""What a sweep brought: which places failed, under how many schedules, and what was found."""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import dataclass
from typing import Any

import msgspec

from harness.explore.result import Explored
from harness.faults.chain import COUNT, Chain
from harness.faults.request import ONCE, PERSISTENT, SweepRequest
from harness.faults.spread import Spread, waits_of
from harness.model.fault import NO_COUNTS, STALL, Benign, FaultCounts, Site
from harness.model.output.sweep import BenignFigures, BlockedFigures, SiteFigures, SweepFigures
from harness.stress.result import number
from harness.version import VERSION

CORE = "native/core/"  # whose places a sweep must all have made fail


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepResult(Explored):
    """A sweep at its end. `resumed`: executions of earlier parts of it, whose coverage and findings are included."""

    request: SweepRequest
    chains: list[Chain]
    sites: tuple[Site, ...]
    scopes: tuple[Benign, ...]
    resumed: int

    @property
    def counts(self) -> FaultCounts:
        """What all executions met."""
        return sum((chain.counts for chain in self.chains), NO_COUNTS)

    @property
    def complete(self) -> bool:
        """Whether every point of every chain was made to fail."""
        return all(chain.complete for chain in self.chains)

    def sweeps(self) -> tuple[SweepFigures, ...]:
        """Return each chain that makes something fail, as it is printed."""
        return tuple(
            SweepFigures(
                suite=suite, layout=layout, mode=mode, holding=holding, points=sum(chain.points for chain in chains),
                swept=sum(chain.swept for chain in chains), complete=all(chain.complete for chain in chains),
                executions=sum(chain.executions for chain in chains), hit=sum(chain.counts.hit for chain in chains),
                blocked=sum(chain.counts.blocked for chain in chains),
                unjudged=sum(chain.counts.unjudged for chain in chains),
            )
            for (suite, layout, mode, holding), chains in self._rows().items()
        )  # fmt: skip

    def _rows(self) -> dict[tuple[str, str, str, str], list[Chain]]:
        """Return the chains that make something fail, by what a row of the table tells apart: not by thread."""
        rows: dict[tuple[str, str, str, str], list[Chain]] = {}
        for chain in self.chains:
            if chain.mode != COUNT:
                held = chain.fault.holding if isinstance(chain, Spread) and chain.fault.kind == STALL else ""
                rows.setdefault((chain.suite, str(chain.layout), chain.mode, held), []).append(chain)
        return rows

    def waits(self) -> tuple[BlockedFigures, ...]:
        """Return for which threads, stopped for ever, all others have waited; the most frequent first."""
        waits: Counter[str] = Counter()
        for chain in self.chains:
            waits.update(waits_of(chain))
        return tuple(BlockedFigures(holder=holder, executions=count) for holder, count in waits.most_common())

    def site_figures(self) -> tuple[SiteFigures, ...]:
        """Return each place that allocates, with how often it was reached and how often it failed."""
        counts = self.counts
        figures = [
            SiteFigures(site=str(site), function=site.function, core=site.file.startswith(CORE), reached=reached,
                        failed=failed)
            for site, reached, failed in zip(self.sites, counts.reached, counts.failing, strict=False)
        ]  # fmt: skip
        return tuple(sorted(figures, key=lambda figure: _by_place(figure.site)))

    def benign_figures(self) -> tuple[BenignFigures, ...]:
        """Return each scope that may keep silent about a failure, with how often it did."""
        return tuple(
            BenignFigures(op=scope.op, function=scope.function, reason=scope.reason, count=count)
            for scope, count in zip(self.scopes, self.counts.benign, strict=False)
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what run.json says."""
        return {
            **intent(self.request),
            **self.outcome(),
            "self_check": None,
            "sweeps": msgspec.to_builtins(self.sweeps()),
            "sites": msgspec.to_builtins(self.site_figures()),
            "benign": msgspec.to_builtins(self.benign_figures()),
            "blocked": msgspec.to_builtins(self.waits()),
            "complete": self.complete,
        }  # fmt: skip


def _by_place(site: str) -> tuple[str, int]:
    file, _, line = site.rpartition(":")
    return file, int(line)


def intent(request: SweepRequest) -> dict[str, Any]:
    """Return what is known of a sweep before it starts."""
    return {
        "command": "sweep",
        "version": VERSION,
        "again": again(request),
        "seed": request.seed,
        "asked": list(request.suites),
        "seconds_asked": request.seconds,
        "executions_asked": None,
        "schedules": request.schedules,
        "fault": request.fault,
        "modes": list(request.modes),
        "strategy": request.options.strategy,
        "options": msgspec.to_builtins(request.options),
        "threads": request.threads,
        "ops": request.ops,
        "processes": request.jobs,
        "jobs": request.jobs,
        "shared": 0,
        "layout": " and ".join(map(str, request.layouts)),
        "memory": None,
        "sanitizer": "none",
        "hang_after": request.hang_after,
        "patches": [str(path) for path in request.patches],
    }


def again(request: SweepRequest) -> str:
    """Return the command that sweeps the same once more."""
    standard = SweepRequest(())
    words = ["racewash", "sweep", *request.suites, "--fault", request.fault]
    for name in ("schedules", "points", "steps", "threads", "ops", "seed", "jobs", "seconds", "store"):
        if (value := getattr(request, name)) != getattr(standard, name) and value is not None:
            words += [f"--{name}", number(value) if isinstance(value, float) else str(value)]
    if request.hang_after != standard.hang_after:
        words += ["--hang-after", number(request.hang_after)]
    if request.options.strategy != standard.options.strategy:
        words += ["--strategy", request.options.strategy]
    if request.layouts != standard.layouts:
        words += [word for layout in request.layouts for word in ("--layout", str(layout))]
    if request.modes != standard.modes:
        words += [f"--{mode}" for mode in request.modes if mode in (ONCE, PERSISTENT) or mode == "pairs"]
    for path in request.patches:
        words += ["--patch", str(path)]
    return shlex.join(words)
