"""The memory table on the real core: the figures that the project claims, and how they are shown."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from harness.builds import get_build, load
from harness.model.outcome import Outcome
from harness.model.problem import Problem
from harness.model.scenario import Scenario
from harness.model.section import marked
from harness.table import Table, measure, to_text
from harness.table.text import sections, show, summary

pytestmark = pytest.mark.contract

GIB, MIB, KIB = 1 << 30, 1 << 20, 1 << 10
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def table() -> Table:
    return measure(load(get_build("native")), 2 * GIB)


def test_handles_start_small_with_their_pool_shown_apart(table: Table) -> None:
    handles, slots = table.label("CACHE_MB_HANDLE"), table.label("handle pool slots")
    assert 8.0 * MIB < handles.before.hold < 9.0 * MIB
    assert slots.part_of == "CACHE_MB_HANDLE"
    assert 0.5 * MIB < slots.after.hold < 0.6 * MIB
    assert handles.after.hold - slots.after.hold < 48 * KIB, "the pointer array and the blocks of the first supply"


def test_handles_grow_by_one_block_at_a_time(table: Table) -> None:
    assert {point.step for point in table.growth[1:]} == {table.growth[1].step}
    assert 7_936 <= table.growth[1].step <= 8_192
    block = table.growth[1].step
    assert {point.step // block for point in table.supplies[1:]} <= {2, 3}
    assert all(point.step % block == 0 for point in table.supplies)


def test_buckets(table: Table) -> None:
    combined = table.buckets[-1]
    assert (combined.buckets_before, combined.buckets_after) == (786_433, 196_613)
    assert combined.after.hold <= 2.1 * MIB
    assert 7.5 * MIB < combined.before.hold < 8.5 * MIB
    assert [(row.buckets_before, row.buckets_after) for row in table.buckets[:2]] == [(786_433,) * 2, (196_613,) * 2]
    for row in table.buckets:
        assert row.after.ratio >= 0.97
        assert row.after.hold < row.before.hold
        assert row.total_after.hold < row.total_before.hold


def test_nodes_of_many_instances_share_blocks(table: Table) -> None:
    assert [row.instances for row in table.nodes] == [13, 32]
    assert table.nodes[1].before.hold - table.nodes[1].after.hold >= 832 * KIB
    assert table.nodes[0].before.hold >= 13 * 60 * KIB


def test_wash_keeps_next_to_nothing_at_rest(table: Table) -> None:
    assert table.label("KvstCachWashStr").after.hold <= 8_000
    assert table.wash.rest_after.hold <= 8_000
    assert table.wash.peak_after.hold > table.wash.rest_after.hold, "the heap exists while a wash runs"
    assert table.wash.rest_before.hold > 1 * MIB


def test_totals(table: Table) -> None:
    total = table.totals[0]
    assert 16 * MIB < total.before.hold < 19 * MIB
    assert total.after.hold < 3 * MIB
    assert total.pull_request is not None


def test_each_optimisation_saves_alone(table: Table) -> None:
    assert {row.part for row in table.alone} == {"buckets", "handles", "nodes", "wash"}
    for row in table.alone:
        saved = row.before.hold - row.after.hold
        assert saved > 0
        assert abs(row.total_before.hold - row.total_after.hold - saved) < 64 * KIB, "only its own label changes much"


def test_used_is_never_more_than_hold(table: Table) -> None:
    for row in table.labels:
        for side in (row.before, row.after):
            assert 0 <= side.used <= side.hold


@pytest.mark.parametrize("memory", [64 * MIB, 8 * GIB])
def test_other_memories_can_be_measured(memory: int) -> None:
    assert measure(load(get_build("native")), memory, buckets=97).memory == memory


def test_one_bucket_count_for_both_sides_is_one_row() -> None:
    table = measure(load(get_build("native")), 256 * MIB, buckets=4_097)
    assert [(row.buckets_before, row.buckets_after) for row in table.buckets] == [(4_097, 4_097)]


@pytest.mark.misuse
@pytest.mark.parametrize(
    ("memory", "buckets", "word"), [(64 * MIB - 1, None, "minimum"), (-1, None, "minimum"), (GIB, 0, "--buckets")]
)
def test_wrong_input_is_one_sentence(memory: int, buckets: int | None, word: str) -> None:
    with pytest.raises(Problem, match=word):
        measure(load(get_build("native")), memory, buckets)


def test_a_figure_of_a_failed_execution_is_refused() -> None:
    class Failing:
        def execute(self, scenario: Scenario) -> Outcome:
            return replace(load(get_build("native")).execute(scenario), codes={"OK": 3, "NO_MEMORY": 1})

    with pytest.raises(Problem, match="NO_MEMORY"):
        measure(Failing(), 2 * GIB)


def test_json_has_every_row_beside_the_stated_one(table: Table) -> None:
    data = msgspec.json.decode(msgspec.json.encode(table.to_dict()))
    assert {"labels", "totals", "alone", "buckets", "growth", "wash", "nodes"} <= set(data)
    row = next(row for row in data["labels"] if row["label"] == "CACHE_MAP_BKT")
    assert set(row["before"]) == {"used", "hold"}
    assert row["pull_request"]["before"].startswith("~8.0 MB")


def test_plain_text_is_markdown_and_a_terminal_gets_tables(table: Table) -> None:
    plain, drawn = io.StringIO(), io.StringIO()
    show(table, Console(file=plain, width=80))
    show(table, Console(file=drawn, width=200, force_terminal=True))
    assert plain.getvalue() == to_text(table)
    for section in sections(table):
        assert section.title in plain.getvalue()
        assert all(len(row) == len(section.columns) for row in section.rows)
    assert "\x1b[" not in plain.getvalue()
    assert "CACHE_MB_HANDLE" in drawn.getvalue()


@pytest.mark.parametrize("path", ["README.md", "docs/memory-table.md"])
def test_documents_show_what_the_command_prints(path: str, table: Table) -> None:
    """RACEWASH_UPDATE=1 writes the section instead, for a change that is meant."""
    document = ROOT / path
    text = document.read_text(encoding="utf-8")
    head, shown, tail = marked(text, "table", path)
    wanted = summary(table) if path == "README.md" else to_text(table)
    if os.environ.get("RACEWASH_UPDATE") == "1":
        document.write_text(head + "\n" + wanted + tail, encoding="utf-8")
    else:
        assert shown == "\n" + wanted
