"""What is found out about an unknown table, and its flaws: mended where few rows need it, else left to the user."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rnnexp.data.series import Series
from rnnexp.data.tables.columns import listed
from rnnexp.data.tables.layout import Layout, Policies, Wanted
from rnnexp.data.tables.read import read_open, read_series
from rnnexp.data.tables.table import read_table
from rnnexp.errors import DataError, count

IDENTIFIER = re.compile(r"(^|_)(id|series|store|item)$", re.IGNORECASE)
MAX_NAMES = 8  # columns that are tried as names of series
FEW = 0.01  # share of the rows, one at least, that may be mended without asking
ASKED = {
    "missing": ("missing value", "", "drop, ffill or interpolate"),
    "duplicates": ("row", " with the date of another", "first, last or mean"),
    "unsorted": ("row", " out of the order of time", "sort"),
    "gaps": ("absent row", "", "ffill, interpolate or ignore"),
}
# Repeating the last value never looks ahead; interpolation would show a network the value it must forecast.
ATTEMPTS: tuple[tuple[Any, Any], ...] = (("ffill", "ffill"), ("drop", "ffill"), ("ffill", "ignore"), ("drop", "ignore"))


@dataclass
class Finding:
    """What a table is, and the settings of the `csv` source that read it.

    settings: keys of `data`, in the order in which they are written; reasons: a comment for some of them
    open:     keys that the user must choose a value for, and why
    seen:     what to tell the user, one line each
    """

    layout: Layout
    wanted: Wanted
    settings: dict[str, Any] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    open: dict[str, str] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)

    def set(self, key: str, value: Any, reason: str = "") -> None:
        self.settings[key] = value
        if reason:
            self.reasons[key] = reason

    def ask(self, key: str, what: str) -> None:
        """Leave a key to the user, also if a value was found before."""
        self.settings.pop(key, None)
        self.reasons.pop(key, None)
        self.open[key] = what


@dataclass(frozen=True)
class Head:
    """The first rows of a table: names of the columns, their cells as text, and which of them are numbers."""

    names: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]


def name_series(file: Path, head: Head, chosen: int, stamps: list[int], finding: Finding) -> None:
    """Look for the column of names that makes repeated dates those of several series."""
    if not stamps:
        return
    table = read_table(file, finding.layout, finding.wanted)
    time = [column.astype("str") for column in table.time]
    stamp = time[0].str.cat(time[1:], sep=" ") if len(time) > 1 else time[0]
    before = int(stamp.duplicated().sum())
    if not before:
        return
    columns = {index: _cells(file, index, finding) for index in _words(head, {chosen, *stamps})[:MAX_NAMES]}
    names = {index: own for index, own in columns.items() if _may_name(own, stamp, named=_says_name(head, index))}
    left = {index: int((own + "\x1f" + stamp).duplicated().sum()) for index, own in names.items()}
    best = min(left, key=lambda index: left[index], default=None)
    if best is not None and 2 * left[best] <= before:
        name = best if "header" in finding.settings else head.names[best]
        finding.set("series", name, f"{names[best].nunique():,} series in one long table")
        finding.wanted = replace(finding.wanted, series=name)
        return
    for one, other in itertools.combinations(names, 2):
        if not (names[one] + "\x1f" + names[other] + "\x1f" + stamp).duplicated().any():
            both = listed([head.names[one], head.names[other]])
            finding.ask("series", f"{both} together tell the series apart: join them in one column and name it here")
            return


def _cells(file: Path, index: int, finding: Finding) -> Any:
    """Return a column as text."""
    return read_table(file, finding.layout, replace(finding.wanted, series=index)).series


def _may_name(names: Any, stamp: Any, named: bool) -> bool:
    """Tell names of series from other cells: not about as many as rows, and numbers about as many as rows a date."""
    distinct = names.nunique()
    return 1 < distinct <= (len(names) / 2 if named else 2 * stamp.value_counts().max())


def _says_name(head: Head, index: int) -> bool:
    return not head.numeric[index] or bool(IDENTIFIER.search(head.names[index]))


def _words(head: Head, taken: set[int]) -> list[int]:
    """Return the columns that may name series: those of text, numbers which are called an id, other whole numbers."""
    free = [index for index in range(len(head.names)) if index not in taken]
    whole = [i for i in free if all(cell.strip().isdigit() for cell in head.cells[i] if cell.strip())]
    named = [i for i in free if _says_name(head, i)]
    return [*named, *(i for i in whole if i not in named)]


def settle_flaws(files: list[Path], finding: Finding) -> Series:
    """Read everything with each flaw allowed; keep the policies that few rows need, and ask about the others."""
    series, gaps = _read_leniently(files, finding)
    if gaps == "ignore":
        finding.set("gaps", "ignore", "the dates have no even step")
    few = max(1, int(FEW * len(series.values)))
    for note in series.notes:
        if found := re.search(r"^([\d,]+) .*?( ?\((missing|duplicates|unsorted|gaps)=(\w+)\))", note):
            number, policy, key, value = found.groups()
            total = int(number.replace(",", ""))
            if total <= few and not (key == "duplicates" and "series" in finding.open):
                finding.set(key, value, f"{note.replace(policy, '')}; without this: an error")
            else:
                what, how, choices = ASKED[key]
                finding.ask(key, f"{count(total, what)}{how}: choose {choices}")
    if end := _empty_at_the_end(files, finding):
        what = f"{count(end, 'row')} without the target at the end"
        finding.ask("missing", f"{what}: remove them if they are to be forecast, or choose {ASKED['missing'][2]}")
    return series


def _empty_at_the_end(files: list[Path], finding: Finding) -> int:
    """Count the rows after the last value of the target, over all series: filling them would invent the answer."""
    import numpy as np

    policies = Policies(missing="ffill", duplicates="mean", unsorted="sort", gaps="ignore")
    try:
        many, _ = read_open(files, finding.layout, finding.wanted, policies)
    except DataError:  # a hole at the beginning, which cannot be filled
        many, _ = read_open(files, finding.layout, finding.wanted, replace(policies, missing="drop"))
    return sum(int(np.isnan(rows.values[:, 0]).sum()) for rows in many)


def _read_leniently(files: list[Path], finding: Finding) -> tuple[Series, str]:
    """Read with the strictest policies that work; if none do, raise what the first of them said."""
    errors: list[DataError] = []
    for missing, gaps in ATTEMPTS:
        policies = Policies(missing=missing, duplicates="mean", unsorted="sort", gaps=gaps)
        try:
            return read_series(files, finding.layout, finding.wanted, policies), gaps
        except DataError as error:
            errors.append(error)
    raise errors[0]
