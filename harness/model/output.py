"""What every command prints with --json: one dataclass a command, made by it, and checked by `decode` in tests.

A value absent from the output is null, never left out; `build` is the identity of the library that was used.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from harness.model.documents import Defect, Invariant
from harness.model.finding import Finding
from harness.model.gallery import DeferredDefect, GalleryDefect, PatchError, SuiteRow
from harness.model.memory import Table
from harness.model.outcome import SuiteResult
from harness.model.output_shrink import ShrunkFinding


@dataclass(frozen=True, kw_only=True)  # without slots: TableOutput has a second base that has some
class Output:
    """What all have in common."""

    command: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteFigures:
    """One suite's part of a run; `invariants`: checks made, by id."""

    name: str
    executions: int
    operations: int
    operations_per_second: float
    invariants: dict[str, int]


def suite_figures(suite: SuiteResult) -> SuiteFigures:
    """Return what a suite's part of a run or an exploration says of itself."""
    return SuiteFigures(
        name=suite.name,
        executions=suite.executions,
        operations=suite.operations,
        operations_per_second=suite.operations_per_second,
        invariants=suite.invariants,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutput(Output):
    """`racewash run`: `executions` over all suites, `again` the command that runs the same scenarios once more.

    `memory_model` says whose reorderings were met, `controlled` what the seed decides, `canary` whether the sanitizer
    reported the defect planted for it (null: no sanitizer), `notes` what did not go as asked, `path` the run's folder;
    `stored` is false when its run.json could not be written there.
    """

    build: str
    target: str
    sanitizer: str
    layout: str
    memory: int | None
    threads: int
    processes: int
    shared: int
    seed: int
    executions: int
    seconds: float
    suites: tuple[SuiteFigures, ...]
    findings: tuple[Finding, ...]
    memory_model: str
    controlled: tuple[str, ...]
    canary: bool | None
    interrupted: bool
    notes: tuple[str, ...]
    path: str
    again: str
    stored: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """What the scheduled runtime controlled, over all executions.

    `points` by kind: where it could act; `decisions`: where more than one outcome was possible. `distinct`: different
    schedules, at least: of each scenario the batch with most, added up. `coverage`: different reads-from pairs.
    `plain_accesses`: reads and writes that were no points. `shared_words`: words that two threads touched with nothing
    between them that orders them; `foreign_accesses`: of memory that is not judged; `unseen`: calls that went to the
    system. `exhausted` of `batches` saw every schedule of their scenario, up to `preemption_bound` (-1: without a
    bound). `bounded`: executions in which fairness was forced, `demotions`: spinning threads put back. `threads` and
    `max_steps`: the most of one execution. `judged`: histories held against sequential models; `undecided`: those that
    were too long or too entangled.
    """

    points: dict[str, int]
    threads: int
    decisions: int
    switches: int
    preemptions: int
    distinct: int
    coverage: int
    plain_accesses: int
    shared_words: int
    foreign_accesses: int
    unseen: int
    bounded: int
    demotions: int
    max_steps: int
    batches: int
    exhausted: int
    preemption_bound: int = -1
    judged: int = 0
    undecided: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfCheck:
    """Seeds run twice in different processes: how many, and of how many the two trace hashes differed.

    `divergences`: for the first of them, the first event that differed, and its cause.
    """

    seeds: int
    different: int
    divergences: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExploreOutput(Output):
    """`racewash explore`: as `run`, but the interleaving too is the seed's, and `control` says what that means.

    `canary`: whether the race planted for the runtime was found. `self_check` is null unless it was asked for.
    """

    build: str
    target: str
    strategy: str
    layout: str
    threads: int
    ops: int
    jobs: int
    seed: int
    executions: int
    seconds: float
    suites: tuple[SuiteFigures, ...]
    findings: tuple[Finding, ...]
    memory_model: str
    controlled: tuple[str, ...]
    control: Control
    canary: bool | None
    self_check: SelfCheck | None
    shrunk: tuple[ShrunkFinding, ...]
    interrupted: bool
    notes: tuple[str, ...]
    path: str
    again: str
    stored: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepFigures:
    """One suite, layout and mode of a sweep: fault points counted and made to fail; `complete`: all of them.

    Of threads that stop also what they hold. `hit`: executions with a fault; `blocked`: in which all others waited for
    what a thread held that was stopped for ever, `unjudged`: in which only the judgement at the end would have.
    """

    suite: str
    layout: str
    mode: str
    points: int
    swept: int
    complete: bool
    executions: int
    holding: str = ""
    hit: int = 0
    blocked: int = 0
    unjudged: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockedFigures:
    """A thread stopped for ever, what it held, and in how many executions all others waited for it: as they should."""

    holder: str
    executions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteFigures:
    """A place that allocates (FILE:LINE); `core`: of the core, not of its adapter."""

    site: str
    function: str
    core: bool
    reached: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BenignFigures:
    """A scope that may keep silent about a failure in `function`, and how often it did; `op` empty: any operation."""

    op: str
    function: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepOutput(Output):
    """`racewash sweep`: `sites` is the coverage table, `never_failed` those of the core in it that never failed.

    `complete`: every fault point of every sweep was made to fail; else --resume goes on. `resumed`: executions of
    earlier parts, whose coverage and findings are included.
    """

    build: str
    target: str
    fault: str
    strategy: str
    layouts: tuple[str, ...]
    threads: int
    ops: int
    jobs: int
    seed: int
    schedules: int
    executions: int
    seconds: float
    suites: tuple[SuiteFigures, ...]
    sweeps: tuple[SweepFigures, ...]
    sites: tuple[SiteFigures, ...]
    never_failed: tuple[str, ...]
    benign: tuple[BenignFigures, ...]
    blocked: tuple[BlockedFigures, ...]
    findings: tuple[Finding, ...]
    memory_model: str
    controlled: tuple[str, ...]
    canary: bool | None
    complete: bool
    resumed: int
    interrupted: bool
    notes: tuple[str, ...]
    path: str
    again: str
    stored: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """Where a replay first left what was recorded, in a sentence; `step` is null when it isn't known."""

    step: int | None
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOutput(Output):
    """`racewash replay`: `rate` is how often the finding was seen, of how many tries.

    `recorded` is the build that showed it, `same_build` whether this one is the same. `findings` are all that were
    seen, the one looked for among them when `reproduced`. `trace` and `state` (where each thread stands at a step) are
    null unless they were asked for.
    """

    build: str
    recorded: str
    same_build: bool
    suite: str
    seed: int | None
    strategy: str
    memory_model: str
    fingerprint: str
    reproduced: bool
    rate: tuple[int, int]
    diverged: Divergence | None
    findings: tuple[Finding, ...]
    trace: tuple[str, ...] | None
    state: tuple[str, ...] | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HuntOutput(Output):
    """`racewash hunt`: the failure of `bundle` under the scheduler, with `token` to see it again; null: not found.

    `match` says by what it is the same one; `findings` are all that were seen, `scenarios` how many were tried.
    `bundle` is null when only a token was given.
    """

    build: str
    bundle: str | None
    fingerprint: str
    seed: int
    found: Finding | None
    match: str
    token: str | None
    findings: tuple[Finding, ...]
    scenarios: int
    executions: int
    seconds: float
    canary: bool | None
    interrupted: bool
    notes: tuple[str, ...]
    path: str
    again: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TableOutput(Output, Table):
    """`racewash table`: the table itself beside the common fields."""

    build: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyLine:
    """A way of choosing, as `explore --strategy` takes it."""

    name: str
    purpose: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteLine:
    """An installed suite."""

    name: str
    purpose: str
    invariants: tuple[str, ...]
    modes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteLine:
    """A place that allocates and can be made to fail: FILE:LINE."""

    site: str
    function: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationLine:
    """An operation that a target offers, or (`offered` false) that our core's target has and this one hasn't."""

    name: str
    purpose: str
    offered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOutput(Output):
    """`racewash list`: the topics that were not asked for are null."""

    target: str = "kvcache"
    operations: tuple[OperationLine, ...] | None = None

    suites: tuple[SuiteLine, ...] | None = None
    defects: tuple[Defect, ...] | None = None
    invariants: tuple[Invariant, ...] | None = None
    strategies: tuple[StrategyLine, ...] | None = None
    sites: tuple[SiteLine, ...] | None = None
    findings: tuple[Finding, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that racewash can use: `fix` says in one sentence what to do where it is missing, else null."""

    name: str
    ok: bool
    fix: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorOutput(Output):
    """`racewash doctor`."""

    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOutput(Output):
    """`racewash report`: the run's folder and the page written."""

    run: str
    output: str


@dataclass(frozen=True, slots=True)
class Ratio:
    """One figure beside its aim; `low` and `high` are the extremes of the rounds whose median `value` is."""

    name: str
    value: float
    aim: str
    reached: bool
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A figure of another tool, measured on another machine: for orientation, in no ratio."""

    workload: str
    what: str
    tool: str
    value: float
    machine: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """A speed of the scheduled runtime: the median of the rounds. `aim` and `reached` are null where none is stated."""

    workload: str
    what: str
    value: float
    aim: float | None
    reached: bool | None
    low: float
    high: float
    references: tuple[Reference, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerMemory:
    """Peak resident bytes of a worker of one build, whose core had `limit`."""

    build: str
    peak_rss: int
    limit: int


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs between the database and our core, and the shortest sequence found that shows it.

    `what` names the number, or says that the database's process died; `operation` is the last of the sequence.
    """

    what: str
    operation: str
    database: int
    core: int
    max_handles: int
    sequence: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConformOutput(Output):
    """`racewash conform`: `differences` are those that are not declared."""

    build: str
    seed: int
    sequences: int
    steps: int
    seconds: float
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchOutput(Output):
    """`racewash bench`."""

    build: str
    ratios: tuple[Ratio, ...]
    workers: tuple[WorkerMemory, ...]
    speeds: tuple[Speed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShrinkOutput(Output):
    """`racewash shrink`."""

    build: str
    suite: str
    shrunk: ShrunkFinding
    interrupted: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryOutput(Output):
    """`racewash gallery`: `found` of `total` defects, each found by every seed within `budget` CPU seconds.

    `deferred` and `errors` are in neither count. `ratio` is the median, over the defects that need an interleaving, of
    real threads' CPU seconds over ours (`at_least`: they found nothing, so it is more); `never` how many of those real
    threads never found. Both are null without real threads. `by_suite` is null unless it was asked for.
    """

    build: str
    strategy: str
    seed: int
    seeds: int
    budget: float
    total: int
    found: int
    defects: tuple[GalleryDefect, ...]
    deferred: tuple[DeferredDefect, ...]
    errors: tuple[PatchError, ...]
    ratio: float | None
    at_least: bool
    never: int | None
    by_suite: tuple[SuiteRow, ...] | None
    interrupted: bool


OUTPUTS: dict[str, type[Output]] = {
    "run": RunOutput,
    "explore": ExploreOutput,
    "sweep": SweepOutput,
    "replay": ReplayOutput,
    "hunt": HuntOutput,
    "shrink": ShrinkOutput,
    "table": TableOutput,
    "list": ListOutput,
    "doctor": DoctorOutput,
    "report": ReportOutput,
    "bench": BenchOutput,
    "conform": ConformOutput,
    "gallery": GalleryOutput,
}


def decode(text: bytes | str) -> Output:
    """Decode what a command printed. Raises ValueError when it is not exactly what its dataclass says.

    >>> decode('{"command": "report", "version": "1", "run": "a", "output": "b"}').run
    'a'
    """
    plain = msgspec.json.decode(text)
    kind = OUTPUTS.get(str(plain.get("command"))) if isinstance(plain, dict) else None
    if kind is None:
        raise ValueError("no output of a command of racewash")
    output = msgspec.convert(plain, kind, strict=True)
    if msgspec.json.decode(msgspec.json.encode(output)) != plain:
        raise ValueError(f"the output of {kind.__name__} has fields that it does not state")
    return output
