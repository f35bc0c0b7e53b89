"""A case: a scenario, options and a schedule that were seen to show the finding; and what makes one case smaller."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.model.output.shrink import CaseSize
from harness.model.scenario import Op, Program, Scenario
from harness.model.schedule import THREAD, Choice, Options, Schedule
from harness.shrink.plan import renumbered

MAX_SETUP = 20  # operations of a set-up that are not counted


@dataclass(frozen=True, slots=True)
class Case:
    """What showed the finding. `schedule.choices` is None where the process died of it: only the seed is known then.

    `preemptions`: switches away from a thread that could have gone on. `work`: points and plain accesses in all.
    `beside`: kinds of what else was seen in that execution.
    """

    scenario: Scenario
    options: Options
    schedule: Schedule
    preemptions: int = 0
    work: int = 0
    beside: frozenset[str] = frozenset()

    @property
    def choices(self) -> tuple[Choice, ...]:
        """The choices that differ from the default."""
        return self.schedule.choices or ()

    @property
    def size(self) -> CaseSize:
        """How large it is, in the numbers that are shown."""
        scenario = self.scenario
        return CaseSize(
            threads=len(scenario.programs),
            operations=operations(scenario),
            setup=len(scenario.setup),
            preemptions=self.preemptions,
            choices=len(self.choices),
            faults=len(scenario.faults) + sum(choice.kind != THREAD for choice in self.choices),
            parameters=len(scenario.params),
        )


def size_text(size: CaseSize) -> str:
    """Return a size in words."""
    extra = f", {size.faults} faults" if size.faults else ""
    return (
        f"{size.threads} threads, {size.operations} operations, {size.setup} in the set-up, "
        f"{size.parameters} parameters, {size.preemptions} preemptions, {size.choices} choices{extra}"
    )


def operations(scenario: Scenario) -> int:
    """Return how many operations a scenario's threads run, the set-up not counted."""
    return scenario.rounds * sum(map(len, scenario.programs))


Place = tuple[int, int]  # of an operation: program (-1: the set-up), index in it


def places(scenario: Scenario) -> list[Place]:
    """Return where the threads' operations stand."""
    return [(i, j) for i, program in enumerate(scenario.programs) for j in range(len(program))]


def only_operations(scenario: Scenario, kept: Sequence[Place]) -> Scenario:
    """Return the scenario with these of its threads' operations only; a thread with nothing to do goes too."""
    programs = [
        tuple(op for j, op in enumerate(program) if (i, j) in kept) for i, program in enumerate(scenario.programs)
    ]
    return _without_empty(scenario, programs)


def into_setup(scenario: Scenario, thread: int) -> Scenario:
    """Return the scenario with a thread's first operation done before the threads start."""
    first, *rest = scenario.programs[thread]
    programs = [*scenario.programs[:thread], tuple(rest), *scenario.programs[thread + 1 :]]
    return _without_empty(replace(scenario, setup=(*scenario.setup, first)), programs)


def joined(scenario: Scenario, first: int, second: int) -> Scenario:
    """Return the scenario with one thread doing what two did, one after the other."""
    programs = list(scenario.programs)
    programs[first] += programs[second]
    del programs[second]
    numbers = {old: (first if old == second else old) for old in range(len(scenario.programs))}
    numbers = {old: new - (new > second) for old, new in numbers.items()}
    return replace(scenario, programs=tuple(programs), faults=renumbered(scenario.faults, numbers))


def argument(scenario: Scenario, place: Place, number: int) -> int:
    """Return an operation's argument."""
    return _program(scenario, place[0])[place[1]].args[number]


def with_arguments(scenario: Scenario, changed: Sequence[tuple[Place, int]], value: int) -> Scenario:
    """Return the scenario with another value for some arguments, each given by its operation and number."""
    for (thread, index), number in changed:
        program = list(_program(scenario, thread))
        args = program[index].args
        program[index] = Op(program[index].name, (*args[:number], value, *args[number + 1 :]))
        scenario = _with_program(scenario, thread, tuple(program))
    return scenario


def _without_empty(scenario: Scenario, programs: Sequence[Program]) -> Scenario:
    """Return the scenario with these programs; a thread with nothing to do goes, and so do its faults."""
    left = [i for i, program in enumerate(programs) if program]
    faults = renumbered(scenario.faults, {old: new for new, old in enumerate(left)})
    return replace(scenario, programs=tuple(programs[i] for i in left), faults=faults)


def _program(scenario: Scenario, thread: int) -> Program:
    return scenario.setup if thread < 0 else scenario.programs[thread]


def _with_program(scenario: Scenario, thread: int, program: Program) -> Scenario:
    if thread < 0:
        return replace(scenario, setup=program)
    programs = scenario.programs
    return replace(scenario, programs=(*programs[:thread], program, *programs[thread + 1 :]))
