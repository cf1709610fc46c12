"""What a run of the tests says of itself: its processor time, and in CI that nothing was left out."""

from __future__ import annotations

import os
import resource
from collections.abc import Generator
from typing import Any

import pytest

IN_CI = os.environ.get("CI") == "true"
REPORTED = pytest.StashKey[list[float]]()  # processor seconds of the workers that have ended


def _spent(who: int) -> float:
    """Return the processor seconds of this process, or of the processes that it has waited for and those they have."""
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def pytest_configure(config: pytest.Config) -> None:
    config.stash[REPORTED] = []


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Report a worker's processor time to the process that has started it."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["processor_s"] = _spent(resource.RUSAGE_SELF) + _spent(resource.RUSAGE_CHILDREN)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash[REPORTED].append(getattr(node, "workeroutput", {}).get("processor_s", 0.0))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say what the run has cost: seconds of a clock tell how busy the machine was, too."""
    # A worker that does not end in time is known by its report alone, one that crashed by having been waited for.
    others = max(_spent(resource.RUSAGE_CHILDREN), sum(config.stash[REPORTED]))
    minutes = (_spent(resource.RUSAGE_SELF) + others) / 60
    terminalreporter.write_line(f"CPU minutes: {minutes:.2f}, with workers and the processes that tests waited for")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    report = yield
    return report if item.get_closest_marker("gpu") else _answered_for(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, Any, Any]:
    return _answered_for((yield))


def _answered_for(report: Any) -> Any:
    """Let what was skipped have failed in CI: there everything is installed, and a test that never runs rots."""
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{reason}\nWhere CI=true a skipped test is a failure, unless it is marked `gpu`."
    return report
