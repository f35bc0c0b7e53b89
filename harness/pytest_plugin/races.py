"""A Hypothesis state machine whose rules are run by several threads at once, in schedules that a seed decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from harness.builds import SMALL
from harness.model.layout import AFTER, Layout
from harness.model.scenario import Op, Program, Scenario
from harness.pytest_plugin.search import searching
from harness.pytest_plugin.session import current
from harness.stateful.machine import instances, keys, sizes, slots

_THREADS = 3
threads = st.integers(0, _THREADS - 1)


class Races(RuleBasedStateMachine):
    """Rules write the programs of three threads; at the end the schedules of these programs are explored.

    Nothing is run before. The same programs are always explored by the same schedules, so Hypothesis can shrink what
    fails: to the fewest operations of the fewest threads between which something goes wrong. A subclass has the rules,
    each of which calls `add`, and may have another `scenario`.
    """

    params: ClassVar[Mapping[str, int]] = {}
    layout: ClassVar[Layout] = AFTER
    patches: ClassVar[Sequence[Path]] = ()
    executions: ClassVar[int] = 100

    def __init__(self) -> None:
        super().__init__()
        self.programs: list[list[Op]] = [[] for _ in range(_THREADS)]

    def add(self, thread: int, name: str, *args: int) -> None:
        """Let a thread run an operation after those that it has already."""
        self.programs[thread].append(Op(name, args))

    def scenario(self, programs: tuple[Program, ...]) -> Scenario:
        """Return the scenario of the programs that are not empty."""
        params = {**SMALL, **self.layout.params(), **self.params}
        return Scenario(type(self).__name__, 0, "kvcache", params, programs)

    def teardown(self) -> None:
        """Explore the schedules of what the rules have written."""
        programs = tuple(tuple(program) for program in self.programs if program)
        if not programs:
            return
        options = {"executions": self.executions, "patches": tuple(self.patches)}
        with searching(current()) as search:
            search.explore(None, {"scenario": self.scenario(programs)}, options)


class KvCacheRaces(Races):
    """Threads put, get, erase, pin, drop, supply, wash and clean at once.

    TestRaces = racewash.KvCacheRaces.TestCase
    """

    @rule(thread=threads, instance=instances, key=keys, size=sizes, name=st.sampled_from(["put", "put_absent"]))
    def put(self, thread: int, instance: int, key: int, size: int, name: str) -> None:
        """Put a pair."""
        self.add(thread, name, instance, key, size)

    @rule(thread=threads, instance=instances, key=keys, name=st.sampled_from(["get", "erase"]))
    def get(self, thread: int, instance: int, key: int, name: str) -> None:
        """Get or erase a pair."""
        self.add(thread, name, instance, key)

    @rule(thread=threads, slot=slots, instance=instances, key=keys)
    def pin(self, thread: int, slot: int, instance: int, key: int) -> None:
        """Get a pair and keep it pinned."""
        self.add(thread, "get_hold", slot, instance, key)

    @rule(thread=threads, slot=slots)
    def unpin(self, thread: int, slot: int) -> None:
        """Give a pinned pair back."""
        self.add(thread, "hold_drop", slot)

    @rule(thread=threads, instance=instances)
    def drop_instance(self, thread: int, instance: int) -> None:
        """Drop an instance with its pairs."""
        self.add(thread, "drop_instance", instance)

    @rule(thread=threads, count=st.integers(1, 9))
    def supply(self, thread: int, count: int) -> None:
        """Supply handles to the pool."""
        self.add(thread, "supply", count)

    @rule(thread=threads, size=st.sampled_from([0, 8192, 65536]))
    def wash(self, thread: int, size: int) -> None:
        """Wash some bytes."""
        self.add(thread, "wash", size)

    @rule(thread=threads, name=st.sampled_from(["reclaim", "purge", "clean_garbage", "traverse", "check_now"]))
    def keep_house(self, thread: int, name: str) -> None:
        """Reclaim, hand out, clean, look at everything."""
        self.add(thread, name)
