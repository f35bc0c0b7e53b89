"""A process with the stock sanitizer preloaded: asked by numbers of executions on stdin, it answers in nanoseconds."""

from __future__ import annotations

import sys

from harness.builds import get_build, load

THREADS = 4  # of workload B


def main() -> None:
    """Measure until nobody asks any more."""
    library = load(get_build("tsan"))
    for line in sys.stdin:
        print(library.bench("segments", THREADS, int(line)), flush=True)


if __name__ == "__main__":
    main()
