"""Ratios: the arithmetic on known times; that every ratio exists on the real core. Aims are judged only in `accept`."""

from __future__ import annotations

import pytest

from harness.bench import Ratio, RealThreads, speed_ratios, stock_ratio, worker_ratio
from harness.bench.ratios import MEASURE_NS
from harness.builds import get_build, load
from harness.explore.workloads import SEGMENTS, WORKLOADS
from harness.model.batch import DONE, Batch
from harness.model.scenario import Scenario
from harness.model.schedule import Options
from harness.model.suite import Shape

pytestmark = pytest.mark.contract


class Machine:
    """Pretends that an operation of each kind takes a known time, and that every third round is disturbed."""

    def __init__(self, cost: dict[tuple[str, int], float]) -> None:
        self.cost = cost
        self.calls: list[tuple[str, int]] = []
        self.longest = 0.0

    def bench(self, kind: str, threads: int, n: int) -> int:
        self.calls.append((kind, threads))
        took = self.cost.get((kind, threads), 10.0) * n
        self.longest = max(self.longest, took)
        return int(took * (3 if len(self.calls) % 7 == 0 else 1))


def by_name(ratios: list[Ratio], word: str) -> Ratio:
    found = [ratio for ratio in ratios if word in ratio.name]
    assert found, word
    return found[0]


def test_ratios_are_medians_of_interleaved_rounds() -> None:
    machine = Machine({("driver", 1): 10.2, ("traverse-segmented", 1): 12.0, ("get", 2): 12.5, ("count", 2): 10.0})
    ratios = speed_ratios(machine, lambda _: None)
    assert by_name(ratios, "driver").value == pytest.approx(1.02, abs=1e-3)
    assert by_name(ratios, "driver").reached
    assert by_name(ratios, "flat").value == pytest.approx(1.2, abs=1e-3)
    assert not by_name(ratios, "flat").reached
    assert by_name(ratios, "of 2 threads").value == pytest.approx(1.6, abs=1e-3)
    assert not by_name(ratios, "of 2 threads").reached
    assert by_name(ratios, "counting").value == pytest.approx(0.8, abs=1e-3)
    assert machine.longest < 4 * MEASURE_NS
    sides = [call for call in machine.calls if call[0] in ("driver", "bare")][-30:]
    assert all({sides[i][0], sides[i + 1][0]} == {"driver", "bare"} for i in range(0, 30, 2))


def test_worker_memory_is_judged_with_its_limit() -> None:
    assert worker_ratio(200 << 20, 64 << 20).reached
    assert not worker_ratio(300 << 20, 64 << 20).reached


def test_every_ratio_is_measured_on_the_core() -> None:
    ratios = speed_ratios(load(get_build("native")), lambda _: None, rounds=1)
    assert len({ratio.name for ratio in ratios}) == 4
    assert all(ratio.value > 0 for ratio in ratios)


class Pretender:
    """Both sides of the comparison with the stock sanitizer: an execution takes a known number of seconds."""

    def __init__(self, ours: float, theirs: float) -> None:
        self.ours, self.theirs = ours, theirs

    def explore(self, scenario: Scenario, options: Options, first_seed: int, executions: int, *,
                coverage: bool = True) -> Batch:  # fmt: skip
        assert options.races
        return Batch(DONE, "", executions=executions, seconds=self.ours * executions)

    def executions(self, n: int) -> int:
        return int(self.theirs * n * 1e9)

    def bench(self, kind: str, n: int) -> int:
        raise NotImplementedError


@pytest.mark.parametrize(("ours", "reached"), [(1 / 38_000, True), (1 / 37_000, False)])
def test_the_stock_sanitizer_is_beaten_by_as_much_as_by_the_prototype(ours: float, reached: bool) -> None:
    both = Pretender(ours, 1 / 1_069)
    ratio = stock_ratio(both, WORKLOADS[SEGMENTS].generate(0, Shape()), both, lambda _: None, 3)
    assert ratio.value == pytest.approx(1 / ours / 1_069, rel=1e-3)
    assert ratio.reached is reached


def test_workload_b_runs_on_real_threads_under_the_stock_sanitizer() -> None:
    with RealThreads() as stock:
        assert 0 < stock.executions(1) < stock.executions(200)
        with pytest.raises(RuntimeError, match="ended"):
            stock.executions(-1)
