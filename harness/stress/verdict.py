"""Judges what one worker process did: each execution's outcome and text, and the process's end."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import msgspec

from harness.builds import build_record
from harness.model.finding import Finding
from harness.model.outcome import Outcome
from harness.model.repro import Origin, on_threads
from harness.model.scenario import Scenario
from harness.model.suite import Suite
from harness.oracle import (
    Death,
    Report,
    crash_finding,
    exit_finding,
    flood_finding,
    garbled_finding,
    hang_finding,
    left_behind_finding,
    oom_finding,
    outcome_findings,
    parse_reports,
    report_finding,
)
from harness.store import bundled
from harness.stress.child import Child
from harness.stress.draw import draw, scenario_seed
from harness.stress.evidence import native_stacks, operations_json, running_operations
from harness.stress.messages import Done
from harness.stress.race import Race

EXECUTED = ("done", "stopped", "child-died")
_PART = 4 << 20
_TAIL = 16 << 10  # bytes of stderr kept with a death
# Reports after which the process goes on: they don't explain its death.
_SURVIVED = frozenset({"data-race", "leak", "deadlock"})
_LAID_DOWN = "UndefinedBehaviorSanitizer"


class Verdict:
    """What is known of a process: the suite, the scenario under way, and how far its text has been judged."""

    def __init__(self, race: Race, child: Child) -> None:
        self._race = race
        self._child = child
        self._leaked: Counter[str] = Counter()  # bytes by the finding's name, as last told
        self.suite: Suite | None = None
        self.index: int | None = None
        self.read = 0

    def done(self, done: Done) -> None:
        """Take an execution that came to its end."""
        outcome, name = done.outcome, self._name
        reports = self._reports(done.stderr)
        if outcome.status in EXECUTED:
            self._race.collector.add(name, outcome)
            self._race.collector.peak(name, done.peak_rss)
        files: dict[str, bytes] = {}
        if outcome.violations:
            files["operations.json"] = done.operations or b""
            files["snapshot.json"] = msgspec.json.encode({"format": 1, **outcome.snapshot})
        found = outcome_findings(outcome, name, self._seed or 0)
        if _explained(reports):
            found = [finding for finding in found if finding.kind != "crash"]
        self._keep([*self._new(reports), *found], files)
        self.index = None
        if outcome.status not in EXECUTED:
            self._not_executed(outcome)

    def died(self, code: int) -> None:
        """The process ended by itself: by a signal (negative code) or without a word."""
        reports = self._reports(self._child.printed)
        found = self._new(reports)
        if not _explained(reports):
            death = self._death()
            found.append(crash_finding(death, -code) if code < 0 else exit_finding(death, code))
        self._keep(found, self._operations())

    def hang(self, seconds: float) -> None:
        """The process has to be killed, because nothing moves in it."""
        running = running_operations(self._child.progress)
        stacks = native_stacks(self._child.pids(), self._race.interrupted)
        operations = self._operations()
        self._end([hang_finding(self._death(), round(seconds), running, stacks)], operations)

    def oom(self, rss: int, limit: int) -> None:
        """The process has to be killed, because it takes too much memory."""
        self._end([oom_finding(self._death(), rss, limit)], self._operations())

    def flood(self, limit: int) -> None:
        """The process has to be killed, because one execution printed too much."""
        self._end([flood_finding(self._death(), limit)], self._operations())

    def garbled(self, why: str) -> None:
        """The process has to be killed, because what it sends is no message; which execution did it is not known."""
        death = replace(self._death(), phase="unknown")
        self._end([garbled_finding(death, why)], self._operations())

    def left_behind(self, names: list[str]) -> None:
        """Forked processes were still there when the process had ended."""
        self._keep([left_behind_finding(self._death(), names)], {})

    # ---- parts ----

    @property
    def _name(self) -> str:
        return self.suite.name if self.suite else ""

    @property
    def _seed(self) -> int | None:
        return None if self.index is None else scenario_seed(self._race.seed, self._name, self.index)

    def _reports(self, end: int) -> list[Report]:
        """Return the reports in what was printed since the last time; of very much the first and the last part."""
        start, self.read = self.read, end
        if end - start <= 2 * _PART:
            return parse_reports(self._child.text(start, end))
        return [
            *parse_reports(self._child.text(start, start + _PART)),
            *parse_reports(self._child.text(end - _PART, end)),
        ]

    def _new(self, reports: list[Report]) -> list[Finding]:
        """Return the reports' findings. LeakSanitizer tells every leak again each time it looks: only growth is new."""
        pairs = [(report, report_finding(report, self._name, self._seed)) for report in reports]
        leaked: Counter[str] = Counter()
        for report, finding in pairs:
            if finding and report.leaked:
                leaked[finding.fingerprint] += report.leaked
        grown = {name for name, size in leaked.items() if size > self._leaked[name]}
        self._leaked.update({name: leaked[name] - self._leaked[name] for name in grown})
        found = {finding.fingerprint: finding for _, finding in reversed(pairs) if finding}
        return [finding for name, finding in reversed(found.items()) if name not in leaked or name in grown]

    def _end(self, findings: list[Finding], files: dict[str, bytes]) -> None:
        self._keep([*self._new(self._reports(self._child.printed)), *findings], files)

    def _death(self) -> Death:
        printed = self._child.printed
        phase = self._child.progress.phase if self.index is not None else "between executions"
        return Death(self._name, self._seed, phase, self._child.text(max(0, printed - _TAIL), printed))

    def _operations(self) -> dict[str, bytes]:
        return {"operations.json": operations_json(self._child.progress)}

    def _scenario(self) -> Scenario | None:
        """Return the scenario under way, None when it isn't known."""
        if self.suite is None or self.index is None:
            return None
        return draw(self.suite, self._race.seed, self.index, self._race.request.shape, self._race.kind)

    def _keep(self, findings: list[Finding], files: dict[str, bytes]) -> None:
        """Keep findings: those that are new with all that belongs in a bundle."""
        collector = self._race.collector
        scenario = self._scenario() if any(not collector.knows(finding) for finding in findings) else None
        for finding in findings:
            if scenario is None or collector.knows(finding):
                collector.found(finding, files)
                continue
            build, request = self._race.launch.build, self._race.request
            origin = Origin(self._name, self._seed or 0, request.shape)
            repro = on_threads(origin, scenario.digest, build.identity, finding.fingerprint, build.kind, request.target)
            told, made = bundled(finding, repro, scenario, build_record(build))
            collector.found(told, {**made, **files})

    def _not_executed(self, outcome: Outcome) -> None:
        """No thread ran: with the user's own figures that is theirs to correct, else a mistake of ours."""
        sentence = f"the suite {self._name} can't be executed ({outcome.status}): {outcome.message}"
        theirs = outcome.status == "system" or self._race.request.memory is not None
        self._race.fail(sentence, problem=theirs)


def _explained(reports: list[Report]) -> bool:
    """Whether the last report says why the process ended."""
    return bool(reports) and reports[-1].kind not in _SURVIVED and reports[-1].tool != _LAID_DOWN
