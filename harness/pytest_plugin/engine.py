"""Runs what the decorators ask for: explorations in workers that the whole session shares, and real-thread runs."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.builds import get_build
from harness.explore.child import exploring
from harness.explore.request import ExploreRequest, check
from harness.explore.result import ExploreResult
from harness.explore.run import explore_with
from harness.explore.spare import Spare
from harness.model.finding import Finding
from harness.model.problem import Problem
from harness.model.suite import Suite
from harness.pytest_plugin.session import Session
from harness.repro import ReplayRequest, ReplayResult
from harness.repro.replay import replay_with
from harness.repro.resolve import Recorded
from harness.repro.threads import replay_on_threads
from harness.store import new_run
from harness.stress.child import launch_of
from harness.stress.failure import RunFailed
from harness.stress.process import Launch
from harness.stress.request import SANITIZERS, RunRequest
from harness.stress.request import check as check_run
from harness.stress.result import RunResult
from harness.stress.run import run_with

Files = Mapping[str, Mapping[str, bytes]]  # of bundles, by fingerprint
Asked = tuple[str, ExploreRequest, int]  # what decides an exploration: the scenario's digest, the request, the seed


def _nobody(_: str) -> None: ...


@dataclass(slots=True)
class Drawn:
    """The exploration of a scenario that Hypothesis drew; its bundles are not in a store yet."""

    result: ExploreResult
    files: Files

    def keep(self, store: Path) -> list[Finding]:
        """Put the bundles in a store and return the findings, each with its folder there."""
        data = self.result.to_dict()
        run = new_run(store, self.result.seed, {**data, "findings": []})
        found = [
            replace(finding, bundle=str(run.add_finding(finding, self.files.get(finding.fingerprint, {}))))
            for finding in self.result.findings
        ]
        run.write_run(data)
        return found


@dataclass(slots=True)
class Engine:
    """What a session's tests share: builds that are looked for once, and workers that have loaded them."""

    spare: Spare = field(default_factory=Spare)
    failed: dict[Asked, Drawn] = field(default_factory=dict)  # of the test under way
    _launches: dict[tuple[Path, ...], Launch] = field(default_factory=dict)

    def launch(self, patches: Sequence[Path] = ()) -> Launch:
        """Return how a build's exploring workers are started."""
        key = tuple(patches)
        if key not in self._launches:
            self._launches[key] = exploring(get_build("sched", key))
        return self._launches[key]

    def explore(self, request: ExploreRequest, suites: tuple[Suite, ...], seed: int) -> ExploreResult:
        """Explore suites. Raises RunFailed when that proved nothing, KeyboardInterrupt when it was cut off."""
        check(request)
        launch = self.launch(request.patches)
        result = explore_with(launch, request, suites, seed, _nobody, spare=self.spare)
        if result.interrupted:
            raise KeyboardInterrupt
        if result.canary is False:
            raise RunFailed(f"the canary was missed, so this exploration proves nothing: {result.missed}")
        _executed(result)
        return result

    def explore_drawn(self, request: ExploreRequest, suite: Suite, digest: str, seed: int) -> Drawn:
        """Explore a scenario that Hypothesis drew; while a test lasts, what failed fails at once if asked again.

        Its many runs go to no store: only what the test fails with in the end is kept, by `Drawn.keep`.
        """
        asked = (digest, request, seed)
        if asked in self.failed:
            return self.failed[asked]
        with tempfile.TemporaryDirectory(prefix="racewash-drawn-") as folder:
            result = self.explore(replace(request, store=Path(folder)), (suite,), seed)
            files = {finding.fingerprint: _files(finding) for finding in result.findings}
        findings = [replace(finding, bundle=None) for finding in result.findings]
        drawn = Drawn(replace(result, findings=findings, request=request), files)
        if findings:
            self.failed[asked] = drawn
        return drawn

    def stress(self, request: RunRequest, suites: tuple[Suite, ...], seed: int) -> RunResult:
        """Run suites on real threads; raises as `explore` does."""
        check_run(request)
        mode = "shared" if request.shared else "threads"
        unfit = [suite.name for suite in suites if mode not in suite.modes]
        if unfit:
            raise Problem(f"the suite {unfit[0]!r} can't be run {'with' if request.shared else 'without'} shared")
        launch = launch_of(get_build(SANITIZERS[request.sanitizer], request.patches), request.target)
        result = run_with(launch, request, suites, seed, _nobody)
        if result.interrupted:
            raise KeyboardInterrupt
        if result.canary is False:
            raise RunFailed("the sanitizer did not report the defect planted for it, so this run proves nothing")
        _executed(result)
        return result

    def replay(self, recorded: Recorded, request: ReplayRequest) -> ReplayResult:
        """Replay what was recorded: an execution of the scheduler, or what real threads showed."""
        if not recorded.repro.scheduled:
            return replay_on_threads(recorded, request)
        return replay_with(self.launch(request.patches), recorded, request)

    def close(self) -> None:
        """End the workers."""
        self.spare.close()


def _executed(result: ExploreResult | RunResult) -> None:
    """A green test must have executed something."""
    for suite in result.suites:
        if not suite.executions and not result.findings:
            raise RunFailed(f"nothing of the suite {suite.name} was executed: give more executions or seconds")


def _files(finding: Finding) -> dict[str, bytes]:
    """A bundle's files but those that the store writes itself."""
    folder = Path(finding.bundle or "")
    if not finding.bundle:
        return {}
    return {
        path.name: path.read_bytes() for path in folder.iterdir() if path.name not in ("finding.json", "stderr.txt")
    }


def engine_of(session: Session) -> Engine:
    """Return a session's engine, made at first use."""
    if session.engine is None:
        session.engine = Engine()
    return session.engine
