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
from harness.model.schedule import Choice

CHOICES, EVENTS = 1_000_000, 200_000  # that there is room for
_ALIGNED = 64


class BlackBox:
    """A view of the memory, in a buffer of `BlackBox.size()` bytes. It needs no library.

    In a smaller one, of `BlackBox.size(events=False)`, only the choices are written down.
    """

    def __init__(self, buffer: Any) -> None:
        ffi = self._ffi = scheduled_interface()
        self._progress: Any = ffi.from_buffer("rs_progress *", buffer, require_writable=True)
        start = ffi.cast("char *", self._progress)
        self.choices: Any = ffi.cast("rs_choice *", start + _choices_at())
        self.events: Any = ffi.cast("rs_event *", start + _events_at())

    @staticmethod
    def size(*, events: bool = True) -> int:
        """Return the bytes that it needs, the sign of life included; without `events` there is none to read there."""
        return _events_at() + EVENTS * _size("rs_event") if events else _events_at()

    def left(self, kinds: Mapping[int, str]) -> Batch:
        """Return what is there of the execution under way. `kinds`: names of the events, see Runtime.event_kinds."""
        told = self._progress
        events = min(int(told.events), EVENTS)
        return Batch(
            DIED,
            "",
            preemptions=int(told.preemptions),
            choices=self.listed(),
            events=read_events(self.events, events, kinds),
            event_count=int(told.events),
        )

    def listed(self) -> tuple[Choice, ...]:
        """Return the choices of the execution under way."""
        return read_choices(self.choices, min(int(self._progress.choices), CHOICES))

    def close(self) -> None:
        """Let go of the buffer, which can't be closed before."""
        self._ffi.release(self._progress)


def _size(name: str) -> int:
    return int(scheduled_interface().sizeof(name))


def _choices_at() -> int:
    return -(-BatchProgress.size() // _ALIGNED) * _ALIGNED


def _events_at() -> int:
    return _choices_at() + CHOICES * _size("rs_choice")
