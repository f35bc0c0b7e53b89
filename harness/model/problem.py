"""A user's mistake or a lack of the environment: one clear sentence, exit code 2, never a traceback."""

from __future__ import annotations


class Problem(Exception):
    """What is wrong, where, and what to do, in one sentence. The command line prints it and exits with 2."""
