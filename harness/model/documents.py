"""What the sources say of themselves: the header of each planted defect, and the invariants of docs/invariants.md."""

from __future__ import annotations

import re
from dataclasses import dataclass

SEQUENTIAL, INTERLEAVING, FAULT, WEAK = "single-threaded", "interleaving", "fault", "weak memory"
CATEGORIES = (SEQUENTIAL, INTERLEAVING, FAULT, WEAK)

_FIELD = re.compile(r"^(\w+): (.+)$", re.MULTILINE)
_INVARIANT = re.compile(r"^\| ([A-Z]\d+) \| (.+?) \| (.+?) \|", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Defect:
    """A patch of native/defects; `planted`: its suite must find it within the budget. `finds`: kinds of findings.

    `suites`: where it is looked for first, `suite` alone unless the header has a line `Suites`. `category`: the
    header's `Class`. `layout`: the one in which it shows. `number`: its own in the
    specification's list, null where it has none.
    `deferred`: why no schedule can show it, empty where one can. `plan`: faults without which none does.
    """

    name: str
    component: str
    property: str
    finds: tuple[str, ...]
    suite: str
    sanitizer: str
    planted: bool
    origin: str
    purpose: str
    category: str = INTERLEAVING
    suites: tuple[str, ...] = ()
    layout: str = "after"
    number: int | None = None
    deferred: str = ""
    plan: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Invariant:
    """A claim that runs judge; `when`: instant, quiescent, destroyed."""

    id: str
    claim: str
    when: tuple[str, ...]


def parse_defect(patch: str) -> Defect:
    """Read a patch's header. Raises ValueError naming the first field that is missing.

    >>> parse_defect("Suite: map")
    Traceback (most recent call last):
    ValueError: the header has no field Name
    """
    header: dict[str, str] = dict(_FIELD.findall(patch.partition("\n--- ")[0]))
    try:
        return Defect(
            name=header["Name"],
            component=header["Component"],
            property=header["Property"],
            finds=tuple(header["Finds"].split(", ")),
            suite=header["Suite"],
            sanitizer=header["Sanitizer"],
            planted=header["Planted"] == "yes",
            origin=header["Origin"],
            purpose=header["Purpose"],
            category=header["Class"],
            suites=tuple((header.get("Suites") or header["Suite"]).split(", ")),
            layout=header.get("Layout", "after"),
            number=int(header["Gallery"]) if "Gallery" in header else None,
            deferred=header.get("Deferred", ""),
            plan=tuple(header["Plan"].split("; ")) if "Plan" in header else (),
        )
    except KeyError as error:
        raise ValueError(f"the header has no field {error.args[0]}") from error


def parse_invariants(markdown: str) -> tuple[Invariant, ...]:
    """Read the invariants from the tables of the document, in its order.

    >>> parse_invariants("| Id | Claim | When |\\n|---|---|---|\\n| I1 | Every block exists. | instant, quiescent |\\n")
    (Invariant(id='I1', claim='Every block exists.', when=('instant', 'quiescent')),)
    """
    return tuple(Invariant(name, claim, tuple(when.split(", "))) for name, claim, when in _INVARIANT.findall(markdown))
