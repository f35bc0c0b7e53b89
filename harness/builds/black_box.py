"""What an execution leaves when its process dies of it: its choices, and its events where they were asked for.

They lie behind the batch's sign of life, in memory that the supervisor shares: the runtime writes them there in the
first place, so nothing has to be done any more when the process ends. Pages that nobody writes to take no room.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.builds.batch_progress import BatchProgress, scheduled_interface
from harness.builds.scheduled import read_choices, read_events
from harness.model.batch import DIED, Batch

CHOICES, EVENTS = 1_000_000, 200_000  # that there is room for
_ALIGNED = 64


class BlackBox:
    """A view of the memory, in a buffer of `BlackBox.size()` bytes. It needs no library."""

    def __init__(self, buffer: Any) -> None:
        ffi = self._ffi = scheduled_interface()
        self._progress: Any = ffi.from_buffer("rs_progress *", buffer, require_writable=True)
        start = ffi.cast("char *", self._progress)
        self.choices: Any = ffi.cast("rs_choice *", start + _choices_at())
        self.events: Any = ffi.cast("rs_event *", start + _events_at())

    @staticmethod
    def size() -> int:
        """Return the bytes that it needs, the sign of life included."""
        return _events_at() + EVENTS * _size("rs_event")

    def left(self, kinds: Mapping[int, str]) -> Batch:
        """Return what is there of the execution under way. `kinds`: names of the events, see Runtime.event_kinds."""
        told = self._progress
        choices, events = min(int(told.choices), CHOICES), min(int(told.events), EVENTS)
        return Batch(
            DIED,
            "",
            preemptions=int(told.preemptions),
            choices=read_choices(self.choices, choices),
            events=read_events(self.events, events, kinds),
            event_count=int(told.events),
        )

    def close(self) -> None:
        """Let go of the buffer, which can't be closed before."""
        self._ffi.release(self._progress)


def _size(name: str) -> int:
    return int(scheduled_interface().sizeof(name))


def _choices_at() -> int:
    return -(-BatchProgress.size() // _ALIGNED) * _ALIGNED


def _events_at() -> int:
    return _choices_at() + CHOICES * _size("rs_choice")
