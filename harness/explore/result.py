"""What an exploration brought, and how it is kept in run.json."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from harness.builds import Build
from harness.explore.request import OPTIONS, ExploreRequest
from harness.model.finding import Finding
from harness.model.outcome import SuiteResult
from harness.model.output.explore import Control, SelfCheck
from harness.stress.result import option_words, suite_record
from harness.version import VERSION

CONTROLLED = ("scenario", "interleaving", "time", "addresses")  # what the seed decides


@dataclass(frozen=True, slots=True, kw_only=True)
class Explored:
    """What was executed and found under the scheduler, by an exploration or a sweep, at its end.

    `canary`: whether every worker found the race planted for it; when it is False nothing was explored, and `missed`
    says why. `notes`: sentences about what did not go as asked, or that the reader should know.
    """

    build: Build
    seconds: float
    suites: list[SuiteResult]
    findings: list[Finding]
    control: Control
    target: str
    memory_model: str
    canary: bool | None
    missed: str
    interrupted: bool
    notes: tuple[str, ...]
    cpu_seconds: float
    path: Path
    stored: bool = True

    def outcome(self) -> dict[str, Any]:
        """Return what run.json says of it."""
        return {
            "build": {"kind": self.build.kind, "identity": self.build.identity, "compiler": self.build.compiler,
                      "patches": list(self.build.patches), "archive": self.build.archive_hash},
            "executions": sum(suite.executions for suite in self.suites),
            "seconds": self.seconds,
            "cpu_seconds": self.cpu_seconds,
            "suites": [suite_record(suite) for suite in self.suites],
            "findings": [msgspec.to_builtins(finding) for finding in self.findings],
            "target": self.target,
            "memory_model": self.memory_model,
            "controlled": list(CONTROLLED),
            "control": msgspec.to_builtins(self.control),
            "canary": self.canary,
            "interrupted": self.interrupted,
            "notes": list(self.notes),
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ExploreResult(Explored):
    """An exploration at its end."""

    request: ExploreRequest
    seed: int
    self_check: SelfCheck | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return what run.json says: what was asked, on which build, what was executed and found."""
        return {
            **intent(self.request, self.seed, tuple(suite.name for suite in self.suites)),
            **self.outcome(),
            "self_check": msgspec.to_builtins(self.self_check),
        }


def intent(request: ExploreRequest, seed: int, suites: tuple[str, ...]) -> dict[str, Any]:
    """Return what is known of an exploration before it starts."""
    return {
        "command": "explore",
        "version": VERSION,
        "again": None if request.layout is None else again(request, seed),  # no command lets each scenario draw its own
        "seed": seed,
        "asked": list(suites),
        "seconds_asked": request.time,
        "executions_asked": request.executions,
        "strategy": request.options.strategy,
        "options": msgspec.to_builtins(request.options),
        "threads": request.threads,
        "ops": request.ops,
        "processes": request.jobs,
        "jobs": request.jobs,
        "shared": 0,
        "layout": "drawn" if request.layout is None else str(request.layout),
        "memory": None,
        "sanitizer": "none",
        "hang_after": request.hang_after,
        "patches": [str(path) for path in request.patches],
        "faults": list(request.faults),
    }


def again(request: ExploreRequest, seed: int) -> str:
    """Return the command that explores the same once more: options at their standard value left out."""
    standard = ExploreRequest()
    options, usual = request.options, OPTIONS
    words = ["racewash", "explore", *request.suites]
    values = {
        "--executions": (request.executions, None),
        "--seconds": (request.seconds, None),
        "--strategy": (options.strategy, usual.strategy),
        "--memory-model": (options.memory_model, usual.memory_model),
        "--depth": (options.depth, usual.depth),
        "--switch-probability": (options.switch_probability, usual.switch_probability),
        "--preemption-bound": (options.preemption_bound, usual.preemption_bound),
        "--check-every": (options.check_every, usual.check_every),
        "--step-bound": (options.step_bound, usual.step_bound),
        "--jobs": (request.jobs, standard.jobs),
        "--threads": (request.threads, standard.threads),
        "--ops": (request.ops, standard.ops),
        "--layout": (request.layout, standard.layout),
        "--store": (request.store, standard.store),
        "--hang-after": (request.hang_after, standard.hang_after),
        "--seed": (seed, None),
    }
    words += option_words(values)
    words += ["--plain-points"] if options.plain_points else []
    words += ["--attached"] if options.attached else []
    flags = {"--fail-alloc": options.fail_alloc, "--weak-cas": options.weak_cas, "--timeouts": options.timeouts,
             "--clocks": options.clocks}  # fmt: skip
    words += [name for name, given in flags.items() if given]
    words += [word for fault in request.faults for word in ("--fault", fault)]
    words += [] if options.races else ["--no-races"]
    for path in request.patches:
        words += ["--patch", str(path)]
    return shlex.join(words)
