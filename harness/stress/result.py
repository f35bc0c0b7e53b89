"""What a run brought, and how it is kept in run.json."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from harness.builds import Build
from harness.model.finding import Finding
from harness.model.outcome import SuiteResult
from harness.stress.request import RunRequest
from harness.version import VERSION


@dataclass(frozen=True, slots=True)
class RunResult:
    """A run at its end.

    `canary`: whether every worker's sanitizer reported the defect planted for it, None without a sanitizer; when it is
    False nothing was run. `notes`: sentences about what did not go as asked. `path`: the run's folder;
    `stored`: run.json is in it.
    """

    request: RunRequest
    build: Build
    seed: int
    seconds: float
    suites: list[SuiteResult]
    findings: list[Finding]
    canary: bool | None
    interrupted: bool
    notes: tuple[str, ...]
    cpu_seconds: float
    path: Path
    stored: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Return what run.json says: what was asked, on which build, what was executed and found."""
        request = self.request
        return {
            **intent(request, self.seed, tuple(suite.name for suite in self.suites)),
            "build": {"kind": self.build.kind, "identity": self.build.identity, "compiler": self.build.compiler,
                      "patches": list(self.build.patches), "archive": self.build.archive_hash},
            "executions": sum(suite.executions for suite in self.suites),
            "seconds": self.seconds,
            "cpu_seconds": self.cpu_seconds,
            "suites": [suite_record(suite) for suite in self.suites],
            "findings": [msgspec.to_builtins(finding) for finding in self.findings],
            "memory_model": memory_model(request.sanitizer),
            "controlled": ["scenario"],
            "canary": self.canary,
            "interrupted": self.interrupted,
            "notes": list(self.notes),
        }  # fmt: skip


def intent(request: RunRequest, seed: int, suites: tuple[str, ...]) -> dict[str, Any]:
    """Return what is known of a run before it starts."""
    return {
        "command": "run",
        "version": VERSION,
        # No command takes patches, nor a layout that each scenario draws.
        "again": None if request.patches or request.layout is None else again(request, seed),
        "seed": seed,
        "asked": list(suites),
        "target": request.target,
        "seconds_asked": request.seconds,
        "threads": request.threads,
        "processes": request.processes,
        "shared": request.shared,
        "layout": "drawn" if request.layout is None else str(request.layout),
        "memory": request.memory,
        "sanitizer": request.sanitizer,
        "hang_after": request.hang_after,
        "patches": [str(path) for path in request.patches],
    }


def again(request: RunRequest, seed: int) -> str:
    """Return the command that runs the same scenarios once more: options at their standard value left out."""
    standard = RunRequest()
    words = ["racewash", "run", *request.suites]
    options = {
        "--target": (request.target, standard.target),
        "--seconds": (request.seconds, standard.seconds),
        "--threads": (request.threads, standard.threads),
        "--processes": (request.processes, standard.processes),
        "--shared": (request.shared, standard.shared),
        "--layout": (request.layout, standard.layout),
        "--memory": (request.memory, standard.memory),
        "--sanitizer": (request.sanitizer, standard.sanitizer),
        "--store": (request.store, standard.store),
        "--hang-after": (request.hang_after, standard.hang_after),
        "--seed": (seed, None),
    }
    words += option_words(options)
    return shlex.join(words + [word for fault in request.faults for word in ("--fault", fault)])


def option_words(options: Mapping[str, tuple[object, object]]) -> list[str]:
    """Return the words of options, name -> (value, standard value), those left out that are standard or not given."""
    words: list[str] = []
    for name, (value, usual) in options.items():
        if value != usual and value is not None:
            words += [name, number(value) if isinstance(value, float) else str(value)]
    return words


def number(value: float) -> str:
    """Return a number's shortest text that is read as the same number.

    >>> number(30.0), number(0.123456789)
    ('30', '0.123456789')
    """
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def memory_model(sanitizer: str) -> str:
    """Return whose reorderings the threads met."""
    machine = f"this machine's ({platform.machine()})"
    return f"{machine}, judged by ThreadSanitizer's model of C11 atomics" if sanitizer == "tsan" else machine


def suite_record(suite: SuiteResult) -> dict[str, Any]:
    """Return what run.json says of a suite."""
    data: dict[str, Any] = msgspec.to_builtins(suite)
    marks = [finding.fingerprint for finding in suite.findings]
    return {**data, "operations_per_second": suite.operations_per_second, "findings": marks}
