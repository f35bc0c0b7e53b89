"""Every command's output by its name: what --json printed is checked against it."""

from __future__ import annotations

import msgspec

from harness.model.output.bench import BenchOutput
from harness.model.output.common import Output
from harness.model.output.conform import ConformOutput
from harness.model.output.doctor import DoctorOutput
from harness.model.output.explore import ExploreOutput
from harness.model.output.gallery import GalleryOutput
from harness.model.output.hunt import HuntOutput
from harness.model.output.list import ListOutput
from harness.model.output.replay import ReplayOutput
from harness.model.output.report import ReportOutput
from harness.model.output.run import RunOutput
from harness.model.output.shrink import ShrinkOutput
from harness.model.output.sweep import SweepOutput
from harness.model.output.table import TableOutput

OUTPUTS: dict[str, type[Output]] = {
    "run": RunOutput,
    "explore": ExploreOutput,
    "sweep": SweepOutput,
    "replay": ReplayOutput,
    "hunt": HuntOutput,
    "shrink": ShrinkOutput,
    "table": TableOutput,
    "list": ListOutput,
    "doctor": DoctorOutput,
    "report": ReportOutput,
    "bench": BenchOutput,
    "conform": ConformOutput,
    "gallery": GalleryOutput,
}


def decode(text: bytes | str) -> Output:
    """Decode what a command printed. Raises ValueError when it is not exactly what its dataclass says.

    >>> decode('{"command": "report", "version": "1", "run": "a", "output": "b"}').run
    'a'
    """
    plain = msgspec.json.decode(text)
    kind = OUTPUTS.get(str(plain.get("command"))) if isinstance(plain, dict) else None
    if kind is None:
        raise ValueError("no output of a command of racewash")
    output = msgspec.convert(plain, kind, strict=True)
    if msgspec.json.decode(msgspec.json.encode(output)) != plain:
        raise ValueError(f"the output of {kind.__name__} has fields that it does not state")
    return output
