"""The long run: every suite on each build, one after another, then a report of each run.

RACEWASH_SOAK_SECONDS (standard 3600) is the length of all builds together, RACEWASH_SOAK_SEED the seed (standard: drawn
and printed). Findings and reports stay in the store, `.racewash` or RACEWASH_SOAK_STORE. Exit code: the worst of all.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path

# build -> share of the time; the sanitizers' builds are slower and see more, so they get most of it
_SHARES = {"none": 0.2, "tsan": 0.5, "asan": 0.3}


def main() -> int:
    """Run every build, then write the reports."""
    seconds = float(os.environ.get("RACEWASH_SOAK_SECONDS", "3600"))
    seed = int(os.environ.get("RACEWASH_SOAK_SEED", "0")) or secrets.randbits(32)
    store = Path(os.environ.get("RACEWASH_SOAK_STORE", ".racewash")).absolute()
    print(f"soak: {seconds:.0f} s over {', '.join(_SHARES)}; seed {seed}; store {store}", flush=True)
    worst = 0
    for build, share in _SHARES.items():
        command = ["racewash", "run", "--seconds", str(max(8, round(seconds * share))), "--threads", "8"]
        command += ["--processes", "2", "--sanitizer", build, "--seed", str(seed), "--store", str(store)]
        print("soak:", " ".join(command), flush=True)
        code = subprocess.run([*command, *sys.argv[1:]], check=False).returncode
        print(f"soak: {build} ended with exit code {code}", flush=True)
        report = subprocess.run(
            ["racewash", "report", str(store), "-o", str(store / f"soak-{build}.html")], check=False
        )
        worst = max(worst, code, report.returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main())
