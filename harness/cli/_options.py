"""What commands share: option types for sizes, durations and layouts, and the one JSON object on stdout."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import click
import msgspec

from harness.model.fault import parse_fault
from harness.model.layout import Layout, parse_layout
from harness.model.memory import MAX_MEMORY, MIN_MEMORY
from harness.model.output.common import Output
from harness.model.problem import Problem

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


class _Memory(click.ParamType[int]):
    """Bytes of a core's memory limit, with K, M or G for binary units."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return bytes."""
        match = re.fullmatch(r"(\d+)([KMG]?)(?:i?B)?", str(value).strip(), re.IGNORECASE)
        if not match:
            self.fail(f"{value!r} is no size; write bytes or use K, M, G, like 512M or 2G", param, ctx)
        size = int(match[1]) * _UNITS[match[2].upper()]
        if size < MIN_MEMORY:
            self.fail(f"{value} is below the core's minimum of {MIN_MEMORY >> 20}M", param, ctx)
        if size > MAX_MEMORY:
            self.fail(f"{value} is above the core's maximum of {MAX_MEMORY >> 30}G", param, ctx)
        return size


class _Seconds(click.ParamType[float]):
    """A length of time above zero that ends: neither `nan` nor `inf`."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return seconds."""
        try:
            seconds = float(value)
        except ValueError:
            seconds = math.nan
        if not (seconds > 0 and math.isfinite(seconds)):
            self.fail(f"{value!r} is no length of time; give a number of seconds above 0", param, ctx)
        return seconds


class _Layout(click.ParamType[Layout]):
    """`before`, `after`, or PART=KIND,... ."""

    name = "layout"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Layout:
        """Return the layout."""
        if isinstance(value, Layout):
            return value
        try:
            return parse_layout(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class _Fault(click.ParamType[str]):
    """What fails: see harness.model.fault."""

    name = "fault"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the fault in its shortest form."""
        try:
            return str(parse_fault(str(value)))
        except Problem as problem:
            self.fail(str(problem), param, ctx)


FAULT = _Fault()
MEMORY = _Memory()
SECONDS = _Seconds()
LAYOUT = _Layout()
PATCHES = click.option("--patch", "patches", type=click.Path(path_type=Path), multiple=True,
                       help="Apply this patch to the C sources first; may be given again.")  # fmt: skip
STORE = click.option("--store", type=click.Path(path_type=Path, file_okay=False), default=".racewash",
                     show_default=True, help="Folder that keeps the runs and their findings.")  # fmt: skip


def echo_json(value: Output) -> None:
    """Print one JSON object alone on stdout."""
    click.echo(msgspec.json.encode(value).decode())
