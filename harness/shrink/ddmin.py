"""Delta debugging: the smallest part of a list that still does what the whole list does.

After Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", IEEE TSE 28(2), 2002: algorithm ddmin,
without its tests of single parts (a part that small rarely holds, and is reached anyway).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeVar

T = TypeVar("T")


def ddmin(items: Sequence[T], holds: Callable[[tuple[T, ...]], bool]) -> tuple[T, ...]:
    """Return a part of `items` for which `holds`, and for which it doesn't when any one item more is left out.

    That is certain where `holds` gives one list the same answer every time. The whole list is taken to hold.

    >>> ddmin(range(10), lambda kept: 3 in kept and 7 in kept)
    (3, 7)
    >>> ddmin("abc", lambda kept: True)
    ()
    """
    kept = tuple(items)
    if not kept or holds(()):
        return ()
    parts = 2
    while len(kept) > 1:
        smaller = _without_a_part(kept, parts, holds)
        if smaller is not None:
            kept, parts = smaller, max(2, parts - 1)
        elif parts >= len(kept):
            break
        else:
            parts = min(len(kept), 2 * parts)
        parts = min(parts, len(kept))
    return kept


def _without_a_part(kept: tuple[T, ...], parts: int, holds: Callable[[tuple[T, ...]], bool]) -> tuple[T, ...] | None:
    """Return the list without one of so many parts, None when it never holds; the last parts first."""
    edges = [len(kept) * i // parts for i in range(parts + 1)]
    for start, end in reversed(list(pairwise(edges))):
        smaller = kept[:start] + kept[end:]
        if smaller and holds(smaller):
            return smaller
    return None
