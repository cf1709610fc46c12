"""Looking at an unknown table: how it is written, what its columns are, and which flaws it has."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rnnexp.data.inspect.dates import find_dates
from rnnexp.data.inspect.finding import Asked, Finding, Head, resolve_columns
from rnnexp.data.inspect.flaws import settle_flaws
from rnnexp.data.inspect.head import read_head
from rnnexp.data.inspect.marks import settle_numbers
from rnnexp.data.inspect.roles import find_target
from rnnexp.data.inspect.series_names import name_series
from rnnexp.data.inspect.shapes import refuse_sideways
from rnnexp.data.series import Series
from rnnexp.data.tables.columns import position
from rnnexp.data.tables.locate import locate
from rnnexp.data.tables.remedy import Refused, Remedy, Undecided
from rnnexp.data.tables.table import column_names
from rnnexp.data.tables.times import UnreadableDates
from rnnexp.errors import DataError, count

MOST_UNREADABLE = 20  # rows without a date that may be left out
MAX_LOOKS = 12  # at one file, to find out where the answers lead


def inspect(path: str, given: Mapping[str, Any]) -> tuple[Finding, Series]:
    """Find the settings which read `path`, and read it.

    Raises Undecided with all that is to be asked, as far as it can be known, and DataError where even a person would
    have to look.
    """
    try:
        return _look(path, given)
    except Undecided as undecided:
        raise Undecided(*_explored(path, given, undecided.questions[0], iter(range(MAX_LOOKS)))) from None


def _explored(path: str, given: Mapping[str, Any], question: Refused, looks: Iterator[int]) -> list[Refused]:
    """Return a question without the answers that do not lead on, and what is to be asked whatever its answer is."""
    working, found = [], []
    for remedy in question.remedies:
        try:
            found.append(_further(path, {**given, **remedy.settings}, looks))
            working.append(remedy)
        except DataError:
            continue
    if not working:
        return [question]
    others = [{str(one) for one in rest} for rest in found[1:]]
    common = [one for one in found[0] if all(str(one) in rest for rest in others)]
    return [Refused(question.message, *working), *common]


def _further(path: str, given: Mapping[str, Any], looks: Iterator[int]) -> list[Refused]:
    """Return what else is to be asked, as far as there are looks left."""
    try:
        if next(looks, None) is not None:
            _look(path, given)
    except Undecided as undecided:
        return _explored(path, given, undecided.questions[0], looks)
    return []


def _look(path: str, given: Mapping[str, Any]) -> tuple[Finding, Series]:
    """Find out as much as there is until the first question."""
    files = locate(path, os.environ.get("RNNEXP_DATA"))
    finding = Finding({key: value for key, value in given.items() if not isinstance(value, Asked)})
    finding.set("path", path)
    finding.update()
    if "target" not in given:
        refuse_sideways(finding.settle(lambda: column_names(files[0], finding.layout)), files[0])
    head = read_head(files[0], finding)
    if "target" not in given:  # now below what stands above the table
        refuse_sideways(head.names, files[0])
    finding.given = {key: resolve_columns(key, value, head.names, str(files[0])) for key, value in given.items()}
    try:
        finding.settle(lambda: _settle_columns(files[0], head, finding))
        return finding, settle_flaws(finding)
    except UnreadableDates as error:
        raise _offer_to_leave_out(error, finding, len(head.cells[0])) from None


def _offer_to_leave_out(error: UnreadableDates, finding: Finding, rows: int) -> DataError:
    """Ask whether few rows without a date are to be left out: totals, yearly means, remarks."""
    if not error.lines or len(error.lines) > min(MOST_UNREADABLE, rows / 4) or "skip_rows" in finding.given:
        return error
    skip = Remedy(
        {"skip_rows": [*finding.layout.skip_rows, *error.lines]}, f"leaves out {count(len(error.lines), 'row')}"
    )
    return Undecided(Refused(str(error), skip, Remedy({"time": None}, "rows are taken as evenly spaced")))


def _settle_columns(file: Path, head: Head, finding: Finding) -> None:
    """Find the columns of dates, the target and the names of series."""
    stamps = _dates(head, finding)
    chosen = find_target(head, stamps, finding, file)
    finding.update()
    settle_numbers(file, head, finding)
    finding.update()
    if "series" not in finding.given:
        name_series(head, chosen, stamps, finding, file)
    finding.settings |= finding.given
    finding.update()


def _dates(head: Head, finding: Finding) -> list[int]:
    if "time" not in finding.given:
        return find_dates(head, finding)
    columns = finding.given["time"]
    finding.settings["time"] = columns
    many = columns if isinstance(columns, list) else [] if columns is None else [columns]
    return [position(head.names, column, "--time", finding.settings["path"]) for column in many]
