"""Find the suites through the entry-point group `racewash.suites`."""

from __future__ import annotations

from importlib.metadata import entry_points

from harness.model.problem import Problem
from harness.model.suite import Suite

GROUP = "racewash.suites"


OWN = "kvcache"  # the target whose suites are in the group itself; another target's are in `racewash.suites.TARGET`


def discover(target: str = OWN) -> dict[str, Suite]:
    """Return every installed suite of a target by name, sorted. Raises Problem naming an entry that can't be used.

    >>> "expansion" in discover()
    True
    """
    suites: dict[str, Suite] = {}
    group = GROUP if target == OWN else f"{GROUP}.{target}"
    for entry in sorted(entry_points(group=group), key=lambda entry: entry.name):
        try:
            suite = entry.load()
        except (ImportError, AttributeError) as error:
            raise Problem(f"the suite {entry.name!r} ({entry.value}) can't be loaded: {error}") from error
        if not isinstance(suite, Suite) or suite.name != entry.name:
            raise Problem(f"the suite {entry.name!r} ({entry.value}) is no Suite of that name; correct its entry point")
        suites[suite.name] = suite
    return suites
