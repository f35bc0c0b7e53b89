"""The bundle of a smallest case: beside the finding's own, which stays as it is; with the story, and a token."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec

from harness.explore.bundle import files_of
from harness.model.repro import Repro
from harness.model.scenario import Scenario
from harness.model.token import token_of
from harness.shrink.run import Shrunk
from harness.shrink.table import story_text
from harness.store import add_shrunk, new_run
from harness.store.write import SHRUNK
from harness.version import VERSION

STORY = "story.txt"


def keep(shrunk: Shrunk, store: Path) -> tuple[str, Path]:
    """Write the smallest case's bundle; return its token and its folder. Raises Problem when the store refuses.

    A token that has no bundle here gets one, in a run of its own.
    """
    files, token = contents(shrunk)
    return token, add_shrunk(_beside(shrunk, store), replace(shrunk.finding, token=token), files)


def contents(shrunk: Shrunk) -> tuple[dict[str, bytes], str]:
    """Return the bundle's files and the token."""
    scenario, build = shrunk.after.scenario, shrunk.launch.build
    files, content = files_of(shrunk.repro, scenario, build, shrunk.trace_hash)
    if shrunk.story is not None:
        files[STORY] = story_text(shrunk.story).encode()
    return files, token_of(shrunk.repro, content, scenario)


def _beside(shrunk: Shrunk, store: Path) -> Path:
    folder = shrunk.recorded.folder
    if folder is not None:
        return folder.parent if folder.name.startswith(SHRUNK) else folder
    seed, build = shrunk.recorded.repro.schedule.seed, shrunk.launch.build
    made = {"kind": build.kind, "identity": build.identity, "compiler": build.compiler,
            "patches": list(build.patches), "archive": build.archive_hash}  # fmt: skip
    run = {"command": "shrink", "version": VERSION, "again": None, "seed": seed, "build": made,
           "memory_model": shrunk.after.options.memory_model}  # fmt: skip
    kept = new_run(store, seed, run)
    original, scenario = _original(shrunk)
    files, content = files_of(original, scenario, build, None)
    finding = replace(shrunk.finding, token=token_of(original, content))
    bundle = kept.add_finding(finding, files)
    kept.write_run({**run, "seconds": shrunk.seconds, "executions": shrunk.tries, "suites": [],
                    "findings": [msgspec.to_builtins(finding)]})  # fmt: skip
    return bundle


def _original(shrunk: Shrunk) -> tuple[Repro, Scenario]:
    """The finding as it was before, with the choices that were seen to show it on this build."""
    recorded, before = shrunk.recorded.repro, shrunk.before
    repro = replace(recorded, schedule=before.schedule, options=before.options, build=shrunk.launch.build.identity,
                    fingerprint=shrunk.finding.fingerprint)  # fmt: skip
    return repro, shrunk.recorded.scenario
