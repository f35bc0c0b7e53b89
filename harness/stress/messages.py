"""What supervisor and worker say to each other: msgpack in frames with a length, over a pipe each way."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar

import msgspec

from harness.builds import Build, Target
from harness.model.outcome import Outcome
from harness.model.scenario import Scenario
from harness.model.suite import Shape

MOST_PRINTED = 64 << 20  # bytes: what a worker may print in one execution, and in all before it is worn
_LENGTH, _LONGEST = 4, 16 << 20

T = TypeVar("T")


class Job(msgspec.Struct, tag=True):
    """First to a worker: what it loads, whose child it is, the descriptor of the progress area, and what is raced."""

    build: Build
    parent: int
    progress: int
    target: str


class Start(msgspec.Struct, tag=True):
    """To a worker: run scenarios first, first + stride, ... of a suite until a deadline (monotonic time), at least one.

    `suite` is pickled, by reference to its generator, as multiprocessing would send it: both ends are one program.
    """

    suite: bytes
    seed: int
    shape: Shape
    first: int
    stride: int
    deadline: float


class Repeat(msgspec.Struct, tag=True):
    """To a worker: execute this scenario once, its threads for so many milliseconds at most."""

    scenario: Scenario
    milliseconds: int


class Ready(msgspec.Struct, tag=True):
    """From a worker: the library is loaded and the canary's defect committed. `stderr`: bytes printed so far."""

    target: Target
    stderr: int


class Begin(msgspec.Struct, tag=True):
    """From a worker: scenario number `index` is about to be executed."""

    index: int


class Done(msgspec.Struct, tag=True):
    """From a worker: it was executed. What was printed up to `stderr` belongs to it.

    `peak_rss` is the worker's own since the suite's start. `operations` is set when something was violated.
    """

    index: int
    outcome: Outcome
    stderr: int
    peak_rss: int
    operations: bytes | None = None


class Ended(msgspec.Struct, tag=True):
    """From a worker: the suite's time is over; or not, but another process has to go on (`worn`)."""

    worn: bool


class Failed(msgspec.Struct, tag=True):
    """From a worker, before it ends: an error of its own, a Problem's sentence or else a traceback."""

    text: str
    problem: bool


FromWorker = Ready | Begin | Done | Ended | Failed
ToWorker = Job | Start | Repeat


def encode(message: msgspec.Struct) -> bytes:
    """Return a message's frame."""
    data = msgspec.msgpack.encode(message, enc_hook=_plain)
    return len(data).to_bytes(_LENGTH, "little") + data


class Garbled(Exception):
    """What came from a worker is no message: the code under test may have written over its memory."""


class Frames(Generic[T]):
    """Puts a worker's messages together from whatever pieces the pipe gives."""

    def __init__(self, decode: Callable[[bytes], T], longest: int = _LONGEST) -> None:
        self._rest = bytearray()
        self._decode = decode
        self._longest = longest

    def feed(self, data: bytes) -> Iterator[T]:
        """Yield the messages that are whole now. Raises Garbled."""
        self._rest += data
        while len(self._rest) >= _LENGTH:
            end = _LENGTH + int.from_bytes(self._rest[:_LENGTH], "little")
            if end > self._longest:
                raise Garbled(f"a message of {end} bytes")
            if len(self._rest) < end:
                return
            try:
                message = self._decode(bytes(self._rest[_LENGTH:end]))
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise Garbled(str(error)) from error
            del self._rest[:end]
            yield message


def from_worker(data: bytes) -> FromWorker:
    """Decode a worker's message."""
    message: FromWorker = msgspec.msgpack.decode(data, type=FromWorker, dec_hook=rich)
    return message


def to_worker(data: bytes) -> ToWorker:
    """Decode a supervisor's message."""
    message: ToWorker = msgspec.msgpack.decode(data, type=ToWorker, dec_hook=rich)
    return message


def receive(file: BinaryIO, decode: Callable[[bytes], T]) -> T | None:
    """Return the next message to a worker, None when the supervisor has closed the pipe."""
    head = file.read(_LENGTH)
    if len(head) < _LENGTH:
        return None
    return decode(file.read(int.from_bytes(head, "little")))


def send(fd: int, message: msgspec.Struct) -> None:
    """Write a message to the supervisor, whole."""
    data = memoryview(encode(message))
    while data:
        data = data[os.write(fd, data) :]


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError(type(value))


def rich(kind: type, value: Any) -> Any:
    """Make what msgspec itself does not know: paths."""
    if issubclass(kind, Path):
        return Path(value)
    raise NotImplementedError(kind)
