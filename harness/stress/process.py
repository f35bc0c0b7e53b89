"""One worker process as its supervisor holds it: started, listened to, measured, and ended with all that it forked.

Why a subprocess with pipes and not multiprocessing's "spawn": there the preloaded sanitizer has to be put into this
process's own environment, which other threads share; multiprocessing's resource tracker would be started with it and
stay; and the worker would import the caller's main module, pytest's for instance. A subprocess has its own environment,
its own session, and dies with this thread.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psutil

from harness.builds import Build, fixed_addresses, interpreter, worker_environment
from harness.model.problem import Problem
from harness.stress.request import OWN

COOKIE = "RACEWASH_WORKER"  # environment variable by which everything that descends from a worker is known
NOTE = 8  # bytes behind the worker's own part of the area, which are the supervisor's
_PIECE = 1 << 16
_ROUNDS = 50  # of looking for descendants: they may fork while they are killed


@dataclass(frozen=True, slots=True)
class Launch:
    """How the workers of a build are started."""

    build: Build
    command: tuple[str, ...]
    environment: dict[str, str]
    target: str = OWN


def launch_of(build: Build, target: str = OWN, module: str = "harness.stress.worker") -> Launch:
    """Return how a build's workers are started: the same program on the same path, whatever folder this runs in."""
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    environment = {**os.environ, "PYTHONPATH": path, **worker_environment(build)}
    return Launch(build, (interpreter(), "-P", "-m", module), environment, target)


class Process:
    """A running worker. Its output and its progress are memory files: no disk that can be full, no leftover.

    `area` gives a descriptor of another memory for the progress, one that outlives this process too, or None. Messages
    are frames that a subclass understands; `area_fd` is the progress area's descriptor in the worker.
    """

    def __init__(self, launch: Launch, area_size: int, area: Callable[[int], int | None] | None = None) -> None:
        self._cookie = f"{os.getpid()}-{secrets.token_hex(8)}"
        self._printed_fd = os.memfd_create("racewash-stderr")
        fcntl.fcntl(self._printed_fd, fcntl.F_SETFL, fcntl.fcntl(self._printed_fd, fcntl.F_GETFL) | os.O_APPEND)
        self.area_fd = _area(area_size + NOTE, area)
        self.area = mmap.mmap(self.area_fd, area_size + NOTE)
        self.fd, theirs = os.pipe()
        os.set_blocking(self.fd, False)
        # What the database writes goes with its process.
        self._folder = None if launch.target == OWN else tempfile.mkdtemp(prefix="racewash-")
        try:
            self.process = self._start(launch, theirs, self.area_fd)
        except OSError as error:
            self._close()
            raise Problem(f"a worker process can't be started: {error.strerror}") from error
        finally:
            os.close(theirs)
            os.close(self.area_fd)
        self._watched = psutil.Process(self.process.pid)

    def _start(self, launch: Launch, theirs: int, area: int) -> subprocess.Popen[bytes]:
        addresses = fixed_addresses() if launch.build.kind == "tsan" else contextlib.nullcontext()
        with addresses:
            return subprocess.Popen(
                [*launch.command, str(theirs)],
                env={**launch.environment, COOKIE: self._cookie},
                stdin=subprocess.PIPE,
                stdout=self._printed_fd,
                stderr=self._printed_fd,
                pass_fds=(theirs, area),
                cwd=self._folder,
                start_new_session=True,
            )

    # ---- talk ----

    def write(self, frame: bytes) -> None:
        """Write a message's frame; one that a dead worker can't take is dropped, its death is seen elsewhere."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(frame)
            self.process.stdin.flush()

    def dismiss(self) -> None:
        """Let the worker end after what it does now."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()

    def pieces(self) -> Iterator[bytes]:
        """Yield what the worker has written of its messages; never waits."""
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self.fd, _PIECE):
                yield data

    @property
    def printed(self) -> int:
        """Bytes that the worker and what it forked have printed."""
        return os.fstat(self._printed_fd).st_size

    def text(self, start: int, end: int) -> str:
        """Return a part of what was printed."""
        data = bytearray()
        while piece := os.pread(self._printed_fd, end - start - len(data), start + len(data)):
            data += piece
        return data.decode(errors="replace")

    def note(self, quiet: float) -> None:
        """Write down, for whoever comes after this process, since when nothing has moved in the worker."""
        self.area[-NOTE:] = round(quiet * 1000).to_bytes(NOTE, "little")

    # ---- measure ----

    def measure(self) -> tuple[float, int]:
        """Return CPU seconds and resident bytes of the worker and what it forked; pages that they share count once."""
        cpu, resident = 0.0, 0
        family = self._family()
        for process in family:
            with contextlib.suppress(psutil.Error), process.oneshot():
                times = process.cpu_times()
                cpu += times.user + times.system
                # After a fork nearly all pages are shared: a fair share of each adds up to what is really taken.
                resident += process.memory_info().rss if len(family) == 1 else process.memory_full_info().pss
        return cpu, resident

    def pids(self) -> list[int]:
        """Return the worker and what it forked."""
        return [process.pid for process in self._family()]

    def _family(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.Error):
            return [self._watched, *self._watched.children(recursive=True)]
        return []

    # ---- end ----

    def end(self) -> list[str]:
        """Kill the worker if it still runs, and everything that it has forked; return the names of what outlived it."""
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.kill()
            self.process.wait()
        return _sweep(self._cookie)

    def close(self) -> None:
        """Let go of everything that was kept of an ended worker."""
        self.dismiss()
        self._close()

    def _close(self) -> None:
        self.area.close()
        os.close(self.fd)
        os.close(self._printed_fd)
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)


def _area(size: int, given: Callable[[int], int | None] | None) -> int:
    fd = given(size) if given else None
    if fd is None:
        fd = os.memfd_create("racewash-progress")
        try:
            os.ftruncate(fd, size)
        except OSError as error:
            os.close(fd)
            raise Problem(
                f"{size:,} bytes to share with a worker can't be had: {error.strerror}; a limit of file sizes "
                "(`ulimit -f`) counts here too"
            ) from error
    return fd


def _sweep(cookie: str) -> list[str]:
    """Kill every process with the cookie in its environment, whatever its parent, group and session by now."""
    ended: dict[int, str] = {}
    for _ in range(_ROUNDS):
        found = [process for process in psutil.process_iter() if _has(process, cookie)]
        if not found:
            break
        for process in found:
            with contextlib.suppress(psutil.Error):
                ended[process.pid] = process.name()
                process.kill()
        psutil.wait_procs(found, timeout=0.2)
    return list(ended.values())


def _has(process: psutil.Process, cookie: str) -> bool:
    try:
        return process.environ().get(COOKIE) == cookie
    except (psutil.Error, OSError):
        return False
