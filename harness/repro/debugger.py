"""`racewash replay --gdb` and `--rr`: the execution in a debugger, stopped at a step, with each logical thread's stack.

Logical threads are fibers of one thread of the system, so a debugger's own list of threads has only one entry. The
script written here defines `fibers`, which shows them all, and `fiber N`: a fiber that does not run has left its
registers on its stack (native/sched/switch_x86_64.S); they are put in place, its stack is shown, and the running ones
are put back.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from string import Template

from harness.builds import get_build
from harness.explore.child import exploring
from harness.explore.messages import Explore, Replay
from harness.model.problem import Problem
from harness.repro.debuggee import Debuggee, write_debuggee
from harness.repro.replay import failing_step, order_of
from harness.repro.resolve import resolve
from harness.repro.result import ReplayRequest
from harness.repro.threads import refuse_steps
from harness.stress.process import launch_of

_QUIET = ("-nx", "-iex", "set auto-load off", "-iex", "set debuginfod enabled off")
# Of what rr says, its first sentence: without the place in its own sources before, and its question after it.
_REASON = re.compile(r"(?:\[[^]]*\]\s*)?([^;?\n]*)")
_NOTHING = ("true",)  # a program that shows whether rr can record at all
MODULE = "harness.repro.debuggee"
_MACHINES = ("x86_64",)  # whose saved registers the script knows
# Place of each register on a fiber's stack, in words; what is above them is its stack pointer.
_SAVED = ("r15", "r14", "r13", "r12", "rbx", "rbp", "rip")
_SCRIPT = Template("""\
# racewash: stops at step $step of the execution. `fibers` shows every logical thread, `fiber N` one (0: the creator).
set pagination off
set confirm off
set breakpoint pending on
directory $folder
handle SIGSEGV SIGBUS SIGFPE SIGILL nostop noprint pass

define fiber
  set $$racewash_fiber = 'sched.c'::rt.fibers[$$arg0]
  if $$racewash_fiber->tid == 0
    printf "\\ncreator"
  else
    if $$racewash_fiber == 'sched.c'::rt.checker
      printf "\\njudge of the instant invariants"
    else
      printf "\\nthread %d", $$racewash_fiber->tid - 1
    end
  end
  if $$racewash_fiber == 'sched.c'::rt.cur
    printf " (runs):\\n"
    backtrace
  end
  if $$racewash_fiber != 'sched.c'::rt.cur && $$racewash_fiber->state == FIBER_DONE
    printf " (has ended)\\n"
  end
  if $$racewash_fiber != 'sched.c'::rt.cur && $$racewash_fiber->state != FIBER_DONE
    printf " (waits):\\n"
    set $$racewash_sp = (long)$$racewash_fiber->sp
    set $$racewash_kept_sp = $$rsp
$keep
$take
    set $$rsp = $$racewash_sp + $above
    backtrace
$restore
    set $$rsp = $$racewash_kept_sp
  end
end
document fiber
Show the stack of one logical thread of racewash by its number, 0: the creating and checking one.
end

define fibers
  set $$racewash_i = 0
  while $$racewash_i < 'sched.c'::rt.fiber_cnt
    fiber $$racewash_i
    set $$racewash_i = $$racewash_i + 1
  end
end
document fibers
Show the stacks of all logical threads of racewash.
end

break rs_stop_here
$run
if $$_isvoid($$_exitcode)
  printf "\\nracewash: stopped at step $step\\n"
  fibers
else
  printf "racewash: the execution ended without coming to step $step\\n"
end
""")


def debug(request: ReplayRequest) -> int:
    """Run a debugger at the failing step, or at the step asked for; return its exit code."""
    rr = _recorder() if request.rr else ""
    gdb = _tool("gdb", "--until STEP")
    if platform.machine() not in _MACHINES:
        raise Problem(f"stacks of logical threads are only known on {', '.join(_MACHINES)}; use --until STEP")
    recorded = resolve(request.given, request.store)
    refuse_steps(recorded)
    build = get_build("sched", request.patches)
    same = build.identity.startswith(recorded.repro.build)
    step = request.until
    if step is None:
        step = failing_step(exploring(build), recorded, request)
    order = order_of(recorded, same, 0)
    assert isinstance(order, Explore | Replay)
    launch = launch_of(build, module=MODULE)
    with tempfile.TemporaryDirectory(prefix="racewash-debug-") as folder:
        script, what = Path(folder) / "stop.gdb", Path(folder) / "execution"
        write_debuggee(what, Debuggee(build, order, step))
        program = [*launch.command, str(what)]
        if rr:
            trace = f"{folder}/recording"
            subprocess.run([rr, "record", "-n", "-o", trace, *program], env=launch.environment, check=False)
            script.write_text(script_of(step, "continue", build.library.parent), encoding="utf-8")
            command = [rr, "replay", trace, "--", *_QUIET, *_batch(), "-x", str(script)]
        else:
            script.write_text(script_of(step, "run", build.library.parent), encoding="utf-8")
            command = [gdb, *_QUIET, *_batch(), "-x", str(script), "--args", *program]
        return subprocess.run(command, env=launch.environment, check=False).returncode


def script_of(step: int, run: str, folder: Path) -> str:
    """Return the commands for gdb; `run`: the one that lets the program come to the step, `folder`: of the sources."""
    names = [(name, place * 8) for place, name in enumerate(_SAVED)]
    return _SCRIPT.substitute(
        step=step,
        run=run,
        folder=folder,
        above=len(_SAVED) * 8,
        keep="\n".join(f"    set $racewash_kept_{name} = ${name}" for name, _ in names),
        take="\n".join(f"    set ${name} = *(long *)($racewash_sp + {place})" for name, place in names),
        restore="\n".join(f"    set ${name} = $racewash_kept_{name}" for name, _ in names),
    )


def _batch() -> list[str]:
    """Without a terminal there is nobody to type commands: show the stacks and end."""
    return [] if sys.stdin.isatty() and sys.stdout.isatty() else ["-batch"]


def _recorder() -> str:
    """Return the path of an rr that has recorded something: where processors don't count for it, it never does."""
    rr = _tool("rr", "--gdb")
    with tempfile.TemporaryDirectory(prefix="racewash-debug-") as folder:
        # Its exit code says so; a folder for the recording is made even where nothing can be recorded.
        command = [rr, "record", "-n", "-o", f"{folder}/recording", *_NOTHING]
        tried = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if tried.returncode != 0:
        reason = _REASON.match(tried.stderr.strip())
        said = (reason and reason[1].rstrip(". ")) or f"it ended with {tried.returncode}"
        raise Problem(f"rr is installed but can't record here ({said}): use --gdb instead")
    return rr


def _tool(name: str, instead: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise Problem(f"{name} is not installed here: install it, or use {instead} instead")
    return found
