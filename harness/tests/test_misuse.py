"""Wrong input and a poor environment, over the command line: one clear sentence, exit code 2, no traceback."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.misuse

RACEWASH = Path(sys.executable).with_name("racewash")
SECONDS = 120  # far above what any refusal is meant to take


@pytest.fixture(autouse=True)
def _installed() -> None:
    if not RACEWASH.exists():
        pytest.skip("racewash is not installed in this environment: pip install -e .")


def racewash(*words: str, env: dict[str, str] | None = None, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [str(RACEWASH), *words]
    environment = {**os.environ, **(env or {})}
    return subprocess.run(
        command, env=environment, cwd=cwd, capture_output=True, text=True, timeout=SECONDS, check=False
    )


def refuses(run: subprocess.CompletedProcess[str], *words: str) -> None:
    """The whole of the promise: exit code 2, nothing on stdout, one message that names what is wrong."""
    assert run.returncode == 2, (run.returncode, run.stderr)
    assert run.stdout == ""
    assert "Traceback" not in run.stderr
    message = run.stderr.strip().splitlines()[-1]
    assert len(message) > 20
    for word in words:
        assert word.lower() in run.stderr.lower(), f"{word!r} is not in {run.stderr!r}"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("run", "no-such-suite"), "no-such-suite"),
        (("run", "--threads", "-3"), "-3"),
        (("run", "--threads", "0"), "threads"),
        (("run", "--threads", "many"), "many"),
        (("run", "--threads", "100000"), "100000"),
        (("run", "--processes", "-1"), "-1"),
        (("run", "--shared", "-1"), "-1"),
        (("run", "--seconds", "-1"), "-1"),
        (("run", "--seconds", "nan"), "seconds"),
        (("run", "--seed", "-1"), "-1"),
        (("run", "--memory", "1M"), "64"),
        (("run", "--memory", "plenty"), "plenty"),
        (("run", "--sanitizer", "msan"), "msan"),
        (("run", "--layout", "middle"), "middle"),
        (("run", "--layout", "buckets=round"), "buckets=round"),
        (("run", "--target", "no-such-target"), "no-such-target"),
        (("run", "--hang-after", "0"), "hang-after"),
        (("table", "--memory", "1M"), "64"),
        (("table", "--buckets", "0"), "0"),
        (("list", "everything"), "everything"),
        (("explore", "no-such-suite"), "no-such-suite"),
        (("explore", "--executions", "0"), "executions"),
        (("explore", "--executions", "5", "--seconds", "5"), "one of them"),
        (("explore", "--strategy", "luck"), "luck"),
        (("explore", "--memory-model", "tso"), "tso"),
        (("explore", "--jobs", "0"), "jobs"),
        (("explore", "--seed", "-1"), "-1"),
        (("explore", "--switch-probability", "2"), "2"),
        (("explore", "--patch", "no-such.patch", "--executions", "1"), "no-such.patch"),
        (("replay",), "TOKEN"),
        (("replay", "no-such-token"), "no token"),
        (("replay", "rw1.AgARIjNEVWZ3"), "damaged"),
        (("replay", "rw7.AgARIjNEVWZ3"), "rw7"),
        (("replay", "rw1.AgARIjNEVWZ3iJmqu8zd7v-F9g3p"), "not in the store"),
        (("replay", "no/such/bundle"), "no/such/bundle"),
        (("replay", "rw1.AgARIjNEVWZ3", "--times", "-1"), "times"),
        (("explore", "--shrink", "-1"), "shrink"),
        (("shrink",), "TOKEN"),
        (("shrink", "no-such-token"), "no token"),
        (("shrink", "no/such/bundle"), "no/such/bundle"),
        (("shrink", "rw1.AgARIjNEVWZ3", "--seconds", "0"), "seconds"),
        (("shrink", "rw1.AgARIjNEVWZ3", "--times", "0"), "times"),
        (("fly",), "fly"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_input(words: tuple[str, ...], named: str, tmp_path: Path) -> None:
    refuses(racewash(*words, cwd=tmp_path), named)
    assert list(tmp_path.iterdir()) == [], "a refused command left files behind"


def test_report_without_any_run(tmp_path: Path) -> None:
    refuses(racewash("report", cwd=tmp_path), "run")


def compiler_without(library: str, folder: Path) -> Path:
    """Write a gcc that has everything but one sanitizer's library, as on a machine where it isn't installed."""
    real = shutil.which("gcc")
    if real is None:
        pytest.skip("gcc is not installed")
    wrapper = folder / "gcc"
    wrapper.write_text(
        "#!/bin/sh\n"
        'for word in "$@"; do case "$word" in\n'
        f'    -print-file-name={library}*) echo "${{word#-print-file-name=}}"; exit 0;;\n'
        "esac; done\n"
        'for word in "$@"; do case "$word" in -shared|-o*) shared=1;; esac; done\n'
        f'case "$shared $*" in *"-fsanitize="*"-shared"*) echo "cannot find -l{library[3:]}" >&2; exit 1;; esac\n'
        f'exec {real} "$@"\n',
        encoding="utf-8",
    )
    wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
    return folder


@pytest.mark.parametrize(("sanitizer", "library"), [("tsan", "libtsan"), ("asan", "libasan")])
def test_sanitizer_not_installed(sanitizer: str, library: str, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    path = f"{compiler_without(library, tools)}{os.pathsep}{os.environ['PATH']}"
    env = {"PATH": path, "CC": "", "RACEWASH_CACHE": str(tmp_path / "cache")}
    run = racewash("run", "supply", "--seconds", "1", "--sanitizer", sanitizer, env=env, cwd=tmp_path)
    refuses(run, library)


def test_no_compiler(tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    env = {"PATH": str(tmp_path / "nothing"), "CC": "", "RACEWASH_CACHE": str(tmp_path / "cache")}
    run = racewash("run", "supply", "--seconds", "1", "--sanitizer", "tsan", env=env, cwd=tmp_path)
    refuses(run, "compiler", "install")


# ---- Stores that can't be written ----


def test_store_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("not a folder", encoding="utf-8")
    refuses(racewash("run", "supply", "--seconds", "1", "--store", "store", cwd=tmp_path), "store")


def test_store_not_writable(tmp_path: Path) -> None:
    """Root may write anywhere but where the system itself refuses: /proc."""
    store = Path("/proc/racewash-store")
    if os.geteuid() != 0:
        locked = tmp_path / "locked"
        locked.mkdir(mode=0o500)
        store = locked / "store"
    refuses(racewash("run", "supply", "--seconds", "1", "--store", str(store), cwd=tmp_path), str(store))


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KB with nothing free; only root can make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small file system can't be mounted here: that needs root and the right to mount")
    try:
        with (folder / "filler").open("wb", buffering=0) as filler:
            try:
                while filler.write(b"x" * 4096):
                    pass
            except OSError:
                pass
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_store_full(full_disk: Path, tmp_path: Path) -> None:
    run = racewash("run", "supply", "--seconds", "1", "--store", str(full_disk), cwd=tmp_path)
    refuses(run, str(full_disk))


def test_table_store_full(full_disk: Path, tmp_path: Path) -> None:
    refuses(racewash("table", "--memory", "64M", "--store", str(full_disk), cwd=tmp_path), str(full_disk))
    assert [path for path in full_disk.rglob("*") if path.is_file()] == [full_disk / "filler"]


# ---- Interruption ----


def workers_of(process: psutil.Process, at_least: int) -> list[psutil.Process]:
    """Return the descendants once there are so many, or fail after a minute (the first use builds)."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        children = process.children(recursive=True)
        if len(children) >= at_least:
            return children
        psutil.wait_procs([process], timeout=0.05)
        assert process.is_running(), "the run ended before it had workers"
    pytest.fail("no workers within a minute")


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM], ids=lambda value: value.name)
def test_interrupted(sent: signal.Signals, tmp_path: Path) -> None:
    words = ["run", "--seconds", "60", "--threads", "2", "--processes", "2", "--store", str(tmp_path / "store")]
    command = [str(RACEWASH), *words]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        workers = workers_of(psutil.Process(process.pid), at_least=2)
        process.send_signal(sent)
        _, alive = psutil.wait_procs(workers, timeout=2)
        _, stderr = process.communicate(timeout=10)
    assert not alive, "workers outlived the interruption by more than 2 s"
    assert process.returncode == 130, stderr
    assert "Traceback" not in stderr
    assert "seed" in stderr, "what ran and how to run it again is printed"
