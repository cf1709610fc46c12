"""`python -m tests.faults [C4 H ...]`: each case of the plan, its tests, and what became of them last.

The exit code is 1 if a test of one of these cases has failed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO

import pytest

from tests.faults.plan import pick
from tests.faults.record import RESULTS, ROOT, cases, read_commit, read_results, tier
from tests.faults.table import NO_TEST, Exercise, promises, summary, table, verdicts

MARKER = "mark.fault("


class Collector:
    """Keeps the tests that pytest has found."""

    def __init__(self) -> None:
        self.tests: list[Exercise] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.tests = [Exercise(item.nodeid, tuple(cases(item)), tier(item)) for item in session.items]


def files() -> list[str]:
    """Return the files whose tests name cases: only these need to be imported."""
    found = [path for path in (ROOT / "tests").rglob("test_*.py") if MARKER in path.read_text(encoding="utf-8")]
    return sorted(str(path.relative_to(ROOT)) for path in found)


def collect() -> list[Exercise]:
    """Return all tests that name cases, of every tier. Raises RuntimeError with what pytest says if it cannot."""
    collector, said, found = Collector(), StringIO(), files()
    if not found:  # pytest would look at all there are
        return []
    words = ["--collect-only", "-q", "-o", "addopts=", "-p", "no:cacheprovider", "-m", "fault", *found]
    with redirect_stdout(said):
        code = pytest.main(words, plugins=[collector])
    if code != pytest.ExitCode.OK:
        raise RuntimeError(said.getvalue())
    return collector.tests


def run(asked: Sequence[str]) -> None:
    """Run the tests of these cases, of every tier; they write down what becomes of them."""
    command = [sys.executable, "-m", "pytest", "-m", "fault", *files()]
    subprocess.run([*command, "--faults", ",".join(asked)], cwd=ROOT, check=False)


def main(argv: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        asked = pick(args.cases)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    os.chdir(ROOT)
    if args.run:
        run(asked)
    try:
        tests = collect()
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 2
    if args.promises:
        print(promises(tests))
        return 0
    results, head = read_results(ROOT / RESULTS), read_commit(ROOT)
    said = verdicts(asked, tests, results, head)
    shown = [case for case in asked if said[case] == NO_TEST] if args.missing else asked
    print(table(shown, tests, results, head))
    print(f"\n{summary(asked, tests, results, head)}")
    return int("failed" in said.values())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", help="A1, C4, or a section: C; default: all")
    parser.add_argument("--run", action="store_true", help="run the tests of these cases first")
    parser.add_argument("--missing", action="store_true", help="list only the cases that no test exercises")
    parser.add_argument("--promises", action="store_true", help="print the table of docs/guide/promises.md")
    return parser


if __name__ == "__main__":
    sys.exit(main())
