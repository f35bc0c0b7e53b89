"""What a cache with one user may answer: a dictionary of pairs, some of which a wash may have taken.

The core's specification lets a wash drop any pair at any time. So after a wash the reference knows of each pair only
that it *may* be there, until an answer tells; without one every answer is certain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

CACHES = 32  # instance = cache + CACHES * tenant
PAIR_BYTES, KEY_BYTES, ALIGN = 24, 16, 8  # of a pair's header, of the target's keys
ROOMLESS = frozenset({"NO_MEMORY", "NO_HANDLE"})  # how an operation ends when there is no room
PRESENT, UNSURE = "present", "unsure"

Pair = tuple[int, int]  # instance, key


@dataclass(slots=True)
class Reference:
    """The state that a sequence of operations leaves, as far as it is certain.

    `tight`: the core is so small that there may be no room for a pair; then a put may fail, and takes what it met.

    >>> reference = Reference()
    >>> reference.took("put", (0, 7, 100), "OK")
    >>> sorted(reference.allowed("get", (0, 7))), sorted(reference.allowed("get", (0, 8)))
    (['OK'], ['NOT_FOUND'])
    >>> reference.took("flush", (1,), "OK")
    >>> sorted(reference.allowed("get", (0, 7)))
    ['NOT_FOUND', 'OK']
    """

    tight: bool = False
    pairs: dict[Pair, str] = field(default_factory=dict)  # PRESENT or UNSURE; others are absent
    sizes: dict[Pair, int] = field(default_factory=dict)  # value bytes of the newest put
    instances: set[int] = field(default_factory=set)
    dropped: set[int] = field(default_factory=set)  # instances that may still be on their way out
    holds: set[int] = field(default_factory=set)  # slots that are filled
    exact: bool = True  # nothing has been washed: the figures of the instances are certain

    def allowed(self, name: str, args: tuple[int, ...]) -> frozenset[str]:
        """Return the codes as which an operation may end now."""
        match name, args:
            case "put", (instance, _, _):
                return frozenset({"OK"}) | self._roomless() | self._going(instance)
            case "put_absent", (instance, key, _):
                return self._either((instance, key), "EXISTS", "OK") | self._roomless() | self._going(instance)
            case "create_instance", (instance,):
                return frozenset({"OK"}) | self._going(instance)
            case (("get" | "erase"), (instance, key)):
                return self._either((instance, key), "OK", "NOT_FOUND")
            case "get_hold", (slot, instance, key):
                if slot in self.holds:
                    return frozenset({"BAD_STATE"})
                return self._either((instance, key), "OK", "NOT_FOUND")
            case (("hold_verify" | "hold_drop"), (slot,)):
                return frozenset({"OK" if slot in self.holds else "BAD_STATE"})
            case "hold_share", (source, slot):
                possible = source in self.holds and slot not in self.holds
                return frozenset({"OK"}) | self._roomless() if possible else frozenset({"BAD_STATE"})
            case "drop_instance", (instance,):
                if instance in self.dropped:  # known for as long as anything of it is there
                    return frozenset({"OK", "NOT_FOUND"})
                return frozenset({"OK" if instance in self.instances else "NOT_FOUND"})
            case "sync_wash", _:
                return frozenset({"OK", "NOT_ENOUGH", "TIMEOUT"})
            case _:
                return frozenset({"OK"})

    def took(self, name: str, args: tuple[int, ...], code: str) -> None:
        """Take note of an operation and of how it ended."""
        match name, args:
            case (("put" | "put_absent"), (instance, key, size)):
                self._put((instance, key), size, code)
            case "get", (instance, key):
                self._told((instance, key), there=code == "OK")
            case "erase", (instance, key):
                self._forget((instance, key))
            case "get_hold", (slot, instance, key) if code != "BAD_STATE":
                self._told((instance, key), there=code == "OK")
                self.holds |= {slot} if code == "OK" else set()
            case "hold_share", (_, slot) if code == "OK":
                self.holds.add(slot)
            case "hold_drop", (slot,):
                self.holds.discard(slot)
            case "create_instance", (instance,) if code == "OK":
                self._made(instance)
            case (("drop_instance" | "erase_cache" | "erase_tenant" | "erase_all"), _):
                self._erased(name, args)
            case (("wash" | "sync_wash" | "flush"), _):
                self._washed()

    def figures(self) -> Mapping[int, tuple[int, int]]:
        """Return pairs and bytes of each instance that has pairs; only when `exact`."""
        found: dict[int, tuple[int, int]] = {}
        for pair in self.pairs:
            count, size = found.get(pair[0], (0, 0))
            found[pair[0]] = (count + 1, size + pair_bytes(self.sizes[pair]))
        return found

    # ---- parts ----

    def _roomless(self) -> frozenset[str]:
        return ROOMLESS if self.tight else frozenset()

    def _going(self, instance: int) -> frozenset[str]:
        return frozenset({"DELETED"}) if instance in self.dropped else frozenset()

    def _either(self, pair: Pair, there: str, absent: str) -> frozenset[str]:
        state = self.pairs.get(pair)
        if state == UNSURE:
            return frozenset({there, absent})
        return frozenset({there if state == PRESENT else absent})

    def _put(self, pair: Pair, size: int, code: str) -> None:
        if code == "DELETED":
            return
        self._made(pair[0])
        if code == "OK":
            self.pairs[pair] = PRESENT
            self.sizes[pair] = size
        elif code == "EXISTS":
            self._told(pair, there=True)
        else:
            self._washed()  # it may have washed for room, and lost what it was to replace

    def _made(self, instance: int) -> None:
        self.instances.add(instance)
        self.dropped.discard(instance)

    def _told(self, pair: Pair, there: bool) -> None:
        if there:
            self.pairs[pair] = PRESENT
        else:
            self._forget(pair)

    def _forget(self, pair: Pair) -> None:
        self.pairs.pop(pair, None)
        self.sizes.pop(pair, None)

    def _erased(self, name: str, args: tuple[int, ...]) -> None:
        number = args[0] if args else 0
        for pair in list(self.pairs):
            part = {"drop_instance": pair[0], "erase_cache": pair[0] % CACHES, "erase_tenant": pair[0] // CACHES}
            if name == "erase_all" or part[name] == number:
                self._forget(pair)
        if name == "drop_instance" and number in self.instances:
            self.instances.discard(number)
            self.dropped.add(number)

    def _washed(self) -> None:
        self.pairs = dict.fromkeys(self.pairs, UNSURE)
        self.exact = False


def pair_bytes(size: int) -> int:
    """Return the bytes that a pair with a value of this size takes.

    >>> pair_bytes(100)
    144
    """
    return -(-(PAIR_BYTES + KEY_BYTES + size) // ALIGN) * ALIGN
