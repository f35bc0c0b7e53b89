"""From what the scheduled runtime leaves in its structures to a Batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cffi import FFI

from harness.builds.linear import read_done
from harness.builds.opened import plain
from harness.builds.plan import read_faults
from harness.builds.target import Target
from harness.model.batch import BAD_REQUEST, DIVERGED, DONE, NO_MEMORY, STOPPED, Batch, Event, Observation, Stack
from harness.model.schedule import Choice

# The runtime's kinds of finding, by the names of their constants -> the kinds that everybody knows.
KINDS = {
    "RS_F_INVARIANT": "invariant",
    "RS_F_RACE": "data-race",
    "RS_F_FREED": "use-after-free",
    "RS_F_BOUNDS": "out-of-bounds",
    "RS_F_DOUBLE_FREE": "double-free",
    "RS_F_BAD_FREE": "double-free",
    "RS_F_LEAK": "leak",
    "RS_F_DEADLOCK": "deadlock",
    "RS_F_LIVELOCK": "livelock",
    "RS_F_MUTEX": "sanitizer",
    "RS_F_SIGNAL": "crash",
    "RS_F_ABORT": "crash",
    "RS_F_OVERFLOW": "crash",
    "RS_F_CREATE": "",  # no finding: nothing could be executed
    "RS_F_THREAD": "sanitizer",
    "RS_F_UNSUPPORTED": "",
    "RS_F_ORDER": "not-linearizable",
    "RS_F_BLOCKED": "blocked",
}
_STATUSES = (DONE, BAD_REQUEST, NO_MEMORY, DIVERGED, STOPPED)
_COUNTS = (
    "executions", "finding_total", "distinct", "decisions", "switches", "preemptions", "max_steps", "bounded",
    "demotions", "plain_accesses", "foreign_accesses", "shared_words", "unseen", "coverage", "thread_max", "operations",
    "judged", "undecided",
    "trace_hash", "batch_hash", "diverged_at",
)  # fmt: skip


def read_batch(ffi: FFI, target: Target, raw: Any, options: Any, kinds: dict[int, str], lib: Any,
               hashes: bytes, history: bool = False) -> Batch:  # fmt: skip
    """Decode an rs_result; `history`: the last execution's history too."""
    status = int(raw.status)
    points = {plain(ffi, lib.rs_point_name(kind)): int(raw.points_by_kind[kind]) for kind in range(lib.RS_P_KINDS)}
    return Batch(
        status=_STATUSES[status] if status < len(_STATUSES) else f"status {status}",
        message=plain(ffi, raw.message),
        observations=tuple(_observation(ffi, raw.findings[i], kinds, lib, target) for i in range(raw.finding_cnt)),
        distinct_full=bool(raw.distinct_full),
        exhausted=bool(raw.exhausted),
        points={name: count for name, count in points.items() if count},
        seconds=raw.nanoseconds / 1e9,
        cpu_seconds=raw.cpu_nanoseconds / 1e9,
        checks={name: int(raw.invariant_checks[i]) for i, name in enumerate(target.invariants)},
        calibration=_calibration(raw),
        memory_model=plain(ffi, raw.memory_model),
        choices=_choices(raw),
        events=_events(ffi, raw, options, lib),
        event_count=int(raw.event_cnt),
        history=tuple(read_done(ffi, lib, target, raw.history[i], raw.calls[i]) for i in range(raw.history_cnt))
        if history
        else (),
        hashes=hashes,
        faults=read_faults(target, raw.faults),
        **{name: int(getattr(raw, name)) for name in _COUNTS},
    )


def _observation(ffi: FFI, raw: Any, kinds: dict[int, str], lib: Any, target: Target) -> Observation:
    window = (raw.window[i] for i in range(raw.window_cnt))
    stacks = (raw.stacks[i] for i in range(len(raw.stacks)))
    return Observation(
        kind=kinds[int(raw.kind)],
        name=plain(ffi, lib.rs_finding_name(raw.kind)),
        message=plain(ffi, raw.message),
        invariant=plain(ffi, raw.id),
        file=plain(ffi, raw.file),
        line=int(raw.line),
        seed=int(raw.seed),
        step=int(raw.step),
        address=int(raw.address),
        count=int(raw.count),
        confirmed=bool(raw.confirmed),
        choices=_choices(raw),
        trace_hash=int(raw.trace_hash),
        strategy=plain(ffi, raw.strategy),
        calibration=_calibration(raw),
        stacks=tuple(_stack(ffi, stack) for stack in stacks if plain(ffi, stack.what)),
        model=plain(ffi, lib.rl_model_name(raw.model)) if raw.window_cnt else "",
        window=tuple(read_done(ffi, lib, target, done.did, done.call) for done in window),
        window_left=int(raw.window_left),
    )


def _stack(ffi: FFI, raw: Any) -> Stack:
    return Stack(plain(ffi, raw.what), int(raw.thread), tuple(int(raw.pc[i]) for i in range(raw.depth)))


def _choices(raw: Any) -> tuple[Choice, ...]:
    return read_choices(raw.choices, int(raw.choice_cnt))


def read_choices(array: Any, count: int) -> tuple[Choice, ...]:
    """Decode so many rs_choice."""
    listed = (array[i] for i in range(count))
    return tuple(Choice(int(choice.step), int(choice.kind), int(choice.value)) for choice in listed)


def _calibration(raw: Any) -> tuple[int, int, int, int]:
    first, second, third, fourth = (int(value) for value in raw.calibration)
    return first, second, third, fourth


def _events(ffi: FFI, raw: Any, options: Any, lib: Any) -> tuple[Event, ...]:
    count = min(int(raw.event_cnt), int(options.event_max))
    return read_events(options.events, count, event_kinds(ffi, lib)) if count else ()


def event_kinds(ffi: FFI, lib: Any) -> dict[int, str]:
    """Return the kinds of event by number, those that are points first."""
    names = {kind: lib.rs_point_name(kind) for kind in range(lib.RS_E_END)}
    return {kind: plain(ffi, name) for kind, name in names.items() if name != ffi.NULL}


def read_events(array: Any, count: int, kinds: Mapping[int, str]) -> tuple[Event, ...]:
    """Decode so many rs_event."""
    listed = (array[i] for i in range(count))
    return tuple(
        Event(int(event.step), int(event.thread), kinds[event.kind], int(event.size), bool(event.chosen),
              int(event.address), int(event.value), int(event.pc))
        for event in listed
    )  # fmt: skip
