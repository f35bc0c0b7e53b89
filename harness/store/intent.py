"""What is about to be executed, on disk before it is: when racewash's own process dies, the next start reads it here.

`<run>/under-way/<worker>.json` says which scenario and seeds a worker was given; `<worker>.area` is the memory through
which the worker shows its progress, a file of the run and not of the process, so that the seed under way outlives both.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from harness.store.disk import make_folder, write_file

FORMAT = 1
UNDER_WAY = "under-way"
_BUILD, _RECORD, _AREA = "build.json", ".json", ".area"


class Intents:
    """The intents of a run. A disk that refuses is told through `note`, and the run goes on."""

    def __init__(self, run: Path, build: Mapping[str, Any], note: Callable[[str], None]) -> None:
        self._folder, self._note = run / UNDER_WAY, note
        self._write(_BUILD, build)

    def area(self, worker: str, size: int) -> int | None:
        """Return a descriptor of a new file of so many bytes, all of them on disk; None when there is no room."""
        try:
            fd = os.open(self._folder / f"{worker}{_AREA}", os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        except OSError:
            return None
        try:
            os.posix_fallocate(fd, 0, size)  # a mapped file that can't grow would kill who writes to it
        except OSError:
            os.close(fd)
            return None
        return fd

    def begin(self, worker: str, record: Mapping[str, Any]) -> None:
        """Write down what a worker is about to execute; when this returns, it is on disk."""
        self._write(f"{worker}{_RECORD}", record)

    def end(self, worker: str) -> None:
        """A worker has done what it was given."""
        with contextlib.suppress(OSError):
            (self._folder / f"{worker}{_RECORD}").unlink(missing_ok=True)

    def clear(self) -> None:
        """The run is over and has said so in its own file."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _write(self, name: str, value: Mapping[str, Any]) -> None:
        try:
            make_folder(self._folder)
            write_file(self._folder / name, msgspec.json.encode({"format": FORMAT, **value}))
        except OSError as error:
            self._note(f"{self._folder} can't be written: {error.strerror}; should racewash itself be killed, nobody "
                       "will know what it was executing")  # fmt: skip


def read_intents(run: Path) -> tuple[dict[str, Any], list[tuple[dict[str, Any], bytes]]]:
    """Return the build of a run and what its workers were given, each with its area; what is damaged is left out."""
    folder = run / UNDER_WAY
    records = []
    for path in sorted(folder.glob(f"*{_RECORD}")):
        plain = _read(path)
        if plain is None or path.name == _BUILD:
            continue
        try:
            area = path.with_suffix(_AREA).read_bytes()
        except OSError:
            area = b""
        records.append((plain, area))
    return _read(folder / _BUILD) or {}, records


def _read(path: Path) -> dict[str, Any] | None:
    try:
        plain = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return plain if isinstance(plain, dict) and plain.get("format") == FORMAT else None
