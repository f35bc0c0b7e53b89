"""Apply unified diffs to a copy of the C sources."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from harness.builds.identity import sources_hash
from harness.model.problem import Problem


def read_patches(patches: Sequence[Path]) -> list[bytes]:
    """Return the contents of the patches. Raises Problem naming one that can't be read."""
    contents = []
    for path in patches:
        try:
            contents.append(path.read_bytes())
        except FileNotFoundError as error:
            raise Problem(f"the patch {path} does not exist") from error
        except OSError as error:
            raise Problem(f"the patch {path} can't be read: {error.strerror}") from error
    return contents


def apply_patches(root: Path, patches: Sequence[Path], contents: Sequence[bytes]) -> None:
    """Apply patches (their paths start with a/native/) to the copy below `root`, one after another.

    Raises Problem when one doesn't apply exactly, context included, or leaves the sources as they were.
    """
    tool = shutil.which("patch")
    if patches and tool is None:
        raise Problem("the program `patch`, which a build with patches needs, is not installed: install patch")
    for path, content in zip(patches, contents, strict=True):
        before = sources_hash(root / "native", runtime=True)
        command = [str(tool), "-p1", "--forward", "--fuzz=0", "--batch", "--no-backup-if-mismatch", "--reject-file=-"]
        run = subprocess.run(command, cwd=root, input=content, capture_output=True, check=False)
        if run.returncode != 0:
            said = " / ".join(line for line in (run.stdout + run.stderr).decode(errors="replace").splitlines()[:3])
            raise Problem(f"the patch {path} does not apply to these sources: {said}")
        if sources_hash(root / "native", runtime=True) == before:
            raise Problem(f"the patch {path} changes nothing in the sources that a build is made of")
