"""What an exploring worker and its supervisor say to each other, in the frames of harness.stress.messages."""

from __future__ import annotations

import msgspec

from harness.builds import Build
from harness.model.batch import Batch
from harness.model.scenario import Scenario
from harness.model.schedule import NO_CALIBRATION, Calibration, Choice, Options
from harness.stress.messages import rich


class Load(msgspec.Struct, tag=True):
    """First to a worker: what it loads, whose child it is, and the descriptor of the progress area."""

    build: Build
    parent: int
    progress: int


class Show(msgspec.Struct, tag=True):
    """To a worker that is used again: show progress in this file from now on. Nothing is answered."""

    area: str


class Explore(msgspec.Struct, tag=True):
    """To a worker: explore seeds from `first_seed` on. See Runtime.explore.

    `measure`: run the first seed apart, so that the calibration that the others get is known before they run.
    `first_only`: end at the first finding.
    """

    scenario: Scenario
    options: Options
    first_seed: int
    executions: int
    milliseconds: int = 0
    calibration: Calibration = NO_CALIBRATION
    measure: bool = False
    first_only: bool = False
    hashes: bool = False
    trace: int = 0


class Replay(msgspec.Struct, tag=True):
    """To a worker: run one execution by a list of choices. See Runtime.replay."""

    scenario: Scenario
    options: Options
    choices: tuple[Choice, ...]
    seed: int
    trace: int = 0
    tolerant: bool = True
    trace_all: bool = False


class Force(msgspec.Struct, tag=True):
    """To a worker: run one execution by a hand-written order. See Runtime.force."""

    scenario: Scenario
    options: Options
    legs: tuple[tuple[int, str, int], ...]
    trace: int = 0


class Ready(msgspec.Struct, tag=True):
    """From a worker: the library is loaded. `canary`: why the planted race was not found, empty when it was.

    `kinds`: names of the events by number. `codes`: of return codes, by target.
    """

    canary: str
    strategies: dict[str, str]
    memory_models: list[str]
    kinds: dict[int, str]
    codes: dict[str, tuple[str, ...]]


class Measured(msgspec.Struct, tag=True):
    """From a worker: the first seed of a batch has run; the others follow with this calibration."""

    batch: Batch


class Explored(msgspec.Struct, tag=True):
    """From a worker: what it was told to do is done."""

    batch: Batch


class Failed(msgspec.Struct, tag=True):
    """From a worker, before it ends: an error of its own, a Problem's sentence or else a traceback."""

    text: str
    problem: bool


FromWorker = Ready | Measured | Explored | Failed
ToWorker = Load | Show | Explore | Replay | Force


def from_worker(data: bytes) -> FromWorker:
    """Decode a worker's message."""
    message: FromWorker = msgspec.msgpack.decode(data, type=FromWorker, dec_hook=rich)
    return message


def to_worker(data: bytes) -> ToWorker:
    """Decode a supervisor's message."""
    message: ToWorker = msgspec.msgpack.decode(data, type=ToWorker, dec_hook=rich)
    return message
