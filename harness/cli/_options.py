"""Option types that several commands share: sizes, layouts, and the one JSON object on stdout."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import click
import msgspec

from harness.model.layout import Layout, parse_layout

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


class _Size(click.ParamType[int]):
    """Bytes, with K, M or G for binary units."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return bytes."""
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"(\d+)([KMG]?)(?:i?B)?", str(value).strip(), re.IGNORECASE)
        if not match:
            self.fail(f"{value!r} is no size; write bytes or use K, M, G, like 512M or 2G", param, ctx)
        return int(match[1]) * _UNITS[match[2].upper()]


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


SIZE = _Size()
LAYOUT = _Layout()


def tool_version() -> str:
    """Return the installed version, or a plain word in a checkout that isn't installed."""
    try:
        return version("racewash")
    except PackageNotFoundError:
        return "uninstalled"


def echo_json(value: dict[str, Any]) -> None:
    """Print one JSON object alone on stdout."""
    click.echo(msgspec.json.encode(value).decode())
