"""Looking at an unknown table: how it is written, what its columns are, and which flaws it has."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rnnexp.data.inspect.dates import find_dates
from rnnexp.data.inspect.finding import Asked, Finding, Head, Undecided
from rnnexp.data.inspect.flaws import settle_flaws
from rnnexp.data.inspect.head import read_head
from rnnexp.data.inspect.marks import find_markers
from rnnexp.data.inspect.roles import find_target, name_series
from rnnexp.data.inspect.text_file import look_at_text
from rnnexp.data.series import Series
from rnnexp.data.tables.columns import position
from rnnexp.data.tables.files import kind, locate
from rnnexp.data.tables.remedy import Refused
from rnnexp.errors import DataError

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
    if kind(files[0]) != "parquet":
        look_at_text(files[0], finding)
    finding.update()
    head = finding.settle(lambda: read_head(files[0], finding))
    finding.given = {key: _decided(key, value, head.names, str(files[0])) for key, value in given.items()}
    _settle_columns(files[0], head, finding)
    return finding, finding.settle(lambda: settle_flaws(files, finding))


def _settle_columns(file: Path, head: Head, finding: Finding) -> None:
    """Find the columns of dates, the target and the names of series."""
    stamps = _dates(head, finding)
    chosen = find_target(head, stamps, finding, file)
    finding.update()
    find_markers(file, head, chosen, finding)
    finding.update()
    if "series" not in finding.given:
        name_series(file, head, chosen, stamps, finding)
    finding.settings |= finding.given
    finding.update()


def _dates(head: Head, finding: Finding) -> list[int]:
    if "time" not in finding.given:
        return find_dates(head, finding)
    columns = finding.given["time"]
    finding.settings["time"] = columns
    many = columns if isinstance(columns, list) else [] if columns is None else [columns]
    return [position(head.names, column, "--time", finding.settings["path"]) for column in many]


def _decided(key: str, value: Any, names: Sequence[str], file: str) -> Any:
    """Return the columns that a user has named; DataError for one that is not there."""
    if not isinstance(value, Asked):
        return value
    columns = [column for text in value.texts for column in _columns(text, names)]
    for column in columns:
        position(names, column, f"--{key}", file)
    return columns if value.several or len(columns) > 1 else columns[0]


def _columns(text: str, names: Sequence[str]) -> list[str | int]:
    """Read `a`, `a,b` or `"with, comma",b`; a number is a position unless a column is called so."""
    parts = [text] if text in names else next(csv.reader([text], skipinitialspace=True), [text])
    return [int(part) if part not in names and part.lstrip("-").isdigit() else part for part in parts]
