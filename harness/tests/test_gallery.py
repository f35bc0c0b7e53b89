"""The defect gallery: what counts as found, what is an error, what is kept, and what is said at the end."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from harness.builds import get_build, sources
from harness.cli._gallery import summary
from harness.cli._gallery_document import write_into
from harness.cli.gallery import command_of, exit_code, output_of
from harness.explore.request import OPTIONS
from harness.gallery import GalleryRequest, GalleryResult, gallery
from harness.gallery.keep import key_of
from harness.gallery.measure import Bench, until_decided
from harness.gallery.real import race_threads
from harness.gallery.request import Exhibit, exhibits
from harness.gallery.run import _each
from harness.gallery.search import Hunt, repeated, search
from harness.generate import discover
from harness.model.gallery import Attempt, GalleryDefect, RealThreads, judged, ratio_over
from harness.model.output.every import decode
from harness.model.output.gallery import GalleryOutput
from harness.model.problem import Problem
from harness.model.suite import Shape
from harness.tests.test_cli import racewash
from harness.tests.test_explore import launch, suite

pytestmark = pytest.mark.contract

DEFECTS = sources() / "native" / "defects"
CORE = sources() / "native" / "core"
HEADER = """Name: {name}
Component: handle array
Property: I1
Class: interleaving
Finds: invariant
Suite: expansion
Sanitizer: none
Planted: no
Origin: a test
Purpose: a test

"""


def write(folder: Path, name: str, *, removed: str = "", added: str = "", header: str = HEADER) -> Path:
    """Write a patch that changes one line of the handle array, or one that isn't there."""
    lines = (CORE / "handle_array.c").read_text(encoding="utf-8").splitlines()
    number = lines.index(removed) + 1 if removed in lines else 1
    path = folder / f"{name}.patch"
    path.write_text(header.format(name=name) + "--- a/native/core/handle_array.c\n+++ b/native/core/handle_array.c\n"
                    f"@@ -{number} +{number} @@\n-{removed}\n+{added}\n", encoding="utf-8")  # fmt: skip
    return path


def hunt(*names: str, kinds: tuple[str, ...] = ("crash",), budget: float = 1.0) -> Hunt:
    return Hunt(tuple(suite(name) for name in names), Shape(threads=2), OPTIONS, frozenset(kinds), budget)


# ---- Search ----


@pytest.mark.parametrize(("what", "kind"), [("deadlock", "deadlock"), ("segv", "crash"), ("exit", "crash")])
def test_the_first_finding_of_an_expected_kind_is_a_hit_that_is_seen_again(what: str, kind: str) -> None:
    found = search(launch(), hunt("fine", what, kinds=(kind,)), 3)
    assert found.hit is not None
    assert (found.hit.finding.kind, found.hit.finding.suite) == (kind, what)
    assert found.executions >= 1
    assert repeated(launch(), found.hit, 2) == 2


def test_histories_are_judged_where_the_suite_asks_for_it() -> None:
    asking = replace(suite("deadlock"), oracles=("linearizable",))
    for one in (asking, suite("deadlock")):
        hit = search(launch(), replace(hunt(kinds=("deadlock",)), suites=(one,)), 3).hit
        assert hit is not None
        assert hit.order.options.linearizable is (one is asking)


def test_another_build_does_not_show_it_again() -> None:
    found = search(launch(), hunt("listed", kinds=("deadlock",)), 3)
    assert found.hit is not None
    other = replace(found.hit, finding=replace(found.hit.finding, fingerprint="0" * 12))
    assert repeated(launch(), other, 2) == 0


def test_a_finding_of_another_kind_does_not_count_and_the_search_goes_on_behind_it() -> None:
    turns = iter([False] * 6 + [True] * 9)
    found = search(launch(), hunt("leak", kinds=("crash",)), 3, lambda: next(turns))
    assert found.hit is None
    assert [finding.kind for finding in found.others] == ["leak"]
    assert found.executions == 6 * 40


def test_what_was_found_beside_what_cannot_be_executed_is_a_hit() -> None:
    found = search(launch(), hunt("uncreated-race", kinds=("data-race",)), 3)
    assert found.hit is not None


def test_the_same_seed_gives_the_same_search() -> None:
    one, two = (search(launch(), hunt("deadlock", kinds=("deadlock",)), 5) for _ in range(2))
    assert one.executions == two.executions
    assert one.hit is not None
    assert two.hit is not None
    assert one.hit.order == two.hit.order


def test_a_search_is_known_by_everything_that_decides_it() -> None:
    asked = hunt("deadlock")
    keys = {
        key_of("a", asked, 1),
        key_of("b", asked, 1),
        key_of("a", asked, 2),
        key_of("a", replace(asked, budget=2.0), 1),
        key_of("a", replace(asked, kinds=frozenset({"leak"})), 1),
        key_of("a", replace(asked, shape=Shape(threads=3)), 1),
        key_of("a", replace(asked, suites=(suite("deadlock", 21),)), 1),
    }
    assert len(keys) == 7
    assert key_of("a", hunt("deadlock"), 1) in keys


# ---- Patches ----


@pytest.mark.quality
def test_what_is_found_and_what_is_missed_and_both_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second patch changes the code and breaks nothing: a count that only one empty array would have got wrong."""
    folder = tmp_path / "patches"
    folder.mkdir()
    found = write(folder, "found", removed="        block[i].handle_idx = (int64_t)b * ha->per_block + i;",
                  added="        block[i].handle_idx = i;")  # fmt: skip
    write(folder, "missed", removed="    return n;", added="    return n + (ha->max == 0);")
    request = GalleryRequest(patches=folder, budget=0.4, seeds=2, replays=2, jobs=2, real_threads=False,
                             store=tmp_path / "store")  # fmt: skip
    result = gallery(request, lambda _: None)
    assert result.errors == []
    one, other = result.defects
    assert (one.name, one.found, one.oracle, one.suite, one.replayed) == ("found", True, "I1", "expansion", (2, 2))
    assert (other.name, other.found, other.seeds_found, other.replayed) == ("missed", False, 0, None)
    assert other.worst >= 0.4
    assert one.worst < other.median
    output = output_of(result)
    assert (output.found, output.total, exit_code(output)) == (1, 2, 1)
    bundle = one.attempts[0].bundle
    assert bundle is not None
    assert racewash("replay", bundle, "--patch", str(found), cwd=tmp_path).returncode == 1  # it is seen again

    def never(*_: object) -> None:
        raise AssertionError("it was measured before")

    monkeypatch.setattr("harness.gallery.measure.search", never)
    assert gallery(request, lambda _: None).defects == result.defects


@pytest.mark.misuse
def test_patches_that_cannot_be_used_are_errors(tmp_path: Path) -> None:
    write(tmp_path, "applies-not", removed="    no such line;", added="    nor this;")
    write(tmp_path, "compiles-not", removed="    ha->max = max;", added="    ha->most = max;")
    same = "/* Index of a handle: the same code. */"
    first = (CORE / "handle_array.c").read_text(encoding="utf-8").splitlines()[0]
    write(tmp_path, "changes-nothing", removed=first, added=same + " /*")
    write(tmp_path, "headless", removed="    ha->max = max;", added="    ha->max = max + 1;", header="")
    write(tmp_path, "no-suite", removed="    ha->max = max;", added="    ha->max = max + 1;",
          header=HEADER.replace("expansion", "expanse"))  # fmt: skip
    request = GalleryRequest(patches=tmp_path, budget=0.1, seeds=1, real_threads=False, store=tmp_path / "store")
    result = gallery(request, lambda _: None)
    said = {error.name: error.message for error in result.errors}
    assert "does not apply to these sources" in said["applies-not"]
    assert "the sched build failed" in said["compiles-not"]
    assert "changes nothing in what is compiled" in said["changes-nothing"]
    assert "the header has no field Name" in said["headless"]
    assert "there is no suite 'expanse'" in said["no-suite"]
    assert len(said) == 5
    assert result.defects == []
    assert exit_code(output_of(result)) == 2


def test_a_build_that_was_interrupted_blames_no_patch() -> None:
    """The compiler gets the Ctrl-C too, and ends as if the patch were wrong."""
    ended: list[bool] = []

    def build(_: Exhibit) -> None:
        ended.append(True)
        raise Problem("the sched build failed")

    shown, errors = exhibits(GalleryRequest(names=("expansion-plain-store",)))
    bench = Bench(GalleryRequest(), {}, launch().build, lambda: bool(ended))
    assert (_each(bench, shown, build, errors), errors, ended) == ([], [], [True])


@pytest.mark.misuse
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nobody"], "there is no defect 'nobody'"),
        (["--patches", "nowhere"], "the folder of patches nowhere does not exist"),
        (["--patches", "file"], "the folder of patches file is no folder"),
        (["--budget", "-1s"], "is no length of time"),
    ],
)
def test_a_wrong_request_is_one_sentence(words: list[str], said: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    run = racewash("gallery", *words, cwd=tmp_path)
    assert run.returncode == 2
    assert said in run.stderr
    assert "Traceback" not in run.stderr


def test_deferred_defects_are_apart(tmp_path: Path) -> None:
    run = racewash("gallery", "gallery-16-no-barrier", "--json", cwd=tmp_path)
    assert run.returncode == 0
    output = decode(run.stdout)
    assert isinstance(output, GalleryOutput)
    assert [one.name for one in output.deferred] == ["gallery-16-no-barrier"]
    assert (output.total, output.found, output.errors) == (0, 0, ())


# ---- Real threads ----


@pytest.mark.quality
def test_real_threads_get_the_same_scenarios_and_as_much_cpu_time() -> None:
    [shown], _ = exhibits(GalleryRequest(names=("expansion-plain-store",)))
    build = get_build("tsan", (shown.path,))
    bench = Bench(GalleryRequest(budget=8.0), discover(), build, lambda: False)
    attempt = race_threads(build, bench.hunt(shown), 1, lambda: False)
    assert attempt.executions >= 1
    assert 0 < attempt.cpu_seconds < 12
    assert attempt.found is (attempt.oracle == "data-race")
    in_vain = race_threads(build, replace(bench.hunt(shown), kinds=frozenset({"oom"}), budget=0.5), 1, lambda: False)
    assert not in_vain.found
    assert in_vain.cpu_seconds >= 0.5


def test_real_threads_stop_when_their_median_is_decided() -> None:
    """Of 5: three in vain are enough, two are not."""

    def race(vain: set[int], seed: int) -> Attempt:
        return Attempt(seed, seed not in vain, 1, 1.0)

    for vain, tried in (({1, 2, 3}, [1, 2, 3]), ({1, 3, 5}, [1, 2, 3, 4, 5]), ({1, 2}, [1, 2, 3, 4, 5])):
        attempts = until_decided(partial(race, vain), range(1, 6))
        assert [attempt.seed for attempt in attempts] == tried


def test_what_takes_a_fault_is_not_raced(tmp_path: Path) -> None:
    request = GalleryRequest(names=("fault-block-leaked",), budget=20.0, seeds=1, replays=0, store=tmp_path)
    [defect] = gallery(request, lambda _: None).defects
    assert (defect.found, defect.real_threads, defect.ratio) == (True, None, None)
    shown, _ = exhibits(GalleryRequest(names=("fault-block-leaked", "expansion-plain-store", "upstream-W4")))
    assert [one.raceable for one in shown] == [False, True, False]


# ---- Figures ----


def defect(name: str, seconds: list[float], real: list[float] | None = None, category: str = "interleaving",
           budget: float = 60.0) -> GalleryDefect:  # fmt: skip
    """Return a defect whose searches took so long, those at the budget in vain."""
    attempts = tuple(Attempt(i, took < budget, 10 * i, took) for i, took in enumerate(seconds, 1))
    median, worst = judged(attempts)
    raced = None
    if real:
        tries = tuple(Attempt(i, took < budget, i, took) for i, took in enumerate(real, 1))
        raced = RealThreads(sum(one.found for one in tries), len(tries), *judged(tries), tries)
    return GalleryDefect(
        name=name, number=None, component="", property="I1", category=category, layout="after", suites=("map",),
        found=all(one.found for one in attempts), seeds_found=sum(one.found for one in attempts), oracle="I1",
        suite="map", executions=10, cpu_seconds=median, median=median, worst=worst, replayed=None, shrunk=None,
        ratio=raced.median / median if raced else None, at_least=raced is not None and 2 * raced.found <= raced.seeds,
        real_threads=raced, attempts=attempts,
    )  # fmt: skip


def test_the_ratio_is_the_median_over_the_defects_that_need_an_interleaving() -> None:
    defects = [
        defect("a", [1.0], [10.0]),
        defect("b", [1.0], [60.0]),  # never found by real threads
        defect("c", [1.0], [20.0]),
        defect("d", [1.0], [1.0], category="single-threaded"),
        defect("e", [1.0]),
    ]
    assert ratio_over(defects) == (20.0, False)
    assert ratio_over(defects[:2]) == (35.0, True)
    assert ratio_over(defects[3:]) == (None, False)


def test_the_summary_says_what_was_found_and_what_real_threads_never_found() -> None:
    request = GalleryRequest(seeds=2)
    result = GalleryResult(request, "0123", [defect("a", [0.5, 1.5], [60.0, 60.0]), defect("b", [60.0, 1.0])])
    output = output_of(result)
    assert (output.found, output.total, output.ratio, output.at_least, output.never) == (1, 2, 60.0, True, 1)
    text = summary(output)
    assert "1 of 2 found by every one of 2 seeds within 60 CPU seconds" in text
    assert "at least 60 times" in text
    [line] = [line for line in text.splitlines() if line.startswith("b ")]
    assert "1 of 2" in line
    assert ">= 60.000" in line
    assert decode(json.dumps(_plain(output)))


def test_the_table_is_put_into_a_document_again_and_again(tmp_path: Path) -> None:
    request = GalleryRequest(names=("a", "b"), seeds=2)
    defects = [defect("a", [0.5, 1.5], [60.0, 60.0]), defect("b", [60.0, 1.0]), defect("c", [0.1], category="fault")]
    output = output_of(GalleryResult(request, "0123", defects))
    path = tmp_path / "README.md"
    path.write_text("# Head\n<!-- gallery: begin -->\nold\n<!-- gallery: end -->\ntail\n", encoding="utf-8")
    command = command_of(request, 10.0, path)
    assert command == f"racewash gallery a b --seeds 2 --shrink 10 --into {path}"
    for _ in range(2):
        write_into(path, output, command)
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f"# Head\n<!-- gallery: begin -->\n**`{command}`**\n")
    assert text.endswith("</details>\n<!-- gallery: end -->\ntail\n")
    assert "old" not in text
    [interleaving] = [line for line in text.splitlines() if line.startswith("| interleaving")]
    cells = [cell.strip() for cell in interleaving.split("|")[1:-1]]
    assert cells == ["interleaving", "2", "1", "15.750", "60.000", "", "0", ">= 60"]
    path.write_text("nothing", encoding="utf-8")
    with pytest.raises(Problem, match="has no section between the lines <!-- gallery: begin -->"):
        write_into(path, output, command)


def _plain(output: GalleryOutput) -> object:
    import msgspec

    return msgspec.to_builtins(output)
