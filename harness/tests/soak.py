"""The long run: every suite on each build, in both layouts and by forked processes, then a report of each run.

RACEWASH_SOAK_SECONDS (standard 3600) is the length of all runs together, RACEWASH_SOAK_SEED the seed (standard: drawn
and printed). Findings and reports stay in the store, `.racewash` or RACEWASH_SOAK_STORE. Words after the script's name
go to each run. Exit code: the worst of all.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path

# (name, part of the time, options); the sanitizers' builds are slower and see more, so they get most of it
_RUNS = (
    ("none", 0.10, ("--threads", "64")),
    ("none-before", 0.05, ("--threads", "8", "--layout", "before")),
    ("none-shared", 0.05, ("--threads", "8", "--shared", "4")),
    ("tsan", 0.35, ("--threads", "16", "--processes", "2", "--sanitizer", "tsan")),
    ("tsan-before", 0.15, ("--threads", "8", "--layout", "before", "--sanitizer", "tsan")),
    ("asan", 0.20, ("--threads", "8", "--processes", "2", "--sanitizer", "asan")),
    ("asan-before", 0.10, ("--threads", "8", "--layout", "before", "--sanitizer", "asan")),
)


def main() -> int:
    """Run them one after another; a run that finds something stops none of the others."""
    seconds = float(os.environ.get("RACEWASH_SOAK_SECONDS", "3600"))
    seed = os.environ.get("RACEWASH_SOAK_SEED") or str(secrets.randbits(32))
    store = Path(os.environ.get("RACEWASH_SOAK_STORE", ".racewash")).absolute()
    print(f"soak: {seconds:.0f} s in {len(_RUNS)} runs; seed {seed}; store {store}", flush=True)
    worst = 0
    for name, part, options in _RUNS:
        common = ["--seconds", f"{seconds * part:g}", "--seed", seed, "--store", str(store)]
        code = call("racewash", "run", *common, *options, *sys.argv[1:])
        print(f"soak: {name} ended with exit code {code}", flush=True)
        worst = max(worst, code, call("racewash", "report", str(store), "-o", str(store / f"soak-{name}.html")))
    return worst


def call(*command: str) -> int:
    """Say what is run, run it, and return its exit code; 1 for a death by a signal."""
    print("soak:", " ".join(command), flush=True)
    code = subprocess.run(command, check=False).returncode
    return code if code >= 0 else 1


if __name__ == "__main__":
    sys.exit(main())
