"""The table of the plan: each case with its tests and what became of them last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.faults.plan import PLAN, PROMISES
from tests.faults.record import OUTCOMES, Result

NO_TEST, NOT_HERE, NOT_RUN = "no test", "not here", "not run"
HEAD = "| promise | tried with the faults | not tried |"
FAILED = ("xfailed", "failed")


@dataclass(frozen=True)
class Exercise:
    """A test as pytest collects it, with the cases that it names."""

    name: str
    cases: tuple[str, ...]
    tier: str

    @property
    def function(self) -> str:
        """Its name without the values that it is run with."""
        return self.name.partition("[")[0]


@dataclass(frozen=True)
class Line:
    """A function of tests under a case: what became of those that it is run as, and when the oldest was."""

    test: str
    tier: str
    outcomes: Mapping[str, int]
    commits: tuple[str, ...]
    date: str

    @property
    def last(self) -> str:
        return ", ".join(f"{number} {outcome}" for outcome, number in self.outcomes.items())


def verdict(case: str, lines: Sequence[Line], head: str) -> str:
    """Return what is to be said of a case: the worst of its tests, and whether that was said of this very commit."""
    if not lines:
        return NOT_HERE if PLAN[case].not_here else NO_TEST
    found = {outcome for line in lines for outcome in line.outcomes}
    worst = max(found - {NOT_RUN}, key=OUTCOMES.index, default=NOT_RUN)
    said = "failed" if worst in FAILED else worst
    if said == "failed" or found == {NOT_RUN}:
        return said
    if NOT_RUN in found:
        return f"{said}, not all run"
    return said if {commit for line in lines for commit in line.commits} == {head} else f"{said}, stale"


def lines_of(case: str, tests: Sequence[Exercise], results: Mapping[str, Result]) -> Iterator[Line]:
    """Yield a line for each function that exercises a case."""
    mine = [test for test in tests if case in test.cases]
    for function in dict.fromkeys((test.function, test.tier) for test in mine):
        names = [test.name for test in mine if (test.function, test.tier) == function]
        last = [results[name] for name in names if name in results]
        outcomes = Counter(result.outcome for result in last)
        if len(last) < len(names):
            outcomes[NOT_RUN] = len(names) - len(last)
        commits = tuple(dict.fromkeys(result.commit for result in last))
        yield Line(*function, outcomes, commits, min((result.date for result in last), default=""))


def table(cases: Sequence[str], tests: Sequence[Exercise], results: Mapping[str, Result], head: str) -> str:
    """Return the cases, each with its verdict and what it expects, and a row for each function that exercises it."""
    rows = [("case", "last result", "tier", "commit", "date", "fault and tests")]
    for case in cases:
        lines = list(lines_of(case, tests, results))
        words = PLAN[case]
        rows.append((case, verdict(case, lines, head), "", "", "", f"{words.fault}: {words.expected}"))
        if not lines and words.not_here:
            rows.append(("", "", "", "", "", f"  {words.not_here}"))
        for line in lines:
            commits = ", ".join(commit if commit == head else f"{commit or '?'} (stale)" for commit in line.commits)
            rows.append(("", line.last, line.tier, commits, line.date[:16], f"  {line.test.removeprefix('tests/')}"))
    return _aligned(rows)


def summary(cases: Sequence[str], tests: Sequence[Exercise], results: Mapping[str, Result], head: str) -> str:
    """Count the cases by their verdicts, and say of which code."""
    counts = Counter(verdicts(cases, tests, results, head).values())
    said = ", ".join(f"{number} {words}" for words, number in sorted(counts.items()))
    where = f"at {head.removesuffix('+')}" if head else "outside of git"
    dirty = "; files differ from that commit (+)" if head.endswith("+") else ""
    return f"{len(cases)} cases {where}{dirty}: {said}"


def verdicts(
    cases: Sequence[str], tests: Sequence[Exercise], results: Mapping[str, Result], head: str
) -> dict[str, str]:
    return {case: verdict(case, list(lines_of(case, tests, results)), head) for case in cases}


def promises(tests: Sequence[Exercise]) -> str:
    """Return the table of docs/guide/promises.md: each promise, and which of its faults nothing exercises yet."""
    tried = {case for test in tests for case in test.cases}
    rows = [HEAD, "|---|---|---|"]
    for promise, cases in PROMISES.items():
        missing = [f"{case} ({_why(case)})" for case in cases if case not in tried]
        rows.append(f"| {promise} | {', '.join(case for case in cases if case in tried)} | {'; '.join(missing)} |")
    return "\n".join(rows)


def _why(case: str) -> str:
    return PLAN[case].not_here or NO_TEST


def _aligned(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)
