"""Histories for tests of the checker: drawn from a seed, and judged by trying every moment for every operation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.model.history import ANY, NEVER, Deed, Done
from harness.model.rng import Rng

State = tuple[int, ...] | None  # of one object; None: nothing there, or nothing known yet
Object = tuple[str, tuple[int, int, int]]

_CACHE = (
    (5, "put"), (2, "add"), (1, "exists"), (6, "hit"), (3, "miss"), (2, "erase"), (1, "absent"), (1, "clear"),
)  # fmt: skip
_LINKS = {"put", "add", "hit"}


# ---- The reference ----


def linearizable(history: Sequence[Done]) -> bool:
    """Whether an order exists: time goes by moment after moment, and at each whatever can happen then is tried."""
    keys = sorted({(done.deed.model, done.deed.object) for done in history if done.deed.model and not _clears(done)})
    ops = [op for done in history for op in _of_each_key(done, keys)]
    moments = sorted({time for done in history for time in (done.start, done.to)})
    spans = {key: _spans(history, key) for key in keys}
    states: set[tuple[frozenset[int], tuple[State, ...]]] = {(frozenset(), (None,) * len(keys))}
    for now in moments:
        states = _at(now, states, ops, keys, spans)
        due = {i for i, op in enumerate(ops) if op.to == now != NEVER}
        states = {state for state in states if due <= state[0]}
    return bool(states)


def _clears(done: Done) -> bool:
    return done.deed.action == "clear"


def _of_each_key(done: Done, keys: Sequence[Object]) -> Iterator[Done]:
    if not _clears(done):
        yield from [done] if done.deed.model else []
        return
    for model, key in keys:
        if model == "cache" and all(part in (ANY, own) for part, own in zip(done.deed.object, key, strict=True)):
            yield done._replace(deed=done.deed._replace(object=key))


def _spans(history: Sequence[Done], key: Object) -> list[tuple[int, int]]:
    washes = [(done.start, done.to) for done in history if done.deed.evicts]
    linking = [
        (done.start, done.to)
        for done in history
        if (done.deed.model, done.deed.object) == key
        and done.deed.action in _LINKS
        and any(start <= done.to and done.start <= to for start, to in washes)
    ]
    return washes + linking if key[0] == "cache" else []


def _at(
    now: int,
    states: set[tuple[frozenset[int], tuple[State, ...]]],
    ops: Sequence[Done],
    keys: Sequence[Object],
    spans: dict[Object, list[tuple[int, int]]],
) -> set[tuple[frozenset[int], tuple[State, ...]]]:
    """Everything that can have happened by the end of a moment."""
    reached, todo = set(states), list(states)
    while todo:
        placed, values = todo.pop()
        for following in _following(now, placed, values, ops, keys, spans):
            if following not in reached:
                reached.add(following)
                todo.append(following)
    return reached


def _following(
    now: int,
    placed: frozenset[int],
    values: tuple[State, ...],
    ops: Sequence[Done],
    keys: Sequence[Object],
    spans: dict[Object, list[tuple[int, int]]],
) -> Iterator[tuple[frozenset[int], tuple[State, ...]]]:
    for i, key in enumerate(keys):
        if values[i] is not None and any(start <= now <= to for start, to in spans[key]):
            yield placed, (*values[:i], None, *values[i + 1 :])
    for number, op in enumerate(ops):
        if number not in placed and op.start <= now <= op.to:
            i = keys.index((op.deed.model, op.deed.object))
            for value in _steps(op.deed, values[i]):
                yield placed | {number}, (*values[:i], value, *values[i + 1 :])


def _steps(deed: Deed, state: State) -> list[State]:
    """Return the state after the deed, nothing when the model does not do it."""
    new: State = (deed.value,)
    match deed.action:
        case "put":
            return [new]
        case "add":
            return [new] if state is None else []
        case "exists":
            return [state] if state is not None else []
        case "hit":
            return [state] if state == new else []
        case "miss" | "absent":
            return [None] if state is None else []
        case "erase" | "give":
            return [None] if state is not None else []
        case "clear":
            return [None]
        case "take":
            return [(0,)] if state is None else []
        case "read":
            return [new] if state is None or state[0] <= deed.value else []
        case _:
            return _queue_steps(deed, state or ())


def _queue_steps(deed: Deed, held: tuple[int, ...]) -> list[State]:
    match deed.action:
        case "push":
            return [(*held, deed.value)] if len(held) < deed.object[1] else []
        case "full":
            return [held or None] if len(held) >= deed.object[1] else []
        case "pop":
            return [held[1:] or None] if held[:1] == (deed.value,) else []
        case _:
            return [None] if not held else []


# ---- Drawn histories ----


@dataclass(slots=True)
class _Running:
    start: int
    deed: Deed


def drawn(seed: int, length: int = 8) -> list[Done]:
    """Return a history of a few threads: what a correct object could do, in most of them with results changed."""
    rng = Rng(seed).fork("history")
    model = rng.pick(("cache", "cache", "cache", "pool", "count", "queue"))
    threads, total = rng.between(2, 4), rng.between(3, length)
    states: dict[tuple[int, int, int], State] = {}
    running: dict[int, _Running] = {}
    history: list[Done] = []
    now = started = 0
    while started < total or running:
        now += rng.below(3)  # moments may be shared
        thread = rng.below(threads)
        if thread in running:
            ended = running.pop(thread)
            history.append(Done(ended.start, now, ended.deed, thread))
        elif started < total:
            started += 1
            running[thread] = _Running(now, _deed(rng, model, states))
    history = [_perhaps_pending(rng, done) for done in history]
    for _ in range(rng.below(4)):
        history = _wronged(rng, history)
    return sorted(history, key=lambda done: done.start)


def _deed(rng: Rng, model: str, states: dict[tuple[int, int, int], State]) -> Deed:
    """Draw an action whose result a correct object could have given at this moment, and do it."""
    if model == "cache" and rng.chance(1, 6):
        states.update({each: None for each in states if rng.chance(1, 2)})
        return Deed(evicts=True)
    key = (rng.below(2), 2, 0) if model != "count" else (0, 0, 0)
    for _ in range(50):
        deed = _any_deed(rng, model, key)
        affected = [each for each in states if _covers(deed, each)] if deed.action == "clear" else [key]
        after = [_steps(deed, states.get(each)) for each in affected]
        if all(after):
            states.update({each: following[0] for each, following in zip(affected, after, strict=True)})
            return deed
    return Deed()


def _covers(deed: Deed, key: tuple[int, int, int]) -> bool:
    return all(part in (ANY, own) for part, own in zip(deed.object, key, strict=True))


def _any_deed(rng: Rng, model: str, key: tuple[int, int, int]) -> Deed:
    value = rng.between(1, 3)
    if model == "cache":
        action = rng.weighted(_CACHE)
        key = rng.pick((key, (ANY, 2, 0), (ANY, ANY, ANY))) if action == "clear" else key
        return Deed(model, action, key, value if action in ("put", "add", "hit") else 0, rng.chance(1, 12))
    if model == "pool":
        return Deed(model, rng.pick(("take", "give")), key)
    if model == "count":
        return Deed(model, "read", key, rng.between(0, 4))
    return Deed(model, rng.pick(("push", "push", "pop", "pop", "full", "empty")), key, value)


def _perhaps_pending(rng: Rng, done: Done) -> Done:
    return done._replace(to=NEVER) if rng.chance(1, 30) else done


def _wronged(rng: Rng, history: list[Done]) -> list[Done]:
    """Give one operation another result, or let one end earlier."""
    place = rng.below(len(history))
    done = history[place]
    if rng.chance(1, 4):
        changed = done._replace(to=done.start)
    elif done.deed.model:
        changed = done._replace(deed=_any_deed(rng, done.deed.model, done.deed.object))
        if done.deed.action == "clear":
            changed = done._replace(deed=Deed("cache", "miss", (0, 2, 0)))
    else:
        changed = done._replace(deed=Deed())
    return [*history[:place], changed, *history[place + 1 :]]


def long_history(seed: int, length: int, threads: int, keys: int, *, wrong: bool) -> list[Done]:
    """Return a history of a correct cache under threads that always overlap; `wrong`: a late get finds an old value."""
    rng = Rng(seed).fork("long")
    values: dict[int, int] = {}
    running: dict[int, _Running] = {}
    history: list[Done] = []
    overwritten: tuple[int, int, int] | None = None  # moment, key, value
    for now in range(2 * length):
        thread = now % threads if now < 2 * threads else rng.below(threads)
        if thread in running:
            ended = running.pop(thread)
            history.append(Done(ended.start, now, ended.deed, thread))
            continue
        key = rng.below(keys)
        if rng.chance(1, 2):
            if key in values and overwritten is None and now > length:
                overwritten = now, key, values[key]
            values[key] = now
            deed = Deed("cache", "put", (0, 0, key), now)
        else:
            deed = Deed("cache", "hit" if key in values else "miss", (0, 0, key), values.get(key, 0))
        running[thread] = _Running(now, deed)
    history += [Done(each.start, 2 * length, each.deed, thread) for thread, each in running.items()]
    if wrong:
        assert overwritten
        moment, key, value = overwritten
        late = max(done.to for done in history if done.start <= moment) + 1
        place = next(i for i, done in enumerate(history) if done.start > late + 2 * threads)
        history[place] = history[place]._replace(deed=Deed("cache", "hit", (0, 0, key), value))
    return sorted(history, key=lambda done: done.start)
