"""Which cells of a column of numbers mean that there is none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rnnexp.data.inspect.finding import Finding, Head
from rnnexp.data.tables.dialect import examine
from rnnexp.data.tables.files import kind, opened
from rnnexp.data.tables.records import Lines, records

MARKERS = ("-", "--", "?", ".", "*", "n.a.", "#N/A", "missing", "NULL!")


def find_markers(file: Path, head: Head, chosen: int, finding: Finding) -> None:
    """Look for marks such as `-` or `?` among the cells of the target."""
    if kind(file) == "parquet":
        return
    layout = finding.layout
    separator = examine(file, layout).separator
    with opened(file, layout.encoding) as stream:
        rows = records(Lines(stream, file, layout.comment), separator)
        cells = {cells[chosen].strip() for _, cells in rows if chosen < len(cells)}
    found = [mark for mark in MARKERS if mark in cells]
    if found:
        finding.set("na", found, "cells that mean missing")
        finding.layout = replace(layout, na=tuple(found))
