"""One hash over the C sources: says whether a library was built from exactly these files.

Run as a program by the wheel's build (`identity.py NATIVE_FOLDER OUT COMPILER`), where nothing but the standard library
is there: it imports nothing else.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

RUNTIME = "sched"  # the folder of the scheduled runtime, which only the build of that name has
LINEAR = "linear"  # the checker of histories, which is compiled with it
_LEFT_OUT = ("tests", "defects", RUNTIME, LINEAR)  # folders that the other libraries are not made of


def source_files(native: Path) -> list[Path]:
    """Return every C source and header a library is made of, in a fixed order."""
    files = [path for path in native.rglob("*.[ch]") if path.relative_to(native).parts[0] not in _LEFT_OUT]
    return sorted(files, key=lambda path: path.relative_to(native).as_posix())


def runtime_files(native: Path) -> list[Path]:
    """Return every file that the scheduled runtime is made of, in a fixed order."""
    return sorted(path for folder in (LINEAR, RUNTIME) for path in (native / folder).rglob("*") if path.is_file())


def sources_hash(native: Path, *, runtime: bool = False) -> str:
    """Return the SHA-256 over the names and contents of the C sources below `native`, the runtime's on demand."""
    digest = hashlib.sha256()
    for path in [*source_files(native), *(runtime_files(native) if runtime else ())]:
        data = path.read_bytes()
        digest.update(f"{path.relative_to(native).as_posix()}\0{len(data)}\0".encode())
        digest.update(data)
    return digest.hexdigest()


def _main() -> None:
    native, out, compiler = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    identity = {"format": 1, "sources": sources_hash(native), "compiler": compiler.lower().replace("gnu", "gcc")}
    out.write_text(json.dumps(identity) + "\n", encoding="utf-8")


if __name__ == "__main__":
    _main()
