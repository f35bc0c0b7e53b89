"""A window of operations that no sequential order explains, as a person would tell it.

It comes from the checker (native/linear): every operation of the window is needed, and none of those left out could
make sense of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.model.history import ANY, NEVER, SETUP, Done

_NO_VALUE = {"miss": "nothing there", "absent": "nothing there", "empty": "empty", "full": "full"}
_DID = {
    "put": "{} is there", "add": "nothing was there, {} is", "exists": "something was there", "hit": "found {}",
    "erase": "something was there, gone", "clear": "whatever was there is gone", "take": "took it",
    "give": "gave it back", "read": "read {}", "push": "{} went in", "pop": "{} came out",
}  # fmt: skip
_HEAD = ("thread", "from point", "to point", "operation", "returned", "what it did")


def bug_of(model: str, window: Sequence[Done]) -> str:
    """Return what makes two violations the same bug: the model and which operations take part.

    >>> from harness.model.history import Deed
    >>> bug_of("cache", [Done(1, 2, Deed("cache", "put"), name="put"), Done(3, 4, Deed("cache", "miss"), name="get")])
    'cache: get, put'
    """
    return f"{model}: {', '.join(sorted({done.name for done in window}))}"


def story(window: Sequence[Done], left: int = 0) -> list[str]:
    """Return a window as a table: who called what, between which points, what came back and what that means.

    Values are numbered in the order in which they appear.
    """
    values: dict[int, str] = {}
    rows = [_HEAD, *(_row(done, values) for done in window)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = [f"the shortest part of the history that no order explains, on {_object(window)}:"]
    for row in rows:
        lines.append("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    if left:
        lines.append(f"  and {left} more operations on it")
    return [*lines, "an operation takes effect at one moment between its two points; " + _RULES[window[0].deed.model]]


_RULES = {
    "cache": "a pair stays until it is erased, replaced or evicted, and nothing that may evict it ran in between",
    "pool": "a handle that is taken can't be taken again before it is given back",
    "count": "the count never falls",
    "queue": "what goes in first comes out first",
}


def _object(window: Sequence[Done]) -> str:
    deed = next((done.deed for done in window if ANY not in done.deed.object), window[0].deed)
    first, second, third = deed.object
    match deed.model:
        case "cache":
            return f"key {third} of cache {first}, tenant {second}"
        case "pool":
            return f"handle {first}"
        case "count":
            return "the count"
        case _:
            return f"queue {first}, of capacity {second}"


def _row(done: Done, values: dict[int, str]) -> tuple[str, ...]:
    who = "set-up" if done.thread == SETUP else str(done.thread)
    to = "" if done.to == NEVER else str(done.to_step)
    call = f"{done.name}({', '.join(map(str, done.args))})"
    return who, str(done.start_step), to, call, done.code, _did(done, values)


def _did(done: Done, values: dict[int, str]) -> str:
    deed = done.deed
    if deed.action in _NO_VALUE:
        return _NO_VALUE[deed.action]
    text = _DID[deed.action]
    if "{}" not in text:
        return text
    named = str(deed.value) if deed.model == "count" else values.setdefault(deed.value, f"value {len(values) + 1}")
    return text.format(named)
