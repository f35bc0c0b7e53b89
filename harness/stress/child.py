"""A worker of a run on real threads: a process that understands jobs and suites, and shows its progress."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from harness.builds import Progress, Target
from harness.stress.messages import Frames, FromWorker, Job, ToWorker, encode, from_worker
from harness.stress.process import COOKIE, Launch, Process, launch_of

__all__ = ["COOKIE", "Child", "Launch", "launch_of"]


class Child(Process):
    """A running worker of a build."""

    def __init__(self, launch: Launch, area: Callable[[int], int | None] | None = None) -> None:
        super().__init__(launch, Progress.size(), area)
        self.progress = Progress(self.area)
        self._frames = Frames(from_worker)
        self.send(Job(launch.build, os.getpid(), self.area_fd, launch.target))

    def send(self, message: ToWorker) -> None:
        """Send a message."""
        self.write(encode(message))

    def know(self, target: Target) -> None:
        """From now on operations have their names."""
        self.progress.close()
        self.progress = Progress(self.area, target)

    def messages(self) -> Iterator[FromWorker]:
        """Yield the messages that have come; never waits. Raises Garbled."""
        for piece in self.pieces():
            yield from self._frames.feed(piece)

    def _close(self) -> None:
        if hasattr(self, "progress"):  # not when the process could not be started
            self.progress.close()
        super()._close()
