"""A worker's sign of life: the structure that the driver writes and another process reads, even after a crash."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.builds.declare import declarations, interface
from harness.builds.sources import sources
from harness.builds.target import Target
from harness.model.scenario import Op, Program

PHASES = ("idle", "create", "set-up", "threads", "check", "destroy")


@dataclass(frozen=True, slots=True)
class Track:
    """One thread: operations begun and finished, and the last ones begun, oldest first; `running` tells that the last
    of them hadn't ended.
    """

    started: int
    finished: int
    last: Program

    @property
    def running(self) -> bool:
        """Whether the last operation hadn't ended."""
        return self.started > self.finished


class Progress:
    """A view of an rw_progress in shared memory (an mmap or a SharedMemory's buffer of `Progress.size()` bytes).

    It needs no library, so that a supervisor stays clear of whatever its workers load. With a `target`, operations have
    their names. Values are read while the worker writes: each is whole, together they may be of different moments.
    """

    def __init__(self, buffer: Any, target: Target | None = None) -> None:
        self._ffi = interface(declarations(sources() / "native"))
        self._struct: Any = self._ffi.from_buffer("rw_progress *", buffer, require_writable=True)
        self._ops = [(name, op.arg_cnt) for name, op in target.ops.items()] if target else []

    @staticmethod
    def size() -> int:
        """Return the bytes that the structure needs."""
        return int(interface(declarations(sources() / "native")).sizeof("rw_progress"))

    @staticmethod
    def seed_at() -> int:
        """Return where in the structure the seed of the execution under way stands: 8 bytes, the lowest first."""
        return int(interface(declarations(sources() / "native")).offsetof("rw_progress", "seed"))

    @property
    def executions(self) -> int:
        """Executions finished in this worker."""
        return int(self._struct.executions)

    @property
    def phase(self) -> str:
        """Where the execution under way is: one of PHASES."""
        number = int(self._struct.phase)
        return PHASES[number] if number < len(PHASES) else str(number)

    @property
    def seed(self) -> int:
        """Seed of the execution under way."""
        return int(self._struct.seed)

    @seed.setter
    def seed(self, value: int) -> None:
        self._struct.seed = value

    @property
    def threads(self) -> int:
        """Threads of the execution under way."""
        return min(int(self._struct.thread_cnt), len(self._struct.tracks))

    def beat(self) -> tuple[int, ...]:
        """Return figures that change whenever the worker gets on: compare two of them to see whether it hangs."""
        tracks = self._struct.tracks
        return (self.executions, int(self._struct.phase), *(int(tracks[i].ops) for i in range(self.threads)))

    def track(self, thread: int) -> Track:
        """Return what one thread did last."""
        track = self._struct.tracks[thread]
        started, finished, size = int(track.started), int(track.ops), len(track.ring)
        last = tuple(self._op(track.ring[i % size]) for i in range(max(0, started - size), started))
        return Track(started, finished, last)

    def request_stop(self) -> None:
        """Let the threads end after their current operation."""
        self._struct.stop = 1

    def clear(self) -> None:
        """Make the area ready for another worker."""
        self._ffi.memmove(self._struct, bytes(self.size()), self.size())

    def close(self) -> None:
        """Let go of the buffer, which can't be closed before."""
        self._ffi.release(self._struct)

    def _op(self, op: Any) -> Op:
        code = int(op.code)
        name, count = self._ops[code] if 0 <= code < len(self._ops) else (f"operation {code}", len(op.arg))
        return Op(name, tuple(int(op.arg[i]) for i in range(count)))
