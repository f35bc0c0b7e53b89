"""The documented generator that turns a seed into a scenario: the same everywhere, for ever.

SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014): 64 bits of state, one
addition and one finaliser a draw. Python's own `random` and Hypothesis are not used here, because a token must mean the
same scenario in every later version.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

_MASK = (1 << 64) - 1
_GAMMA = 0x9E3779B97F4A7C15

T = TypeVar("T")


def mix(value: int) -> int:
    """Return the SplitMix64 finaliser of a 64-bit integer."""
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB & _MASK
    return value ^ (value >> 31)


class Rng:
    """A stream of choices drawn from a seed.

    >>> Rng(1).below(10) == Rng(1).below(10)
    True
    """

    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK

    def word(self) -> int:
        """Return the next 64-bit word."""
        self._state = (self._state + _GAMMA) & _MASK
        return mix(self._state)

    def below(self, bound: int) -> int:
        """Return an integer in [0, bound). Raises ValueError when bound < 1."""
        if bound < 1:
            raise ValueError(f"bound must be at least 1, not {bound}")
        return self.word() * bound >> 64

    def between(self, low: int, high: int) -> int:
        """Return an integer in [low, high], both included."""
        return low + self.below(high - low + 1)

    def chance(self, numerator: int, denominator: int) -> bool:
        """Return True with probability numerator / denominator."""
        return self.below(denominator) < numerator

    def pick(self, items: Sequence[T]) -> T:
        """Return one of the items."""
        return items[self.below(len(items))]

    def weighted(self, items: Sequence[tuple[int, T]]) -> T:
        """Return one of (weight, item), with probability in proportion to its weight (integers > 0)."""
        left = self.below(sum(weight for weight, _ in items))
        for weight, item in items:
            if left < weight:
                return item
            left -= weight
        raise AssertionError("weights changed while drawing")

    def fork(self, name: str) -> Rng:
        """Return an independent stream for a named part, without advancing this one."""
        state = self._state
        for byte in name.encode():
            state = mix(state ^ (byte + _GAMMA))
        return Rng(state)
