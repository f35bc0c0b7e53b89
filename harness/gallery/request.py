"""What is asked of a gallery, and the defects that it is about."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.builds import sources
from harness.explore.request import OPTIONS
from harness.model.documents import FAULT, Defect, parse_defect
from harness.model.gallery import PatchError
from harness.model.problem import Problem
from harness.model.schedule import Options

BUDGET, SEEDS, REPLAYS = 60.0, 5, 20
SUITE_BUDGET = 5.0
THREADS, OPS = 3, 6  # of a scenario: those of `racewash explore`


@dataclass(frozen=True, slots=True)
class GalleryRequest:
    """One gallery. `names` empty: all defects of the folder `patches` (None: native/defects).

    `budget`: CPU seconds for each defect and seed. `seeds`: searches of each defect. `real_threads`: search on real
    threads too, as long, where no fault is needed. `by_suite`: search with each suite alone as well, `suite_budget`
    CPU seconds each, one seed. `resume`: take what the store has of the same builds, scenarios and options instead of
    measuring it again.
    """

    names: tuple[str, ...] = ()
    patches: Path | None = None
    options: Options = OPTIONS
    budget: float = BUDGET
    seeds: int = SEEDS
    first_seed: int = 1
    jobs: int = 1
    replays: int = REPLAYS
    real_threads: bool = True
    by_suite: bool = False
    suite_budget: float = SUITE_BUDGET
    resume: bool = True
    store: Path = Path(".racewash")


@dataclass(frozen=True, slots=True)
class Exhibit:
    """A patch and what its header says."""

    path: Path
    defect: Defect

    @property
    def raceable(self) -> bool:
        """Whether real threads could show it: the fault that it takes is given to the scheduler alone."""
        return not self.defect.deferred and self.defect.category != FAULT


def check(request: GalleryRequest) -> None:
    """Raise Problem with one sentence when a figure is out of its range."""
    for name, seconds in (("budget", request.budget), ("suite budget", request.suite_budget)):
        if not (math.isfinite(seconds) and seconds > 0):
            raise Problem(f"the {name} is {seconds}, must be a number of seconds above 0")
    for name, value in (("seeds", request.seeds), ("jobs", request.jobs)):
        if not 1 <= value <= 64:
            raise Problem(f"{name} is {value}, must be from 1 to 64")


def exhibits(request: GalleryRequest) -> tuple[list[Exhibit], list[PatchError]]:
    """Return the defects asked for, in the order of their names, and the files that are none.

    Raises Problem when there is no such folder or no defect of a name.
    """
    folder = request.patches or sources() / "native" / "defects"
    if not folder.is_dir():
        missing = "is no folder" if folder.exists() else "does not exist"
        raise Problem(f"the folder of patches {folder} {missing}")
    paths = _chosen(sorted(folder.glob("*.patch")), request.names, folder)
    shown, errors = [], []
    for path in paths:
        try:
            shown.append(Exhibit(path, parse_defect(path.read_text(encoding="utf-8"))))
        except (ValueError, OSError) as error:
            errors.append(PatchError(path.stem, f"{path} is no defect: {error}"))
    return shown, errors


def _chosen(paths: Sequence[Path], names: Sequence[str], folder: Path) -> list[Path]:
    known = {path.stem: path for path in paths}
    for name in names:
        if name not in known:
            raise Problem(
                f"there is no defect {name!r} in {folder}; `racewash list defects` names those of the sources"
            )
    if not known:
        raise Problem(f"there is no patch in {folder}")
    return [known[name] for name in dict.fromkeys(names)] or list(paths)
