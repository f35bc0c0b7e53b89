"""A Hypothesis state machine that uses one core from one thread and compares every answer with the reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from harness.builds import Core
from harness.model.layout import AFTER, Layout
from harness.stateful.reference import CACHES, Reference

INSTANCES = (0, 1, CACHES)  # two caches of one tenant, and one of another
KEYS = 4  # few: most operations are to meet what others left
LARGEST = 1_500  # value bytes: a few pairs a block

instances = st.sampled_from(INSTANCES)
keys = st.integers(0, KEYS - 1)
sizes = st.integers(1, LARGEST)
slots = st.integers(0, 3)
caches = st.sampled_from(sorted({instance % CACHES for instance in INSTANCES}))
tenants = st.sampled_from(sorted({instance // CACHES for instance in INSTANCES}))


class KvCacheMachine(RuleBasedStateMachine):
    """One core, one user, and a reference model that knows what the core may answer.

    Each rule runs one operation and compares its return code with the reference; after each, every invariant that holds
    at rest is judged, and as long as nothing was washed the pairs and bytes of each instance are compared, too. At the
    end the core is destroyed, and nothing may be left of it.

        TestKvCache = racewash.KvCacheMachine.TestCase

    Subclass it for another core (`params`, `layout`, `patches`) or for more rules, each of which calls `step`.
    `tight`: the core may be without room for a pair.
    """

    params: ClassVar[Mapping[str, int]] = {}
    layout: ClassVar[Layout] = AFTER
    patches: ClassVar[Sequence[Path]] = ()
    tight: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        self.core = Core(self.params, layout=self.layout, patches=self.patches)
        self.reference = Reference(tight=self.tight)

    def step(self, name: str, *args: int) -> str:
        """Run an operation, compare how it ends with the reference, and return its code."""
        allowed = self.reference.allowed(name, args)
        code = self.core.run(name, *args)
        assert code in allowed, f"{name}{args} ended as {code}, the reference allows {' or '.join(sorted(allowed))}"
        self.reference.took(name, args, code)
        return code

    # ---- pairs ----

    @rule(instance=instances, key=keys, size=sizes)
    def put(self, instance: int, key: int, size: int) -> None:
        """Put a pair, in place of an old one."""
        self.step("put", instance, key, size)

    @rule(instance=instances, key=keys, size=sizes)
    def put_absent(self, instance: int, key: int, size: int) -> None:
        """Put a pair unless its key is there."""
        self.step("put_absent", instance, key, size)

    @rule(instance=instances, key=keys)
    def get(self, instance: int, key: int) -> None:
        """Get a pair."""
        self.step("get", instance, key)

    @rule(instance=instances, key=keys)
    def erase(self, instance: int, key: int) -> None:
        """Erase a pair."""
        self.step("erase", instance, key)

    # ---- pins ----

    @rule(slot=slots, instance=instances, key=keys)
    def pin(self, slot: int, instance: int, key: int) -> None:
        """Get a pair and keep it pinned."""
        self.step("get_hold", slot, instance, key)

    @rule(source=slots, slot=slots)
    def share(self, source: int, slot: int) -> None:
        """Pin a pinned pair once more."""
        self.step("hold_share", source, slot)

    @rule(slot=slots)
    def verify(self, slot: int) -> None:
        """Look whether a pinned pair is as it was."""
        self.step("hold_verify", slot)

    @rule(slot=slots)
    def unpin(self, slot: int) -> None:
        """Give a pinned pair back."""
        self.step("hold_drop", slot)

    # ---- many pairs ----

    @rule(instance=instances, name=st.sampled_from(["create_instance", "drop_instance"]))
    def instance(self, instance: int, name: str) -> None:
        """Make an instance exist, or drop it with its pairs."""
        self.step(name, instance)

    @rule(cache=caches)
    def erase_cache(self, cache: int) -> None:
        """Erase a cache's pairs, whatever their tenant."""
        self.step("erase_cache", cache)

    @rule(tenant=tenants)
    def erase_tenant(self, tenant: int) -> None:
        """Erase a tenant's pairs."""
        self.step("erase_tenant", tenant)

    @rule()
    def erase_all(self) -> None:
        """Erase every pair."""
        self.step("erase_all")

    # ---- what takes pairs, and what must not ----

    @rule(size=st.sampled_from([0, 1, 8192, 65536]), name=st.sampled_from(["wash", "sync_wash"]))
    def wash(self, size: int, name: str) -> None:
        """Wash some bytes."""
        self.step(name, max(size, name == "sync_wash"))

    @rule(forced=st.sampled_from([0, 1]))
    def flush(self, forced: int) -> None:
        """Retire and reclaim every full block."""
        self.step("flush", forced)

    @rule(name=st.sampled_from(["refresh_score", "clean_garbage", "replace_fragments", "reclaim", "purge", "hp_wash"]))
    def keep_house(self, name: str) -> None:
        """Do what costs no pair."""
        self.step(name)

    # ---- judgement ----

    @invariant()
    def holds(self) -> None:
        """Every invariant of the specification holds, and the figures are the reference's."""
        self.core.check()
        if self.reference.exact and self.layout == AFTER:  # before, an instance's bytes are those of its blocks
            met = {number: figures for number, figures in self._figures().items() if figures != (0, 0)}
            expected = dict(self.reference.figures())
            assert met == expected, f"pairs and bytes by instance are {met}, the reference has {expected}"

    def _figures(self) -> dict[int, tuple[int, int]]:
        found = {}
        for name, figures in self.core.figures("instances").items():
            cache, tenant = map(int, name.split("/"))
            found[cache + CACHES * tenant] = (figures["pairs"], figures["bytes"])
        return found

    def teardown(self) -> None:
        """Destroy the core; nothing of it may be left."""
        self.core.close()
