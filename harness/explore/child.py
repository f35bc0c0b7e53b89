"""A worker of an exploration: a process that understands batches, and shows its progress."""

from __future__ import annotations

import mmap
import os
import selectors
import time
from collections.abc import Callable, Iterator

import psutil

from harness.builds import BatchProgress, BlackBox, Build
from harness.explore.messages import Explored, Failed, FromWorker, Load, Ready, Show, ToWorker, from_worker
from harness.model.batch import Batch
from harness.model.problem import Problem
from harness.model.schedule import Choice
from harness.stress.failure import RunFailed
from harness.stress.messages import Frames, Garbled, encode
from harness.stress.process import NOTE, Launch, Process, launch_of

MODULE = "harness.explore.worker"
LONGEST = 1 << 30  # bytes of a message: a trace of a million events, the choices of many findings
TICK = 0.2  # seconds between two looks whether somebody has asked for an end
START_SECONDS = 120.0  # for a worker to load its library


def exploring(build: Build) -> Launch:
    """Return how a build's exploring workers are started."""
    return launch_of(build, module=MODULE)


class WorkerEnded(Exception):
    """A worker ended, or had to be ended, in the middle of its work; `code` None: it did not answer in time."""

    def __init__(self, code: int | None, text: str) -> None:
        super().__init__("no answer" if code is None else f"ended with {code}")
        self.code, self.text = code, text


class Interrupted(Exception):
    """Somebody asked for an end while a worker was waited for."""


def _never() -> bool:
    return False


class Explorer(Process):
    """A running worker of a sched build.

    When it dies it leaves the choices of the execution under way; its events too, unless it was given an `area`, which
    is on disk.
    """

    def __init__(self, launch: Launch, area: Callable[[int], int | None] | None = None) -> None:
        self._size, self._traces = BlackBox.size(events=area is None), area is None
        super().__init__(launch, self._size, area)
        self.progress, self._box = BatchProgress(self.area), BlackBox(self.area)
        self._kinds: dict[int, str] = {}
        self.codes: dict[str, tuple[str, ...]] = {}  # names of return codes by target, once it is ready
        self._frames = Frames(from_worker, LONGEST)
        self._waiting: list[FromWorker] = []
        self._ready = False
        self.tell(Load(launch.build, os.getpid(), self.area_fd))

    def show_in(self, area: Callable[[int], int | None]) -> None:
        """Show its progress in another area from now on: whoever uses it again keeps it in a run of its own.

        Where there is no room for that, the old one does, which nobody finds any more when this process dies.
        """
        fd = area(self._size + NOTE)
        if fd is None:
            return
        self._let_go()
        self.area.close()
        self.area = mmap.mmap(fd, self._size + NOTE)
        self.progress, self._box = BatchProgress(self.area), BlackBox(self.area)
        self.tell(Show(os.readlink(f"/proc/self/fd/{fd}")))
        os.close(fd)

    def tell(self, order: ToWorker) -> None:
        """Send an order."""
        self.write(encode(order))

    def messages(self) -> Iterator[FromWorker]:
        """Yield the messages that have come; never waits. Raises Garbled."""
        for piece in self.pieces():
            yield from self._frames.feed(piece)

    def obey(self, order: ToWorker, seconds: float, over: Callable[[], bool] = _never) -> Batch:
        """Send an order and wait for what comes of it.

        Raises WorkerEnded when the process ends before, or there is no answer in time; Problem when the order can't be
        obeyed; Interrupted when `over` says so. For one worker alone: many are watched together by
        harness.explore.slot.
        """
        self.wait_until_ready(over)
        self.progress.clear()
        self.tell(order)
        return self.answer(seconds, over)

    def left(self) -> Batch | None:
        """Return what there is of the execution that the process dies of, None where nothing was written down."""
        return self._box.left(self._kinds) if self._traces and self._kinds else None

    def choices(self) -> tuple[Choice, ...]:
        """Return the choices of the execution under way, or that the process has died of."""
        return self._box.listed()

    def wait_until_ready(self, over: Callable[[], bool] = _never) -> None:
        """Wait until the library is loaded, which is no part of an execution's time."""
        if not self._ready:
            self._next(START_SECONDS, over)

    def answer(self, seconds: float, over: Callable[[], bool] = _never) -> Batch:
        """Wait for what comes of the last order; see `obey`."""
        while not isinstance(message := self._next(seconds, over), Explored):
            pass
        return message.batch

    def answer_of_many(self, seconds: float, over: Callable[[], bool]) -> Batch:
        """Wait as `answer` does, but so long for each of the order's executions."""
        beat, since = (0, 0), time.monotonic()
        while True:
            try:
                return self.answer(TICK, over)
            except WorkerEnded as ended:
                now = time.monotonic()
                if (self.progress.executions, self.progress.seed) != beat:
                    beat, since = (self.progress.executions, self.progress.seed), now
                if ended.code is not None or now - since > seconds:
                    raise

    def _next(self, seconds: float, over: Callable[[], bool]) -> FromWorker:
        """Wait for a message that is no error."""
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self.fd, selectors.EVENT_READ)
            while (left := deadline - time.monotonic()) > 0:
                selector.select(min(left, TICK))
                ended = self.process.poll() is not None
                try:
                    self._waiting += self.messages()
                except Garbled as error:
                    raise WorkerEnded(self.process.returncode or 0, f"{error}") from error
                if self._waiting:
                    message = self._waiting.pop(0)
                    _refuse(message)
                    self._ready = True
                    if isinstance(message, Ready):
                        self._kinds, self.codes = message.kinds, message.codes
                    return message
                if ended:
                    raise WorkerEnded(self.process.returncode, self.text(0, self.printed))
                if over():
                    raise Interrupted
        raise WorkerEnded(None, self.text(0, self.printed))

    def _family(self) -> list[psutil.Process]:
        """What it runs can't fork, and to look at all processes for its children takes long."""
        return [self._watched]

    def _close(self) -> None:
        if hasattr(self, "progress"):  # not when the process could not be started
            self._let_go()
        super()._close()

    def _let_go(self) -> None:
        self.progress.close()
        self._box.close()


def _refuse(message: FromWorker) -> None:
    if isinstance(message, Failed):
        raise Problem(message.text) if message.problem else RunFailed(message.text)
    if isinstance(message, Ready) and message.canary:
        raise RunFailed(f"the canary was missed: {message.canary}")
