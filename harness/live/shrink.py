"""Shrinks a sequence of operations to a short one in which the same thing still differs."""

from __future__ import annotations

from collections.abc import Callable

from harness.model.scenario import Op

Sequence = tuple[Op, ...]


def shrink(sequence: Sequence, differs: Callable[[Sequence], Sequence | None]) -> Sequence:
    """Return the shortest sequence found: runs of steps are left out, then arguments made smaller, until nothing helps.

    `differs` returns the sequence up to the step where it differs in the same way, None when it doesn't.

    >>> three = tuple(Op("supply", (n,)) for n in (4, 9, 2))
    >>> shrink(three, lambda ops: ops if any(op.args[0] > 8 for op in ops) else None)
    (Op(name='supply', args=(9,)),)
    """
    best = differs(sequence) or sequence
    while True:
        smaller = _without_steps(best, differs)
        smaller = _smaller_arguments(smaller, differs)
        if smaller == best:
            return best
        best = smaller


def _without_steps(best: Sequence, differs: Callable[[Sequence], Sequence | None]) -> Sequence:
    size = max(1, len(best) // 2)
    while size:
        start = len(best) - size
        while start >= 0:
            kept = differs(best[:start] + best[start + size :])
            if kept is not None:
                best = kept
                start = min(start, len(best))
            start -= size
        size //= 2
    return best


def _smaller_arguments(best: Sequence, differs: Callable[[Sequence], Sequence | None]) -> Sequence:
    for i in range(len(best)):
        for k in range(len(best[i].args) if i < len(best) else 0):
            for value in (0, 1, best[i].args[k] // 2):
                if value >= best[i].args[k]:
                    continue
                args = (*best[i].args[:k], value, *best[i].args[k + 1 :])
                kept = differs((*best[:i], Op(best[i].name, args), *best[i + 1 :]))
                if kept is not None and len(kept) <= len(best) and i < len(kept):
                    best = kept
                    break
    return best
