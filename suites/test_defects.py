"""Each suite finds its planted defect within its budget: that a bug is found matters as much as that none is."""

from __future__ import annotations

from pathlib import Path

import pytest

from racewash import Finding, RunRequest, parse_defect, run, sources

PATCHES = sorted((sources() / "native" / "defects").glob("*.patch"))
BUDGET = 40.0  # seconds of running, builds excluded; most are found in the first executions
SLICE = 5.0  # a run ends after so long; runs follow each other with new seeds until the budget is spent
SEED = 20_838

pytestmark = pytest.mark.quality


DEFECTS = {path: parse_defect(path.read_text(encoding="utf-8")) for path in PATCHES}
PLANTED = [path for path, defect in DEFECTS.items() if defect.planted]


def hunt(path: Path, sanitizer: str, store: Path, kinds: set[str], budget: float = BUDGET) -> list[Finding]:
    """Run the patch's suite on the patched build until a finding of one of the kinds, or the budget is spent."""
    found: list[Finding] = []
    for turn in range(round(budget / SLICE)):
        request = RunRequest(
            suites=(DEFECTS[path].suite,),
            seconds=SLICE,
            threads=4,
            sanitizer=sanitizer,
            seed=SEED + turn,
            store=store,
            hang_after=4.0,
            patches=(path,),
        )
        result = run(request, lambda *_: None)
        if result.interrupted:
            raise KeyboardInterrupt  # the run took the signal, which was meant for the tests
        found += result.findings
        if kinds & {finding.kind for finding in found}:
            break
    return found


@pytest.mark.parametrize("path", PLANTED, ids=lambda path: path.stem)
def test_suite_finds_its_planted_defect(path: Path, tmp_path: Path) -> None:
    defect = DEFECTS[path]
    found = hunt(path, defect.sanitizer, tmp_path, set(defect.finds))
    kinds = {finding.kind for finding in found}
    assert kinds & set(defect.finds), f"{defect.purpose}: only {kinds}"


def test_plain_store_is_reported_with_file_and_line(tmp_path: Path) -> None:
    [path] = [path for path in PATCHES if path.stem == "expansion-plain-store"]
    races = [finding for finding in hunt(path, "tsan", tmp_path, {"data-race"}) if finding.kind == "data-race"]
    places = [place for race in races for place in race.locations]
    patched = [place for place in places if place.file.endswith("handle_array.c") and place.function == "publish_block"]
    assert patched, f"no report names the plain store: {places}"
    assert all(place.line > 0 for place in patched)


@pytest.mark.parametrize("sanitizer", ["none", "asan"])
def test_removed_free_is_found(sanitizer: str, tmp_path: Path) -> None:
    """By the label accounting alone, and by LeakSanitizer, which sees each object as a malloc of its own."""
    [path] = [path for path in PATCHES if path.stem == "frees-node-block-kept"]
    found = hunt(path, sanitizer, tmp_path, {"leak"} if sanitizer == "asan" else {"accounting", "invariant", "leak"})
    if sanitizer == "none":
        assert any(finding.kind in {"accounting", "invariant", "leak"} and finding.invariant for finding in found)
    else:
        assert any("LeakSanitizer" in finding.report + finding.message for finding in found)


def test_double_subtraction_is_found_by_accounting(tmp_path: Path) -> None:
    [path] = [path for path in PATCHES if path.stem == "accounting-hold-twice"]
    found = hunt(path, "none", tmp_path, {"accounting", "invariant"})
    assert any(finding.invariant in {"I9", "Q5", "Q8"} for finding in found), [f.message for f in found]
