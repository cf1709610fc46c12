"""Wide tables: a series per row, its label in the first cell, its values after it, empty cells at the end."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rnnexp.data.tables.files import opened, unchanged
from rnnexp.data.tables.layout import Layout
from rnnexp.data.tables.numbers import Flaws, parse
from rnnexp.data.tables.records import Lines, records
from rnnexp.errors import DataError, count


def read_wide(file: Path) -> dict[str, np.ndarray]:
    """Read a comma-separated file, plain or gzip, below its header: label -> values (rows,), in order.

    Raises DataError for a cell that is no number, a value after an empty cell, a row without values, a label twice.
    """
    found: dict[str, np.ndarray] = {}
    with unchanged(file), opened(file, "utf-8") as stream:
        for line, cells in records(Lines(stream, file, None), ","):
            if line == 1 or not cells:
                continue
            label = cells[0].strip()
            if label in found:
                raise DataError(f"{file}, line {line}: series `{label}` is there twice")
            found[label] = _values(f"{file}, line {line}: series `{label}`", line, cells[1:])
    if not found:
        raise DataError(f"{file}: 0 usable rows: there is nothing below the header")
    return found


def _values(where: str, line: int, cells: list[str]) -> np.ndarray:
    flaws = Flaws()
    values = parse(cells, [line] * len(cells), Layout(), flaws)
    if flaws.total:
        raise DataError(f'{where} has a cell that is not a usable number: "{flaws.shown[0][1][:40]}"')
    if flaws.did:
        raise DataError(
            f"{where} has numbers that are not plain: {next(iter(flaws.did))} {count(flaws.did.total(), 'cell')}"
        )
    length = int(np.count_nonzero(~np.isnan(values)))
    if length == 0:
        raise DataError(f"{where} has no values")
    gap = np.flatnonzero(np.isnan(values[:length]))
    if len(gap):
        raise DataError(f"{where} has an empty cell before a value: V{gap[0] + 2}")
    return values[:length]
