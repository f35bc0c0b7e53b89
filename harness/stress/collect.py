"""What a run has brought so far: figures by suite, findings by fingerprint, each stored before it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from harness.model.fault import SPACE, FaultCounts, parse_plan
from harness.model.finding import Finding
from harness.model.outcome import Outcome, SuiteResult
from harness.model.problem import Problem
from harness.store import RunStore


class Collector:
    """Sums up executions and keeps findings. A store that fails is told once; nothing found is lost for it."""

    def __init__(self, store: RunStore, suites: Iterable[str], notify: Callable[[str], None]) -> None:
        self.suites = {name: SuiteResult(name) for name in suites}
        self.notes: list[str] = []
        self.cpu_seconds = 0.0
        self._met = FaultCounts()
        self._store = store
        self._notify = notify
        self._findings: dict[str, Finding] = {}
        self._unstored: dict[str, tuple[Finding, Mapping[str, bytes]]] = {}  # its bundle could not be written
        self._uncounted: dict[str, int] = {}  # met again, count not yet written

    @property
    def findings(self) -> list[Finding]:
        """All findings, in the order in which they were found."""
        return list(self._findings.values())

    def note(self, sentence: str) -> None:
        """Remember something that the user should know of the run, and say it now."""
        if sentence not in self.notes:
            self.notes.append(sentence)
            self._notify(sentence)

    def keep_run(self, record: Mapping[str, Any]) -> bool:
        """Write run.json; return whether the store took it. A refusal is noted: the result still has everything."""
        try:
            self._store.write_run(record)
        except Problem as problem:
            self.note(str(problem))
            return False
        return True

    def add(self, suite: str, outcome: Outcome) -> None:
        """Add an execution's figures to its suite's."""
        result = self.suites[suite]
        result.executions += 1
        result.operations += outcome.ops
        result.seconds += outcome.seconds
        for name, count in outcome.checks.items():
            result.invariants[name] = result.invariants.get(name, 0) + count
        for name, count in outcome.codes.items():
            result.codes[name] = result.codes.get(name, 0) + count
        result.processes += outcome.processes
        self.meet(outcome.faults)
        missing = len(outcome.latency) - len(result.latency)
        result.latency += [0] * missing
        for power, count in enumerate(outcome.latency):
            result.latency[power] += count

    def meet(self, faults: FaultCounts) -> None:
        """Add what the faults of the plan were met by."""
        self._met += FaultCounts(met=faults.met)

    def note_plan(self, faults: tuple[str, ...]) -> None:
        """Note what a plan left untested: a fault whose conditions nothing fits, a suite whose cores all failed."""
        for fault, met in zip(parse_plan(faults), self._met.met, strict=False):
            if not met and fault.kind != SPACE:  # which is a limit, met by nothing
                self.note(f"the fault '{fault}' was met 0 times: nothing that was executed fits its conditions")
        for suite in self.suites.values():
            if faults and suite.executions and not suite.operations:
                self.note(f"under this plan no core of the suite {suite.name} could be created: nothing was raced")

    def peak(self, suite: str, rss: int) -> None:
        """Take note of a worker's resident bytes."""
        self.suites[suite].peak_rss = max(self.suites[suite].peak_rss, rss)

    def knows(self, finding: Finding) -> bool:
        """Whether a finding would only be counted."""
        return finding.fingerprint in self._findings

    def found(self, finding: Finding, files: Mapping[str, bytes]) -> None:
        """Keep a finding: stored at once with its files when it is new, counted when it is known."""
        name = finding.fingerprint
        known = self._findings.get(name)
        if known:
            self._findings[name] = replace(known, count=known.count + finding.count)
            self._uncounted[name] = self._uncounted.get(name, 0) + finding.count
            return
        self._findings[name] = finding
        self._unstored[name] = (finding, files)
        self._write(name)
        token = f"; replay: racewash replay {finding.token}" if finding.token else ""
        place = self._findings[name].bundle or f"not stored{token}"
        self._notify(f"found {finding.kind} in {finding.suite}: {finding.message} ({place})")

    def flush(self) -> None:
        """Write what has gathered since the last time: counts, and bundles that could not be written then."""
        for name in [*self._unstored, *self._uncounted]:
            self._write(name)

    def finish(self) -> list[SuiteResult]:
        """Write what is left and return the suites' results, each with its findings."""
        self.flush()
        for result in self.suites.values():
            if happened := str(result.processes):
                self.notes.append(f"{result.name}: {happened}")
            result.findings = [finding for finding in self.findings if finding.suite == result.name]
        return list(self.suites.values())

    def _write(self, name: str) -> None:
        try:
            if name in self._unstored:
                finding, files = self._unstored[name]
                bundle = self._store.add_finding(finding, files)
                self._findings[name] = replace(self._findings[name], bundle=str(bundle))
                del self._unstored[name]
            if name in self._uncounted:
                self._store.add_finding(replace(self._findings[name], count=self._uncounted[name]), {})
                del self._uncounted[name]
        except Problem as problem:
            self.note(str(problem))
