"""What the runtime controlled, summed up over the batches of an exploration."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from harness.model.batch import Batch
from harness.model.output.explore import Control
from harness.model.scenario import Scenario

_SUMS = (
    "decisions", "switches", "preemptions", "bounded", "demotions", "plain_accesses", "foreign_accesses",
    "unseen", "judged", "undecided",
)  # fmt: skip


@dataclass(slots=True)
class Figures:
    """Sums, and the largest of what can't be summed."""

    batches: int = 0
    exhausted: int = 0  # batches that saw all schedules of their scenario, up to the bound
    points: Counter[str] = field(default_factory=Counter)
    sums: Counter[str] = field(default_factory=Counter)
    threads: int = 0
    max_steps: int = 0
    shared_words: int = 0
    memory_model: str = ""
    targets: set[str] = field(default_factory=set)
    _distinct: dict[str, int] = field(default_factory=dict)  # the largest of a scenario's batches
    _coverage: dict[str, int] = field(default_factory=dict)  # the largest of a suite's batches

    def add(self, suite: str, scenario: Scenario, batch: Batch) -> None:
        """Add a batch of a suite."""
        self.targets.add(scenario.target)
        content = replace(scenario, seed=0).digest
        self._distinct[content] = max(self._distinct.get(content, 0), batch.distinct)
        self.batches += 1
        self.exhausted += batch.exhausted
        self.points.update(batch.points)
        self.sums.update({name: getattr(batch, name) for name in _SUMS})
        self.threads = max(self.threads, batch.thread_max)
        self.max_steps = max(self.max_steps, batch.max_steps)
        self.shared_words = max(self.shared_words, batch.shared_words)
        self.memory_model = batch.memory_model or self.memory_model
        self._coverage[suite] = max(self._coverage.get(suite, 0), batch.coverage)

    @property
    def distinct(self) -> int:
        """Different schedules, at least: two batches of one scenario may have seen the same ones."""
        return sum(self._distinct.values())

    @property
    def coverage(self) -> int:
        """Different reads-from pairs: of each suite the batch with most, added up."""
        return sum(self._coverage.values())

    def control(self, preemption_bound: int) -> Control:
        """Return the figures as they are printed, with the bound that exhaustion is meant up to."""
        return Control(
            points=dict(self.points),
            threads=self.threads,
            max_steps=self.max_steps,
            shared_words=self.shared_words,
            distinct=self.distinct,
            coverage=self.coverage,
            batches=self.batches,
            exhausted=self.exhausted,
            preemption_bound=preemption_bound,
            **{name: self.sums[name] for name in _SUMS},
        )
