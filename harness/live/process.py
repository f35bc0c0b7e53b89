"""The process of `apart`: one job that loads the database's code; its request on stdin, its answer on stdout."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

from harness.live.apart import cap_memory
from harness.model.problem import Problem


def _figures(request: dict[str, Any]) -> dict[str, Any]:
    from harness.live.figures import measure

    return measure()


def _conform(request: dict[str, Any]) -> dict[str, Any]:
    from harness.live.conform import search

    return search(request)


JOBS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {"figures": _figures, "conform": _conform}


def main(job: str) -> None:
    """Do one job. A Problem is an answer too."""
    # The database's code prints to stdout as it likes: the answer goes to a copy of it, made before.
    answers = os.dup(1)
    os.dup2(2, 1)
    cap_memory()
    request = json.load(sys.stdin)
    try:
        answer = JOBS[job](request)
    except Problem as problem:
        answer = {"problem": str(problem)}
    data = json.dumps(answer).encode()
    while data:
        data = data[os.write(answers, data) :]


if __name__ == "__main__":
    code = 0
    try:
        main(sys.argv[1])
    except BaseException:
        traceback.print_exc()
        code = 3
    sys.stderr.flush()
    os._exit(code)  # the database has threads that nobody can end, and an exit code of its own
