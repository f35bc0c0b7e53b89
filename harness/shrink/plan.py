"""A fault plan as its scenario becomes smaller: threads get other numbers, and figures less."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from harness.model.fault import Fault, parse_fault


def renumbered(faults: tuple[str, ...], numbers: Mapping[int, int]) -> tuple[str, ...]:
    """Return the faults with other numbers of threads; those of a thread without one go.

    >>> renumbered(("stall thread=2 skip=4", "stall thread=0", "alloc"), {2: 0})
    ('stall thread=0 skip=4', 'alloc')
    """
    kept = []
    for fault in map(parse_fault, faults):
        if fault.thread is None or fault.thread < 0:
            kept.append(str(fault))
        elif fault.thread in numbers:
            kept.append(str(replace(fault, thread=numbers[fault.thread])))
    return tuple(kept)


def lesser(fault: str) -> Iterator[str]:
    """Yield faults that come sooner or last less, the least first.

    >>> list(lesser("stall skip=2 steps=500"))[:3]
    ['stall steps=500', 'stall skip=1 steps=500', 'stall skip=2 steps=1']
    """
    whole = parse_fault(fault)
    for name, least in (("skip", 0), ("steps", 1)):
        value = getattr(whole, name)
        for number in dict.fromkeys((least, value // 8, value // 4, value // 2, value - 1)):
            if least <= number < value:
                yield str(_with(whole, name, number))


def _with(fault: Fault, name: str, number: int) -> Fault:
    return replace(fault, **{name: number})  # type: ignore[arg-type]
