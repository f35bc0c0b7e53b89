"""Geometry of the report's charts: plain numbers in, positions for the SVG templates out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

WIDTH, LABEL_WIDTH, PLOT_WIDTH = 730, 168, 470  # user units; right of the plot is room for the last value
ROW = 34


@dataclass(frozen=True, slots=True)
class Mark:
    """One drawn thing: position along the axis, its text, and the series it belongs to."""

    x: float
    text: str
    series: str


@dataclass(frozen=True, slots=True)
class Row:
    """One named line of a horizontal chart."""

    name: str
    y: float
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Tick:
    """A grid line."""

    x: float
    text: str


@dataclass(frozen=True, slots=True)
class RowChart:
    """A chart of rows: bars from `left`, or dots on a line."""

    title: str
    summary: str
    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...]
    left: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class StepChart:
    """A staircase: SVG path, its points with texts, grid lines of both axes."""

    title: str
    summary: str
    path: str
    points: tuple[tuple[float, float, str], ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    x_name: str
    left: int
    width: int
    height: int


def bars(title: str, summary: str, rows: Sequence[tuple[str, Sequence[tuple[str, float]]]],
         text: Callable[[float], str], tick: Callable[[float], str], unit: float = 1.0) -> RowChart:  # fmt: skip
    """Horizontal bars from zero, grid lines at round numbers of `unit`; each row has one bar a series."""
    steps = nice_steps(max((value for _, series in rows for _, value in series), default=0.0), unit)
    scale = PLOT_WIDTH / steps[-1]
    bar = max(ROW, 12 + 18 * max((len(series) for _, series in rows), default=1))
    drawn = tuple(
        Row(name, 8 + i * bar, tuple(Mark(value * scale, text(value), label) for label, value in series))
        for i, (name, series) in enumerate(rows)
    )
    ticks = tuple(Tick(LABEL_WIDTH + value * scale, tick(value)) for value in steps)
    return RowChart(title, summary, drawn, ticks, LABEL_WIDTH, WIDTH, 34 + bar * len(rows))


def ranges(title: str, summary: str, rows: Sequence[tuple[str, Sequence[tuple[str, float]]]],
           text: Callable[[float], str]) -> RowChart:  # fmt: skip
    """Dots on a logarithmic axis of decades, joined by a line: one row each."""
    values = [value for _, series in rows for _, value in series if value > 0]
    low = math.floor(math.log10(min(values, default=1.0)))
    high = max(low + 1, math.ceil(math.log10(max(values, default=10.0))))
    scale = PLOT_WIDTH / (high - low)

    def place(value: float) -> float:
        return LABEL_WIDTH + (math.log10(max(value, 10.0**low)) - low) * scale

    drawn = tuple(
        Row(name, 8 + i * ROW, tuple(Mark(place(value), text(value), label) for label, value in series))
        for i, (name, series) in enumerate(rows)
    )
    ticks = tuple(Tick(place(10.0**power), text(10.0**power)) for power in range(low, high + 1))
    return RowChart(title, summary, drawn, ticks, LABEL_WIDTH, WIDTH, 34 + ROW * len(rows))


def stairs(title: str, summary: str, points: Sequence[tuple[int, int]], x_name: str,
           text: Callable[[float], str], tick: Callable[[float], str], unit: float = 1.0) -> StepChart:  # fmt: skip
    """A staircase over equal steps of x: the value stays until the next point."""
    left, width, height, bottom = 86, WIDTH, 250, 214
    last = max((x for x, _ in points), default=1) or 1
    steps = nice_steps(max((y for _, y in points), default=0), unit)
    across, up = (width - left - 24) / last, (bottom - 14) / steps[-1]
    placed = [(left + x * across, bottom - y * up, text(y)) for x, y in points]
    path = " ".join(f"M{x:.1f} {y:.1f}" if i == 0 else f"H{x:.1f} V{y:.1f}" for i, (x, y, _) in enumerate(placed))
    x_ticks = tuple(Tick(x, str(point[0])) for (x, _, _), point in zip(placed, points, strict=True))
    y_ticks = tuple(Tick(bottom - value * up, tick(value)) for value in steps)
    return StepChart(title, summary, path, tuple(placed), x_ticks, y_ticks, x_name, left, width, height)


def nice_steps(highest: float, unit: float = 1.0) -> list[float]:
    """Return 3 to 6 grid values from 0 to at least `highest`, in steps of 1, 2 or 5 times a power of ten units.

    >>> nice_steps(830)
    [0.0, 200.0, 400.0, 600.0, 800.0, 1000.0]
    >>> nice_steps(3 * 1024, unit=1024)
    [0.0, 1024.0, 2048.0, 3072.0]
    """
    most = highest / unit
    if most <= 0:
        return [0.0, unit]
    power = 10.0 ** math.floor(math.log10(most / 5))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor * 5 >= most)
    return [step * i * unit for i in range(math.ceil(most / step) + 1)]
