"""Programs that are linked with the scheduled runtime instead of the system's threads, for its tests."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from harness.builds import Build, Target
from harness.builds.compile import RUNTIME_ARCHIVE
from harness.builds.compiler import find_compiler
from harness.builds.recipe import recipe
from harness.model.scenario import Op, Scenario

TESTS = Path(__file__).resolve().parents[2] / "native" / "tests" / "sched"
SECONDS = 300  # far above what any program is meant to take
SCHED = TESTS.parents[1] / "sched"


def call(*command: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS,
                          env={**os.environ, **(env or {})})  # fmt: skip


def checked(*command: str) -> None:
    run = call(*command)
    assert run.returncode == 0, f"{' '.join(command)}\n{run.stderr}"


def linked(build: Build, tmp_path: Path, compiler: tuple[str, ...], source: Path, *final: str,
           standard: str = "", join: tuple[str, ...] = ()) -> Path:  # fmt: skip
    """Compile a program that is to run under the scheduler as the build's objects are, and link it with the runtime."""
    root = build.library.parent
    flags = [flag for flag in recipe("sched", find_compiler()).compile if not flag.startswith("-std=")]
    wraps = [f"-Wl,{line}" for line in (build.native / "sched" / "wrap.txt").read_text().split()]
    own = tmp_path / f"{source.stem}.o"
    checked(*compiler, *flags, *([standard] if standard else ["-std=c11"]), "-c", str(source), "-o", str(own))
    whole, program = tmp_path / "joined.o", tmp_path / source.stem
    # Of the build's objects those that the program calls, and what the runtime calls.
    called = ("workload_canary", "workload_increments", "workload_segments", "rw_fault_here")
    needed = [f"-Wl,-u,{name}" for name in called]
    checked(*compiler, "-r", "-nostdlib", *wraps, *needed, str(own), str(build.archive), *join, "-o", str(whole))
    checked(
        *compiler,
        "-Wl,-z,now",
        "-o",
        str(program),
        *final,
        str(whole),
        str(root / RUNTIME_ARCHIVE),
        "-lcmocka",
        "-lpthread",
    )
    return program


def core_walker(build: Build, tmp_path: Path) -> Path:
    """Link the program that walks through scenarios of the core: see its source."""
    return linked(build, tmp_path, find_compiler().command, TESTS / "test_core_dfs.c", "-lm", "-ldl")


def final_states(
    program: Path, scenario: Scenario, target: Target, strategy: str, bound: int
) -> tuple[int, tuple[str, ...]]:
    """Walk through a scenario to its end; return the number of executions and the hashes of the final states."""

    def line(what: str, op: Op) -> str:
        args = [*op.args, 0, 0, 0, 0][:4]
        return " ".join(map(str, (what, target.ops[op.name].code, *args)))

    lines = [f"param {name} {value}" for name, value in scenario.params.items()]
    lines += [line("setup", op) for op in scenario.setup]
    lines += [line(f"op {thread}", op) for thread, program in enumerate(scenario.programs) for op in program]
    run = subprocess.run([program, strategy, str(bound)], input="\n".join(lines), capture_output=True, text=True,
                         check=False)  # fmt: skip
    assert run.returncode == 0, run.stderr
    first, *states = run.stdout.splitlines()
    ending, executions, findings = first.split()
    assert (ending, findings) == ("exhausted", "0"), first
    return int(executions), tuple(states)


def both_agree(program: Path, scenario: Scenario, target: Target, bound: int) -> None:
    """The search with reduction comes to the same final states as the one without, in fewer executions.

    Up to a bound, above 0: without one the plain search of the smallest scenario has no end in sight.
    """
    few, some = final_states(program, scenario, target, "dfs", bound)
    many, all_of_them = final_states(program, scenario, target, "dfs-plain", bound)
    assert some == all_of_them
    assert few < many
