"""Write the page of a stored run: one HTML file without any reference to the network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined

from harness.model.problem import Problem
from harness.store import read_findings
from reports import view
from reports.stored import newest_table, stored_run, stored_scenario


def render(run_dir: Path, out: Path) -> Path:
    """Write the report of the run in `run_dir` to `out` and return it. Raises Problem when there is nothing to read."""
    page = to_html(run_dir)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(page, encoding="utf-8")
    except OSError as error:
        raise Problem(f"the report can't be written to {out}: {error.strerror}") from error
    return out


def to_html(run_dir: Path) -> str:
    """Return the report of the run in `run_dir` as HTML."""
    run = stored_run(run_dir)
    findings = [msgspec.to_builtins(finding) for finding in read_findings(run_dir)]
    run = {**run, "findings": findings}
    suites = view.suites_of(run)
    stored = newest_table(run_dir)
    environment = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(amount=view.amount, count=view.count, duration=view.duration)
    return environment.get_template("report.html").render(
        run=run,
        name=run_dir.name,
        facts=_facts(run),
        suites=suites,
        percentiles=[name for name, _ in view.PERCENTILES],
        rates=view.rate_chart(suites),
        latencies=view.latency_chart(suites),
        invariants=view.invariants_of(run),
        findings=[view.finding_of(finding, stored_scenario(run_dir, finding["fingerprint"])) for finding in findings],
        memory=view.memory_of(stored) if stored else None,
    )


def _facts(run: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what identifies the run, as far as it was stored."""
    build = run["build"]
    memory = run.get("memory")
    facts = [
        ("Command", run.get("again") or run["command"]),
        ("Build", build["kind"]),
        ("Build identity", build["identity"]),
        ("Compiler", build["compiler"]),
        ("Patches", ", ".join(build.get("patches", []))),
        ("Seed", run["seed"]),
        ("Duration", f"{run['seconds']:.1f} s"),
        ("Threads", run.get("threads")),
        ("Processes", run.get("processes")),
        ("Forked processes on one core", run.get("shared") or None),
        ("Layout", run.get("layout")),
        ("Memory limit", view.round_amount(memory) if memory else None),
        ("Memory model", run.get("memory_model")),
        ("racewash", run["version"]),
    ]
    return [(name, str(value)) for name, value in facts if value not in (None, "")]
