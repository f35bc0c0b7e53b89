"""Workers that have nothing to do, kept for the next exploration: who explores often does not start one each time."""

from __future__ import annotations

from harness.explore.child import Explorer
from harness.stress.process import Launch


class Spare:
    """Idle workers by the build that they have loaded. They live until `close`, or die with this process."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[Explorer]] = {}

    def take(self, launch: Launch) -> Explorer | None:
        """Return a worker that has loaded this build and found its canary, None when there is none."""
        waiting = self._waiting.get(launch.build.identity, [])
        while waiting:
            child = waiting.pop()
            if child.process.poll() is None:
                return child
            _end(child)
        return None

    def keep(self, launch: Launch, child: Explorer) -> None:
        """Keep a worker that is ready for another batch."""
        self._waiting.setdefault(launch.build.identity, []).append(child)

    def close(self) -> None:
        """End all that are kept."""
        for waiting in self._waiting.values():
            for child in waiting:
                _end(child)
        self._waiting.clear()


def _end(child: Explorer) -> None:
    child.end()
    child.close()
