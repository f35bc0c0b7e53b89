"""`racewash doctor`: what this machine can do, and what to install for the rest."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import psutil

from harness.builds import Compiler, cache_folder, find_compiler, fixed_addresses, runtime_library
from harness.builds.sources import LIBRARY
from harness.cli._options import echo_json
from harness.live.package import find_package
from harness.model.output.doctor import Check, DoctorOutput
from harness.model.problem import Problem
from harness.version import VERSION

LEAST_MEMORY = 512 << 20  # bytes free: a worker of a small core, and the command itself, with room to spare
LEAST_DISK = 64 << 20
RANDOM_BITS = Path("/proc/sys/vm/mmap_rnd_bits")
MOST_RANDOM_BITS = 28  # libtsan's shadow has no room for addresses with more


@dataclass(frozen=True, slots=True)
class Probe:
    """One thing looked at; `found` says what is there, `needed` whether the plain `run` and `table` need it."""

    name: str
    ok: bool
    found: str
    fix: str
    needed: bool = False


@click.command(epilog="Example: racewash doctor")
@click.option("--store", type=click.Path(path_type=Path), default=".racewash", help="The store that runs will use.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(store: Path, as_json: bool) -> int:
    """Say what this machine has, and what to do where something is missing.

    Exit code 0 when `racewash table` and `racewash run` without a sanitizer can work, 2 otherwise.
    """
    probes = list(examine(store))
    if as_json:
        checks = tuple(Check(name=one.name, ok=one.ok, fix=None if one.ok else one.fix) for one in probes)
        echo_json(DoctorOutput(command="doctor", version=VERSION, checks=checks))
    else:
        width = max(len(one.name) for one in probes)
        for one in probes:
            mark, text = ("ok     ", one.found) if one.ok else ("missing", one.fix)
            click.echo(f"{mark}  {one.name.ljust(width)}  {text}")
    return 2 if any(one.needed and not one.ok for one in probes) else 0


def examine(store: Path) -> Iterator[Probe]:
    """Look at everything, one after the other."""
    version = platform.python_version()
    yield Probe("Python", sys.version_info >= (3, 11), version, "install Python 3.11 or newer", needed=True)
    yield from _compilers()
    yield _program("patch", "to build the planted defects")
    yield _program("gdb", "to look at a stopped worker's native stacks")
    yield _database()
    yield _randomisation()
    cores = len(os.sched_getaffinity(0))
    yield Probe("cores", cores >= 2, str(cores), "allow at least 2 cores: on one core threads only take turns")
    free = psutil.virtual_memory().available
    text = f"{free >> 20} MB available"
    fix = f"free some memory: {LEAST_MEMORY >> 20} MB are needed, {text}"
    yield Probe("memory", free >= LEAST_MEMORY, text, fix, needed=True)
    yield _folder("store", store.absolute(), "give another folder with --store")
    yield _folder("cache", cache_folder(), "set RACEWASH_CACHE to another folder")


def _compilers() -> Iterator[Probe]:
    """The compiler and the libraries that come with it."""
    compiler: Compiler | None = None
    try:
        compiler = find_compiler()
        yield Probe("compiler", True, str(compiler), "")
    except Problem as problem:
        yield Probe("compiler", False, "", str(problem), needed=not LIBRARY.is_dir())
    for kind, option in (("tsan", "ThreadSanitizer"), ("asan", "AddressSanitizer")):
        yield _sanitizer(kind, option, compiler)
    found = compiler is not None and _has_cmocka(compiler)
    fix = "install libcmocka-dev" if compiler else "install a C compiler first, then libcmocka-dev"
    yield Probe("cmocka", found, "installed", f"{fix} to run the tests of the C core")


def _sanitizer(kind: str, name: str, compiler: Compiler | None) -> Probe:
    if compiler is None:
        return Probe(f"lib{kind}", False, "", f"install a C compiler first, {name}'s library comes with it")
    try:
        return Probe(f"lib{kind}", True, str(runtime_library(kind, compiler)), "")
    except Problem as problem:
        return Probe(f"lib{kind}", False, "", str(problem))


def _has_cmocka(compiler: Compiler) -> bool:
    return compiler.file("libcmocka.so") is not None or compiler.file("libcmocka.a") is not None


def _program(name: str, purpose: str) -> Probe:
    path = shutil.which(name)
    return Probe(name, path is not None, path or "", f"install {name} {purpose}")


def _database() -> Probe:
    """The optional package; nothing but the target seekdb needs it."""
    try:
        return Probe("seekdb", True, f"{find_package().version}, the database itself can be raced", "")
    except Problem as problem:
        return Probe("seekdb", False, "", str(problem))


def _randomisation() -> Probe:
    """libtsan aborts where addresses are too random, unless that can be switched off for its workers."""
    name, fix = "addresses", f"run `sysctl vm.mmap_rnd_bits={MOST_RANDOM_BITS}`, or ThreadSanitizer can't start here"
    try:
        bits = int(RANDOM_BITS.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return Probe(name, True, "the system does not say how random they are", "")
    if bits <= MOST_RANDOM_BITS:
        return Probe(name, True, f"{bits} random bits", "")
    with fixed_addresses() as allowed:
        return Probe(name, allowed, f"{bits} random bits, switched off for ThreadSanitizer's workers", fix)


def _folder(name: str, folder: Path, otherwise: str) -> Probe:
    """Look whether a folder can be made or written, without making it."""
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        return Probe(name, False, "", f"{folder} can't be written: {otherwise}", needed=True)
    free = shutil.disk_usage(place).free
    return Probe(name, free >= LEAST_DISK, str(folder),
                 f"{folder} has only {free >> 20} MB of room: free some, or {otherwise}", needed=True)  # fmt: skip
