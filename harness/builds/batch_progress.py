"""A batch's sign of life: the structure that the runtime writes and another process reads, even after a crash."""

from __future__ import annotations

import functools
from typing import Any

from cffi import FFI

from harness.builds.declare import SCHEDULED, declarations, interface
from harness.builds.sources import sources


@functools.cache
def scheduled_interface() -> FFI:
    """Return cffi's idea of the scheduled runtime's interface, without a library."""
    return interface(declarations(sources() / "native", SCHEDULED))


class BatchProgress:
    """A view of an rs_progress in shared memory (a buffer of `BatchProgress.size()` bytes). It needs no library."""

    def __init__(self, buffer: Any) -> None:
        self._ffi = scheduled_interface()
        self._struct: Any = self._ffi.from_buffer("rs_progress *", buffer, require_writable=True)

    @staticmethod
    def size() -> int:
        """Return the bytes that the structure needs."""
        return int(scheduled_interface().sizeof("rs_progress"))

    @staticmethod
    def seed_at() -> int:
        """Return where in the structure the seed of the execution under way stands: 8 bytes, the lowest first."""
        return int(scheduled_interface().offsetof("rs_progress", "seed"))

    @property
    def executions(self) -> int:
        """Executions finished in the batch under way."""
        return int(self._struct.executions)

    @property
    def distinct(self) -> int:
        """Different schedules among them."""
        return int(self._struct.distinct)

    @property
    def coverage(self) -> int:
        """Different reads-from pairs among them."""
        return int(self._struct.coverage)

    @property
    def findings(self) -> int:
        """Executions with a finding among them."""
        return int(self._struct.findings)

    @property
    def points(self) -> int:
        """Points passed."""
        return int(self._struct.points)

    @property
    def seed(self) -> int:
        """Seed of the execution under way: what to replay when the process dies."""
        return int(self._struct.seed)

    def request_stop(self) -> None:
        """Let the batch end after its current execution."""
        self._struct.stop = 1

    def clear(self) -> None:
        """Make the area ready for another batch."""
        self._ffi.memmove(self._struct, bytes(self.size()), self.size())

    def close(self) -> None:
        """Let go of the buffer, which can't be closed before."""
        self._ffi.release(self._struct)
