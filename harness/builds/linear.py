"""The checker of sequential orders (native/linear), called on histories that Python holds."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from cffi import FFI

from harness.builds.build import Build
from harness.builds.declare import SCHEDULED
from harness.builds.opened import open_library, plain
from harness.builds.target import Target
from harness.model.history import LINEARIZABLE, UNDECIDED, VIOLATED, Deed, Done, Verdict

BUDGET = 1 << 20  # configurations
_VERDICTS = (LINEARIZABLE, VIOLATED, UNDECIDED)


class Checker:
    """The checker of a sched build. Its memory is kept from one history to the next: one thread at a time."""

    def __init__(self, build: Build) -> None:
        opened = open_library(build, SCHEDULED, "thread")
        self._ffi, self._lib = opened.ffi, opened.lib
        self._models = _names(self._ffi, self._lib.rl_model_name)
        self._actions = _names(self._ffi, self._lib.rl_action_name)
        self._memory: Any = None

    def check(self, history: Sequence[Done], budget: int = BUDGET) -> Verdict:
        """Look for an order of a history's operations that their models explain.

        Raises ValueError when a model, an action or the times of an operation make no sense.
        """
        ffi, lib = self._ffi, self._lib
        need = int(lib.rl_memory(len(history), budget))
        if self._memory is None or len(self._memory) < need:
            self._memory = ffi.new("char[]", need)
        result: Any = ffi.new("rl_result *")
        ops = ffi.new("rl_op[]", [self._op(done) for done in history])
        code = int(lib.rl_check(ops, len(history), budget, self._memory, len(self._memory), result))
        if code >= len(_VERDICTS):
            raise ValueError("the history has an operation whose model, action or times make no sense")
        first, second, third = (int(part) for part in result.object)
        window = tuple(int(result.window[i]) for i in range(result.window_cnt))
        model = plain(ffi, lib.rl_model_name(result.model)) if code else ""
        return Verdict(_VERDICTS[code], model, (first, second, third), window, int(result.window_left),
                       int(result.tried))  # fmt: skip

    def _op(self, done: Done) -> tuple[Any, ...]:
        deed = done.deed
        model, action = self._models.get(deed.model, -1), self._actions.get(deed.action, -1)
        return (done.start, done.to, (model, action, deed.object, deed.value, deed.evicts))


@functools.cache
def load_checker(build: Build) -> Checker:
    """Load the checker of a sched build; the same build gives the same Checker."""
    return Checker(build)


def read_done(ffi: FFI, lib: Any, target: Target, did: Any, call: Any) -> Done:
    """Decode an rl_op and its rs_call."""
    deed = did.deed
    first, second, third = (int(part) for part in deed.object)
    known = bool(deed.model)
    name, operation = list(target.ops.items())[call.op.code]
    code = int(call.rc)
    return Done(
        int(getattr(did, "from")), int(did.to),
        Deed(
            plain(ffi, lib.rl_model_name(deed.model)) if known else "",
            plain(ffi, lib.rl_action_name(deed.action)) if known else "",
            (first, second, third) if known else (0, 0, 0),
            int(deed.value) if known else 0,
            bool(deed.evicts),
        ),
        int(call.thread), name, tuple(int(call.op.arg[i]) for i in range(operation.arg_cnt)),
        target.codes[code] if 0 <= code < len(target.codes) else str(code),
        int(call.from_step), int(call.to_step),
    )  # fmt: skip


def _names(ffi: FFI, function: Any) -> dict[str, int]:
    """Return names with their numbers; the first one, which stands for nothing, by the empty name."""
    names: dict[str, int] = {}
    while (name := function(len(names))) != ffi.NULL:
        names[plain(ffi, name) if names else ""] = len(names)
    return names
