"""What the workers of one run share: what is run, until when, and what has come of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from harness.builds import Progress
from harness.model.problem import Problem
from harness.model.suite import Suite
from harness.store import Intents
from harness.stress.child import Launch
from harness.stress.collect import Collector
from harness.stress.failure import RunFailed
from harness.stress.intents import threads_intent
from harness.stress.request import OWN, RunRequest

MAX_DEATHS = 8  # of workers, in one suite
_MIB = 1 << 20


@dataclass(slots=True)
class Race:
    """One run in its course."""

    launch: Launch
    request: RunRequest
    suites: tuple[Suite, ...]
    seed: int
    collector: Collector
    interrupted: Callable[[], bool]
    intents: Intents | None = None  # where what is about to be executed is written down
    began: float | None = None  # when the first worker was ready; the time before is not the suites'
    canary: bool | None = None
    attempted: set[str] = field(default_factory=set)  # suites of which an execution has begun
    deaths: Counter[str] = field(default_factory=Counter)
    failed: str = ""  # why it can't go on

    @property
    def kind(self) -> str:
        """The kind of build."""
        return self.launch.build.kind

    @property
    def elapsed(self) -> float:
        """Seconds since the first worker was ready."""
        return 0.0 if self.began is None else time.monotonic() - self.began

    def share(self, suites_left: int) -> float:
        """Return when a suite that starts now has to end, so that as much time is left to each of the others."""
        left = max(0.0, self.request.seconds - self.elapsed)
        return time.monotonic() + left / suites_left

    def worth_starting(self, suite: Suite) -> bool:
        """Whether a suite still has to run: there is time, or it has had no execution yet."""
        if self.deaths[suite.name] >= MAX_DEATHS:
            return False
        return self.elapsed < self.request.seconds or suite.name not in self.attempted

    def area(self, worker: str, size: int) -> int | None:
        """Return a descriptor of memory for a worker's progress that outlives this process, None when there is none."""
        return self.intents.area(worker, size) if self.intents else None

    def intend(self, worker: str, suite: str, first: int) -> None:
        """Put on disk what a worker is about to execute, before it does."""
        if self.intents:
            request = self.request
            self.intents.begin(worker, threads_intent(suite, request.target, self.seed, request.shape, first,
                                                      request.processes, Progress.seed_at()))  # fmt: skip

    def rest(self, worker: str) -> None:
        """A worker executes nothing at the moment."""
        if self.intents:
            self.intents.end(worker)

    def died(self, suite: str) -> None:
        """Count a worker's death, and give the suite up when there were too many."""
        self.deaths[suite] += 1
        if self.deaths[suite] == MAX_DEATHS:
            self.collector.note(f"the suite {suite} was stopped before its time: {MAX_DEATHS} of its workers have died")

    def fail(self, text: str, problem: bool) -> None:
        """End the run: by what is the user's to correct, or by an error of ours.

        Not when something has been found: then that counts, and the rest is a note beside it.
        """
        if self.collector.findings:
            self.failed = text
            self.collector.note(text)
        elif problem:
            raise Problem(text)
        else:
            raise RunFailed(text)

    def judge_canary(self, seen: bool) -> None:
        """Take note of whether a worker's sanitizer reported its planted defect: one that didn't spoils the run."""
        if not seen:
            self.collector.note(f"the {self.kind} build did not report the defect planted in it: it would find nothing")
        self.canary = seen and self.canary is not False

    @property
    def memory_limit(self) -> int:
        """Resident bytes that a worker may take: far above what it needs, far below what hurts the machine.

        A sanitizer keeps shadow bytes for each byte, freed memory for a while, and a history of each thread.
        """
        if self.request.target != OWN:
            return 3072 * _MIB  # a database of 1 GB, its code, and what our blocks touch
        core = (self.request.memory or 64 * _MIB) + 64 * _MIB
        return core * 2 + 512 * _MIB if self.kind == "native" else core * 8 + 3072 * _MIB
