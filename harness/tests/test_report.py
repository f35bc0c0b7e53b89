"""The report page: complete, self-contained, safe with any text, readable without its charts."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.model.finding import Finding, Location
from harness.model.memory import (
    AloneRow,
    BucketRow,
    Bytes,
    GrowthPoint,
    LabelRow,
    NodeRow,
    Stated,
    Table,
    TotalRow,
    WashFigures,
)
from harness.model.problem import Problem
from harness.store import new_run
from harness.table import keep
from reports.charts import nice_steps
from reports.render import render, to_html
from reports.view import percentile

pytestmark = pytest.mark.contract

SUITE = {
    "name": "expansion", "executions": 7, "operations": 12_345, "operations_per_second": 1_500_000.0, "findings": [],
    "invariants": {"I1": 70, "Q5": 7, "I2": 0}, "latency": [0] * 9 + [90, 8, 2] + [0] * 36,
}  # fmt: skip
RUN: dict[str, Any] = {
    "command": "run", "version": "0.1.0", "seed": 42, "seconds": 1.5, "suites": [SUITE],
    "build": {"kind": "native", "identity": "abc", "compiler": "cc 1"}, "again": "racewash run --seed 42",
    "canary": None, "notes": [],
}  # fmt: skip
FINDING = Finding(
    kind="invariant", message="block 3 is <null> & \"gone\"", suite="expansion", fingerprint="0123456789ab",
    locations=(Location("native/core/handle_array.c", 88, "ha_at"),), invariant="I1", count=3, seed=9,
    report="stack </pre><script>alert(1)</script>",
)  # fmt: skip


class Page(HTMLParser):
    """Collects elements, the texts, and checks that every element that opens is closed."""

    VOID = frozenset({"meta", "link", "img", "br", "input", "hr"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.elements if name == tag]


def stored_run(root: Path, findings: tuple[Finding, ...] = (), **changes: Any) -> Path:
    store = new_run(root, 42)
    store.write_run({**RUN, **changes})
    for finding in findings:
        store.add_finding(finding, {"scenario.json": json.dumps({"suite": finding.suite}).encode()})
    return Path(store.path)


def some_table() -> Table:
    some, few = Bytes(6_000_000, 8_000_000), Bytes(1_500_000, 1_600_000)
    told = Stated("~8.0 MB", "~2.0 MB")
    points = tuple(GrowthPoint(i, 62 * i, 7_936 * i, 560_000 + 8_000 * i, 8_000 if i else 0) for i in range(4))
    return Table(
        memory=2 << 30, layout="after", instances=13, buckets_before=9, buckets_after=5,
        labels=(LabelRow("CACHE_MAP_BKT", some, few, told), LabelRow("handle pool slots", few, few, None, "X")),
        totals=(TotalRow("all metadata labels", some, few, told),),
        alone=(AloneRow("buckets", "L", some, few, some, few),),
        buckets=(BucketRow("layout alone", 9, 9, some, few, some, few),), nodes=(NodeRow(13, some, few),),
        growth=points, supplies=points, wash=WashFigures(1, some, few, some, few), source="the pull request",
    )  # fmt: skip


def test_a_clean_run(tmp_path: Path) -> None:
    page = Page(to_html(stored_run(tmp_path)))
    assert "Nothing found" in page.text
    for text in ("expansion", "12,345", "1.5 M", "I1", "70", "native", "abc", "42"):
        assert text in page.text
    assert "I2" not in page.text, "an invariant that was never checked is not shown as checked"
    assert not [attrs for attrs in page.all("section") if attrs.get("id") == "memory"]


def test_charts_can_be_read_without_seeing_them(tmp_path: Path) -> None:
    keep(tmp_path, msgspec.to_builtins(some_table()))
    page = Page(to_html(stored_run(tmp_path)))
    charts = page.all("svg")
    assert len(charts) == 4
    for chart in charts:
        assert chart.get("role") == "img"
        assert chart.get("aria-label")
    for text in ("CACHE_MAP_BKT", "7.63 MB", "1.53 MB", "~8.0 MB", "of it:", "8,000 B", "576,000 B"):
        assert text in page.text, text


def test_findings_are_shown_whole_and_harmless(tmp_path: Path) -> None:
    html = to_html(stored_run(tmp_path, (FINDING,)))
    page = Page(html)
    assert "1 finding" in page.text
    for text in (
        'block 3 is <null> & "gone"',
        "native/core/handle_array.c:88 in ha_at",
        "0123456789ab",
        "3 times",
        FINDING.report,
    ):
        assert text in page.text
    assert not page.all("script")


def test_nothing_is_fetched(tmp_path: Path) -> None:
    html = to_html(stored_run(tmp_path, (FINDING,)))
    page = Page(html)
    assert not page.all("link")
    assert not page.all("img")
    targets = [value for _, attrs in page.elements for name, value in attrs.items() if name in ("href", "src")]
    assert all(value and value.startswith("#") for value in targets)
    assert not re.search(r"url\(|@import|https?://", html)
    anchors = {attrs.get("id") for _, attrs in page.elements}
    assert {value[1:] for value in targets if value} <= anchors


def test_notes_and_what_was_asked_are_shown(tmp_path: Path) -> None:
    text = Page(to_html(stored_run(tmp_path, notes=["a suite was <stopped>"], memory=2 << 30, shared=3))).text
    for words in ("a suite was <stopped>", "Memory limit", "2 GB", "Forked processes", "racewash run --seed 42"):
        assert words in text


def test_a_blind_sanitizer_is_no_clean_run(tmp_path: Path) -> None:
    assert "Nothing found" not in Page(to_html(stored_run(tmp_path, canary=False))).text
    assert "Nothing found" in Page(to_html(stored_run(tmp_path, canary=True))).text


def test_an_interrupted_run_says_so(tmp_path: Path) -> None:
    assert "Interrupted" in Page(to_html(stored_run(tmp_path, interrupted=True))).text


def test_a_run_without_samples_has_no_latency_chart(tmp_path: Path) -> None:
    page = Page(to_html(stored_run(tmp_path, suites=[{**SUITE, "latency": [0] * 48}])))
    assert len(page.all("svg")) == 1
    assert "not sampled" in page.text


def test_the_page_is_written_where_asked(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "page.html"
    assert render(stored_run(tmp_path / "store"), out) == out
    assert out.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_an_unwritable_place_is_the_users_problem(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="can't be written"):
        render(stored_run(tmp_path / "store"), tmp_path)


@pytest.mark.parametrize("text", ["{", "{}", "[]", '{"labels": 3}'])
def test_a_damaged_table_is_named(text: str, tmp_path: Path) -> None:
    run = stored_run(tmp_path)
    path = Path(keep(tmp_path, {"command": "table"}))
    path.write_text(text)
    with pytest.raises(Problem, match="is damaged") as caught:
        to_html(run)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("field", ["build", "seed", "seconds", "version", "suites"])
def test_a_run_that_lacks_something_is_named(field: str, tmp_path: Path) -> None:
    changes: dict[str, Any] = {field: [{}]}
    run = stored_run(tmp_path, **changes)
    with pytest.raises(Problem, match="is damaged") as caught:
        to_html(run)
    assert str(run / "run.json") in str(caught.value)


@pytest.mark.parametrize("data", [b"{ <b>", b"\xff\xfe"])
def test_a_damaged_scenario_is_shown_as_it_is(data: bytes, tmp_path: Path) -> None:
    run = stored_run(tmp_path, (FINDING,))
    (run / "findings" / FINDING.fingerprint / "scenario.json").write_bytes(data)
    assert data.decode(errors="replace") in Page(to_html(run)).text


@pytest.mark.parametrize(
    ("histogram", "share", "edge"),
    [([], 50, None), ([0, 0], 50, None), ([1], 99, 2), ([99, 1], 99, 2), ([98, 2], 99, 4)],
)
def test_percentiles_are_upper_edges(histogram: list[int], share: float, edge: int | None) -> None:
    assert percentile(histogram, share) == edge


@pytest.mark.parametrize("highest", [0.3, 1, 9.99, 10, 830, 1e6, 7.3e7])
def test_grid_lines_cover_the_data(highest: float) -> None:
    steps = nice_steps(highest)
    assert steps[0] == 0
    assert steps[-2] < highest <= steps[-1] * (1 + 1e-9)
    assert 3 <= len(steps) <= 6
