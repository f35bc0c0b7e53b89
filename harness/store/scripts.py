"""The two programs of a bundle, each with scenario and choices inside: they need nothing but racewash."""

from __future__ import annotations

import json
import re
import textwrap
from string import Template

from harness.model.finding import Finding
from harness.model.repro import Repro
from harness.model.scenario import Scenario

PROGRAM, TEST = "repro.py", "test_repro.py"
_WIDTH = 116
_PLACES = 4

_HEAD = '''"""$what

$story

Token: $token
"""

from __future__ import annotations

$imports

# How it is seen again, and the scenario: JSON, as in the bundle's repro.json and scenario.json.
REPRO = r"""
$repro
"""
SCENARIO = r"""
$scenario
"""
'''

_PROGRAM = """
if __name__ == "__main__":
    try:
        seen = racewash.reproduce(REPRO, SCENARIO)
    except racewash.Problem as problem:
        print(f"repro.py: {problem}", file=sys.stderr)
        sys.exit(2)
    print(seen.text)
    sys.exit(1 if seen.reproduced else 0)
"""

_TEST = """
EXECUTIONS = 2000  # searched on another build than the recorded one, when following the choices shows nothing


def test_$name() -> None:
    seen = racewash.reproduce(REPRO, SCENARIO, executions=EXECUTIONS)
    print(seen.text)
    assert not seen.reproduced, seen.text
"""

_HOW_PROGRAM = (
    "Run `python repro.py`: exit code 1 when it is seen again, 0 when it isn't, 2 when it can't be run. $where"
)
_HOW_TEST = """Run `pytest test_repro.py`: it fails while the defect is there and passes when it is gone. $where"""
_WHERE = (
    "The C sources are those of the installed racewash, or of the folder that RACEWASH_SOURCES names; patches (a colon "
    "between two) that RACEWASH_PATCHES names are applied to a copy of them first."
)
_SCHEDULED = (
    "On the recorded build ($build) the very execution is made again. On another one the recorded choices are followed "
    "as far as they fit, with different continuations; then other schedules of the same scenario are searched."
)
_THREADS = (
    "Real threads showed it ($kind build $build) and nothing wrote down their order: the scenario is run a number of "
    "times, which may miss it. `racewash hunt` on the bundle looks for an exact schedule."
)


def scripts(finding: Finding, repro: Repro, text: bytes, scenario: Scenario) -> dict[str, bytes]:
    """Return repro.py and test_repro.py of a finding; `text` is its repro.json."""
    story = Template(_SCHEDULED if repro.scheduled else _THREADS)
    values = {
        "what": _safe(f"{finding.kind} in {finding.suite}: {finding.message}"),
        "token": finding.token or "none",
        "name": re.sub(r"\W+", "_", f"{finding.kind}_{finding.suite}".lower()),
        "repro": _wrapped(text),
        "scenario": _wrapped(scenario.to_json()),
    }
    told = story.substitute(build=repro.build[:8], kind=repro.kind)
    places = [f"- {place.file}:{place.line} {place.function}".rstrip() for place in finding.locations[:_PLACES]]
    seen = ["Seen in:", *map(_safe, places), ""] if places else []
    made = {}
    for name, body, how, imports in (
        (PROGRAM, _PROGRAM, _HOW_PROGRAM, "import sys\n\nimport racewash"),
        (TEST, _TEST, _HOW_TEST, "import racewash"),
    ):
        usage = textwrap.fill(Template(how).substitute(where=_WHERE), _WIDTH)
        story_told = "\n".join([*seen, usage, textwrap.fill(told, _WIDTH)])
        made[name] = Template(_HEAD + body).substitute(values, story=story_told, imports=imports).encode()
    return made


def _safe(line: str) -> str:
    """A line for a docstring: nothing in it may end or change it."""
    return " ".join(line.replace("\\", "/").replace('"""', "'''").split())[:_WIDTH]


def _wrapped(text: bytes) -> str:
    """Return JSON in lines of about _WIDTH characters: broken between values, never in a string."""
    # In strings, what could end one of Python's or look like a place to break is spelt as numbers.
    whole = json.dumps(json.loads(text)).replace("\\\\", "\\u005c").replace('\\"', "\\u0022")
    whole = re.sub(r'"[^"]*"', lambda found: found[0].replace(",", "\\u002c"), whole)
    lines = [""]
    for piece in whole.split(", "):
        word = piece if not lines[-1] else f"{lines[-1]}, {piece}"
        if len(word) <= _WIDTH:
            lines[-1] = word
        else:
            lines[-1] += "," if lines[-1] else ""
            lines.append(piece)
    return "\n".join(line for line in lines if line)
