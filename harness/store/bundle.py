"""All that a finding's folder holds besides finding.json and its report: how to see it again, and where it was seen.

repro.json, scenario.json   the schedule and the scenario; what `racewash replay` reads
trace.txt                   the events of the execution, where it could be run again with a trace
build.json                  the build's identity with a hash of each source
environment.json            the machine, the interpreter, the variables
repro.py, test_repro.py     the same without this folder: a program, and a pytest file
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from harness.model.bundle import REPRO, SCENARIO, content_hash, encode_repro
from harness.model.finding import Finding
from harness.model.repro import Repro
from harness.model.scenario import Scenario
from harness.model.token import token_of
from harness.store.environment import environment
from harness.store.scripts import scripts

FORMAT = 1
TRACE, BUILD, ENVIRONMENT = "trace.txt", "build.json", "environment.json"
_MADE_WITH = ("compiler", "patches", "archive")


def bundled(
    finding: Finding,
    repro: Repro,
    scenario: Scenario,
    build: Mapping[str, Any],
    trace: Sequence[str] = (),
    trace_hash: int | None = None,
) -> tuple[Finding, dict[str, bytes]]:
    """Return a finding with its token, also at the head of its report, and the files of its bundle.

    `build` is the build's record (harness.builds.record).
    """
    text = encode_repro(repro, trace_hash, {name: build[name] for name in _MADE_WITH})
    token = token_of(repro, content_hash(text))
    head = f"memory model: {repro.options.memory_model}\n" if repro.scheduled else "memory model: this machine's\n"
    report = f"{head}build: {repro.build}\ntoken: {token}\n\n{finding.report}"
    told = replace(finding, token=token, report=report)
    files = {
        REPRO: text,
        SCENARIO: scenario.to_json(),
        BUILD: _json(build),
        ENVIRONMENT: _json(environment()),
        **scripts(told, repro, text, scenario),
    }
    if trace:
        files[TRACE] = "\n".join(trace).encode() + b"\n"
    return told, files


def _json(value: Mapping[str, Any]) -> bytes:
    return msgspec.json.format(msgspec.json.encode({"format": FORMAT, **value}), indent=1) + b"\n"
