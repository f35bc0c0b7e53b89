"""The pytest plugin `racewash`: options, the `target` fixture, and how findings are shown.

Whatever takes time to import is imported when a test needs it: a session without racewash's tests must not notice.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.model.problem import Problem
from harness.pytest_plugin.session import STORE, Session, begin, end, mark_of, new_seed, parse_budget, parse_seed

if TYPE_CHECKING:
    from harness.builds import Core

SESSION = pytest.StashKey[Session]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("racewash", "schedules explored by @racewash.explore, races run by @racewash.stress")
    group.addoption("--racewash-seed", metavar="N", help="the session's seed; drawn, and printed, when not given")
    group.addoption("--racewash-budget", metavar="BUDGET", help="what all decorated tests use up together, instead of "
                    "their own figures: time (90s, 5m, 1h) or executions (5000)")  # fmt: skip
    group.addoption("--racewash-replay", metavar="TOKEN", help="replay a token, in the tests of its suite or scenario "
                    "alone")  # fmt: skip
    group.addoption("--racewash-store", metavar="DIR", help=f"where findings are kept (default: {STORE})")


def pytest_configure(config: pytest.Config) -> None:
    """Begin the session; an xdist worker has its seed from the controller."""
    options = {name: config.getoption(f"racewash_{name}") for name in ("seed", "budget", "replay", "store")}
    given: dict[str, Any] = getattr(config, "workerinput", {})
    try:
        seed = parse_seed(options["seed"]) if options["seed"] else given.get("racewash_seed")
        session = Session(
            seed=new_seed() if seed is None else seed,
            store=Path(config.invocation_params.dir, options["store"] or STORE),
            worker=str(given.get("workerid", "")),
            budget=parse_budget(options["budget"]) if options["budget"] else None,
            replay=options["replay"] or "",
            asked=any(options.values()),
        )
    except Problem as problem:
        raise pytest.UsageError(str(problem)) from None
    config.stash[SESSION] = session
    begin(session)


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the session's workers."""
    if SESSION in config.stash:
        end(config.stash[SESSION])


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Give an xdist worker the session's seed, from which it derives its own."""
    node.workerinput["racewash_seed"] = node.config.stash[SESSION].seed


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say the seed and what was asked, when anything was."""
    session = config.stash[SESSION]
    if not session.asked:
        return []
    budget = f", budget {session.budget}" if session.budget else ""
    return [
        f"racewash: seed {session.seed}{budget}",
        *([f"racewash: replaying {session.replay}"] * bool(session.replay)),
    ]


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> list[str]:
    """Say the seed when there are tests that use it, and the header could not know."""
    session = config.stash[SESSION]
    return [f"racewash: seed {session.seed}"] if not session.asked and any(map(mark_of, items)) else []


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With a token to replay, keep only the tests of its suite or scenario."""
    session = config.stash[SESSION]
    if session.replay:
        from harness.pytest_plugin.replaying import select

        select(session, config, items)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Count the tests that share the budget."""
    marked = [mark for item in session.items if (mark := mark_of(item))]
    ours = session.config.stash[SESSION]
    ours.shares = max(1, len(marked))
    ours.sharing = max(1, sum(one.kind == "explore" for one in marked))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let the decorators know which test is under way."""
    session = item.config.stash[SESSION]
    session.nodeid = item.nodeid
    if session.engine:
        session.engine.failed.clear()
    return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> object | None:
    """With a token to replay, replay it in place of the test."""
    session = pyfuncitem.config.stash[SESSION]
    if not session.replay:
        return None
    from harness.pytest_plugin.replaying import replay_in

    replay_in(session, pyfuncitem)
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show findings as their story, and attach token and bundle."""
    if not mark_of(item) and "harness.pytest_plugin.failure" not in sys.modules:
        return (yield)
    from harness.pytest_plugin.reporting import prepare, shown

    prepare(item, call, item.config.stash[SESSION])
    report = yield
    report.longrepr = shown(call) or report.longrepr
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> Generator[None]:
    """Put the tokens into the last lines."""
    yield
    if any(name.startswith("racewash_") for reports in terminalreporter.stats.values() for report in reports
           for name, _ in getattr(report, "user_properties", ())):  # fmt: skip
        from harness.pytest_plugin.reporting import summarise

        summarise(terminalreporter, config.stash[SESSION])


@pytest.fixture
def target(request: pytest.FixtureRequest) -> Iterator[Core]:
    """A created core on which single operations are run: `target.run("put", 0, 7, 100)` returns how it ended.

    Creation parameters are given by `@pytest.mark.parametrize("target", [{"bucket_num": 5}], indirect=True)`. Each
    operation is judged; at the end every invariant is, also that nothing is left of the core.
    """
    from harness.builds import Core

    with Core(getattr(request, "param", None)) as core:
        yield core
        core.check()
