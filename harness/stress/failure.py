"""An error of racewash itself in a run: exit code 3."""

from __future__ import annotations


class RunFailed(RuntimeError):
    """What kept the run from being one, in a sentence. What was found before it is in the store."""
