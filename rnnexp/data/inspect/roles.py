"""Which column is to be forecast, and which one names the series of a long table."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

from rnnexp.data.inspect.finding import Finding, Head
from rnnexp.data.tables.columns import listed, position
from rnnexp.errors import DataError

TARGET = ("y", "target", "value", "values", "ot")
IDENTIFIER = re.compile(r"(^|_)(id|series|store|item)$", re.IGNORECASE)
MAX_NAMES = 8  # columns that are tried as names of series


def find_target(head: Head, stamps: list[int], finding: Finding, file: Path) -> int:
    """Take the column that the user has decided for, or one with a usual name, or the last column of numbers."""
    numbers = [i for i, numeric in enumerate(head.numeric) if numeric and i not in stamps]
    if "target" in finding.given:
        wanted = finding.given["target"]
        chosen = position(head.names, wanted[0] if isinstance(wanted, list) else wanted, "--target", str(file))
    elif numbers:
        usual = [index for index in numbers if head.names[index].strip().lower() in TARGET]
        chosen = (usual or numbers)[-1]
    else:
        raise DataError(f"{file}: no column of numbers to forecast (columns: {listed(head.names)})")
    others = [head.names[index] for index in numbers if index != chosen]
    reason = f"other columns of numbers: {listed(others)}" if others else ""
    finding.set("target", chosen if "header" in finding.settings else head.names[chosen], reason)
    return chosen


def name_series(file: Path, head: Head, chosen: int, stamps: list[int], finding: Finding) -> None:
    """Look for the column of names that makes repeated dates those of several series."""
    if not stamps:
        return
    time = [_series(head, index) for index in stamps]
    stamp = time[0].str.cat(time[1:], sep=" ") if len(time) > 1 else time[0]
    before = int(stamp.duplicated().sum())
    if not before:
        return
    columns = {index: _series(head, index) for index in _words(head, {chosen, *stamps})[:MAX_NAMES]}
    names = {index: own for index, own in columns.items() if _may_name(own, stamp, named=_says_name(head, index))}
    left = {index: int((own + "\x1f" + stamp).duplicated().sum()) for index, own in names.items()}
    best = min(left, key=lambda index: left[index], default=None)
    if best is not None and 2 * left[best] <= before:
        name = best if "header" in finding.settings else head.names[best]
        finding.set("series", name, f"{names[best].nunique():,} series in one long table")
        return
    for one, other in itertools.combinations(names, 2):
        if not (names[one] + "\x1f" + names[other] + "\x1f" + stamp).duplicated().any():
            both = listed([head.names[one], head.names[other]])
            raise DataError(f"{file}: {both} together tell the series apart: join them in one column (data.series)")


def _series(head: Head, index: int) -> Any:
    import pandas as pd

    return pd.Series(head.cells[index], dtype="str").str.strip()


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
