"""What a worker process needs around it, so that a sanitizer's library works inside the Python interpreter.

A build's library calls its sanitizer's run time, which must be in the process before anything else: it is preloaded
into the interpreter.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.builds.build import Build

# Fatal signals belong to the sanitizer. An empty value is "not set" to the interpreter.
_NO_FAULTHANDLER = {"PYTHONFAULTHANDLER": "", "PYTHONDEVMODE": ""}
_COMMON = {
    "exitcode": 0,  # a worker's exit code is its own; what was reported is read from stderr
    "abort_on_error": 1,  # a fatal signal still ends the worker by a signal
    "allocator_may_return_null": 1,  # a refused allocation is the core's to handle
    "handle_abort": 1,
}
_TSAN = {
    **_COMMON,
    "halt_on_error": 0,
    "die_after_fork": 0,  # the shared mode forks
    "second_deadlock_stack": 1,
    "history_size": 5,  # accesses remembered a thread: too few, and reports lack their second stack
}
_ASAN = {
    **_COMMON,
    "halt_on_error": 0,
    "detect_leaks": 1,
    "leak_check_at_exit": 0,  # the driver checks after each execution; the interpreter's end is not judged
}
_UBSAN = {"print_stacktrace": 1, "halt_on_error": 0}


def worker_environment(build: Build) -> dict[str, str]:
    """Return the variables, besides the caller's own, of a process that loads this build.

    They replace a user's own sanitizer options, which could hide reports.
    """
    tool = {"external_symbolizer_path": build.symbolizer} if build.symbolizer else {}
    if build.kind == "tsan":
        return {**_NO_FAULTHANDLER, "LD_PRELOAD": str(build.runtime), "TSAN_OPTIONS": _options({**_TSAN, **tool})}
    if build.kind == "asan":
        return {
            **_NO_FAULTHANDLER,
            "LD_PRELOAD": str(build.runtime),
            "ASAN_OPTIONS": _options({**_ASAN, **tool}),
            "UBSAN_OPTIONS": _options({**_UBSAN, **tool}),
            # LeakSanitizer doesn't look into the interpreter's own arenas: it must not take what is only reachable
            # through them for leaked.
            "PYTHONMALLOC": "malloc",
        }
    return dict(_NO_FAULTHANDLER)


def _options(values: Mapping[str, int | str]) -> str:
    return ":".join(f"{name}={value}" for name, value in values.items())
