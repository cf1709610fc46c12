"""Looking at an unknown table: how it is written, what its columns are, and which flaws it has."""

from __future__ import annotations

import os
from pathlib import Path

from rnnexp.data.inspect.dates import find_dates
from rnnexp.data.inspect.finding import Finding, Head
from rnnexp.data.inspect.flaws import settle_flaws
from rnnexp.data.inspect.marks import find_markers
from rnnexp.data.inspect.roles import find_target, name_series
from rnnexp.data.inspect.text_file import look_at_text
from rnnexp.data.series import Series
from rnnexp.data.tables.files import kind, locate
from rnnexp.data.tables.layout import Layout, Wanted
from rnnexp.errors import count


def inspect(path: str, target: str | None = None) -> tuple[Finding, Series]:
    """Find the settings which read `path`, and read it; DataError where even a person would have to look."""
    files = locate(path, os.environ.get("RNNEXP_DATA"))
    finding = Finding(Layout(), Wanted())
    finding.set("path", path)
    head = _parquet(files[0], finding) if kind(files[0]) == "parquet" else look_at_text(files[0], finding)
    stamps = find_dates(head, finding, files[0])
    chosen = find_target(head, target, stamps, finding, files[0])
    finding.wanted = Wanted(tuple(head.names[index] for index in stamps), None, (head.names[chosen],))
    if "header" in finding.settings:
        finding.wanted = Wanted(tuple(stamps), None, (chosen,))
    find_markers(files[0], head, chosen, finding)
    name_series(files[0], head, chosen, stamps, finding)
    return finding, settle_flaws(files, finding)


def _parquet(file: Path, finding: Finding) -> Head:
    from pandas.api.types import is_numeric_dtype

    from rnnexp.data.tables.typed import first_rows

    rows = first_rows(file, 200)
    finding.seen.append(f"{file}: Parquet, {count(len(rows.columns), 'column')}")
    numeric = tuple(is_numeric_dtype(dtype) for dtype in rows.dtypes)
    return Head(tuple(map(str, rows.columns)), tuple(tuple(rows[name].astype("str")) for name in rows), numeric)
