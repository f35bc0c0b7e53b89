"""What a sweep brought: which places failed, under how many schedules, and what was found."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any

import msgspec

from harness.explore.result import Explored
from harness.faults.chain import COUNT, Chain
from harness.faults.request import ONCE, PERSISTENT, SweepRequest
from harness.model.fault import NO_COUNTS, Benign, FaultCounts, Site
from harness.model.output import BenignFigures, SiteFigures, SweepFigures
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
                suite=chain.suite, layout=str(chain.layout), mode=chain.mode, points=chain.points,
                swept=sum(hits > 0 for hits in chain.done.values()), complete=chain.complete,
                executions=chain.executions,
            )
            for chain in self.chains if chain.mode != COUNT
        )  # fmt: skip

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
    words = ["racewash", "sweep", *request.suites, "--fault", "alloc"]
    for name in ("schedules", "threads", "ops", "seed", "jobs", "seconds", "store"):
        if (value := getattr(request, name)) != getattr(standard, name) and value is not None:
            words += [f"--{name}", f"{value:g}" if isinstance(value, float) else str(value)]
    if request.hang_after != standard.hang_after:
        words += ["--hang-after", f"{request.hang_after:g}"]
    if request.options.strategy != standard.options.strategy:
        words += ["--strategy", request.options.strategy]
    if request.layouts != standard.layouts:
        words += [word for layout in request.layouts for word in ("--layout", str(layout))]
    if request.modes != standard.modes:
        words += [f"--{mode}" for mode in request.modes if mode in (ONCE, PERSISTENT) or mode == "pairs"]
    for path in request.patches:
        words += ["--patch", str(path)]
    return shlex.join(words)
