"""What pytest leaves of each test that exercises a case of the plan: a line in `.faults/results.jsonl`.

`--faults C4,H` runs only those tests; a test that names no case of the plan is an error. PYTEST_DONT_REWRITE: the
table reads these lines, too, and has this module before pytest asks for it.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.faults.plan import pick, unknown

ROOT = Path(__file__).parents[2]
RESULTS = Path(".faults", "results.jsonl")  # below the root of the checkout that the tests belong to
OUTCOMES = ("passed", "skipped", "xfailed", "failed")  # the worst of a test's phases is its own
PHASES = ("setup", "call", "teardown")


@dataclass(frozen=True)
class Result:
    """What became of one test; `commit` ends in a + if the checkout held more than that."""

    test: str
    cases: list[str]
    tier: str
    outcome: str
    seconds: float
    commit: str
    date: str


def read_results(path: Path) -> dict[str, Result]:
    """Return the last result of each test; half a line of a process that was killed is passed over."""
    found: dict[str, Result] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            result = Result(**json.loads(line))
        except (ValueError, TypeError):
            continue
        found[result.test] = result
    return found


def read_commit(root: Path) -> str:
    """Return the commit that is checked out, with a + if files differ from it; nothing where there is none."""

    def ask(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return ask("rev-parse", "--short=10", "HEAD") + ("+" if ask("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def cases(item: pytest.Item) -> list[Any]:
    """Return the cases that a test names, by its own marker, its class's and its file's."""
    named = [case for marker in item.iter_markers("fault") for case in marker.args]
    return list(dict.fromkeys(named))


def tier(item: pytest.Item) -> str:
    return next((name for name in ("gpu", "end_to_end") if item.get_closest_marker(name)), "default")


class Recorder:
    """Writes a line when a test has ended. It works in the process that starts the tests' workers, if there are any."""

    def __init__(self, root: Path) -> None:
        self.path, self.commit = root / RESULTS, read_commit(root)
        self.begun: dict[str, Result] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        found = dict(report.user_properties).get("fault")
        if found and report.nodeid not in self.begun:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            named, where = json.loads(str(found))
            self.begun[report.nodeid] = Result(report.nodeid, named, where, "passed", 0.0, self.commit, now)
        if report.nodeid not in self.begun:
            return
        so_far = self.begun[report.nodeid]
        outcome = "xfailed" if hasattr(report, "wasxfail") else report.outcome
        worst = max(so_far.outcome, outcome, key=OUTCOMES.index)
        self.begun[report.nodeid] = replace(so_far, outcome=worst, seconds=so_far.seconds + report.duration)
        if report.when not in PHASES[:2]:  # a worker that crashed reports no phase
            self.write(self.begun.pop(report.nodeid))

    def write(self, result: Result) -> None:
        """Add a line, in one write: other runs of the tests may add to the same file."""
        line = json.dumps(asdict(replace(result, seconds=round(result.seconds, 2)))) + "\n"
        with suppress(OSError):  # a checkout that may not be written is tested all the same
            self.path.parent.mkdir(exist_ok=True)
            with self.path.open("ab", buffering=0) as file:
                file.write(line.encode())


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--faults", metavar="CASES", help="run only tests that exercise these: A1,C4 or sections: C,H")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "fault(*cases): exercises cases of the fault plan, by their names (A1, C6)")
    try:
        pick([config.getoption("--faults") or ""])
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None
    if not hasattr(config, "workerinput") and not config.getoption("collectonly"):
        config.pluginmanager.register(Recorder(config.rootpath))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, Any, Any]:
    """Refuse a file whose tests name what is no case: a misspelled one would exercise nothing."""
    report = yield
    if report.passed and (problems := list(_problems(report.result))):
        report.outcome, report.longrepr, report.result = "failed", "\n".join(problems), []
    return report


def _problems(collected: list[Any]) -> Iterator[str]:
    for item in collected:
        if isinstance(item, pytest.Item) and item.get_closest_marker("fault") and (problem := unknown(cases(item))):
            yield f"{item.nodeid} {problem}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    asked = config.getoption("--faults")
    wanted = set(pick([asked]) if asked else [])
    if asked:
        config.hook.pytest_deselected(items=[item for item in items if not wanted.intersection(cases(item))])
        items[:] = [item for item in items if wanted.intersection(cases(item))]
    for item in items:
        if named := cases(item):
            item.user_properties.append(("fault", json.dumps([named, tier(item)])))
