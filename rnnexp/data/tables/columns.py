"""Which column is meant: by exact name or by position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np

from rnnexp.data.tables.layout import Asked, Column, Wanted
from rnnexp.data.tables.places import SHOWN, Counts, Places
from rnnexp.errors import DataError, count, did_you_mean


class NamedTwice(DataError):
    """A name means several columns."""


class AbsentColumns(DataError):
    """Columns that settings name and a file does not have: a problem each.

    among_others: whether it has others that they name, so that its header was found
    """

    def __init__(self, *problems: str, among_others: bool = False) -> None:
        self.problems, self.among_others = list(problems), among_others
        super().__init__("\n".join(problems))


@dataclass(frozen=True)
class Selection:
    """The positions of the wanted columns in one file; `values` are the targets, then the others."""

    names: tuple[str, ...]
    time: tuple[int, ...]
    series: int | None
    values: tuple[int, ...]

    @property
    def texts(self) -> tuple[int, ...]:
        """The columns that are kept as they are written."""
        return self.time if self.series is None else (*self.time, self.series)


@dataclass(frozen=True)
class Table:
    """The wanted columns of one file or of several.

    values: (rows, columns) float64, NaN where a cell is missing
    time:   one pandas Series (rows,) per column of dates: text, numbers or datetimes
    series: pandas Series (rows,) of text, or None
    """

    names: tuple[str, ...]
    values: np.ndarray
    time: tuple[Any, ...]
    series: Any
    places: Places
    notes: tuple[str, ...] = field(default=())
    counts: Counts = field(default=Counts())


def select(names: Sequence[str], numeric: Sequence[int], wanted: Wanted, file: str) -> Selection:
    """Find every wanted column of a file, or say which of them are not there."""
    found = iter(find_positions(names, wanted.list_asked(), file))
    time = tuple(islice(found, len(wanted.time)))
    series = None if wanted.series is None else next(found)
    others = list(islice(found, len(wanted.others)))
    targets = list(found) if wanted.targets is not None else [_only({*time, series, *others}, names, numeric, file)]
    values = (*targets, *others)
    for index in values:
        if index in time or index == series or values.count(index) > 1:
            message = (
                f'column "{names[index]}" is named twice among data.time, series, target, features, known and weight'
            )
            raise DataError(f"{file}: {message}")
    return Selection(tuple(names), time, series, values)


def _only(taken: set[int | None], names: Sequence[str], numeric: Sequence[int], file: str) -> int:
    """Return the only column of numbers that is not taken; one of plain numbers comes first."""
    free = [index for index in range(len(names)) if numeric[index] and index not in taken]
    choices = [index for index in free if numeric[index] == max(numeric[one] for one in free)]
    if len(choices) == 1:
        return choices[0]
    if not choices:
        raise DataError(f"{file}: data.target: no column of numbers to forecast (columns: {listed(names)})")
    shown = listed([names[index] for index in choices])
    raise DataError(f"{file}: data.target: which of {len(choices)} columns of numbers is to be forecast? {shown}")


def find_positions(names: Sequence[str], asked: Asked, file: str) -> list[int]:
    """Return the position of each column; AbsentColumns has all that are not there, the first few in words."""
    found, absent = [], dict[str, None]()
    for column, key in asked:
        try:
            found.append(position(names, column, key, file))
        except AbsentColumns as error:
            absent |= dict.fromkeys(error.problems)
    if absent:
        more = len(absent) - SHOWN
        told = [*absent][:SHOWN] + [f"{file}: {count(more, 'more column')} not there"] * (more > 0)
        raise AbsentColumns(*told, among_others=any(column in names for column, _ in asked))
    return found


def position(names: Sequence[str], column: Column, key: str, file: str) -> int:
    """Return the position of `column` from 0; negative positions count from the end."""
    if isinstance(column, int):
        if not -len(names) <= column < len(names):
            last = len(names) - 1
            raise AbsentColumns(f"{file}: {key}: there is no column {column}; positions run from 0 to {last}")
        column = names[column]
    found = [index for index, name in enumerate(names) if name == column]
    if len(found) > 1:
        where = ", ".join(map(str, found))
        raise NamedTwice(f'{file}: {key}: {len(found)} columns are called "{column}" (positions {where})')
    if not found:
        raise AbsentColumns(
            f'{file}: {key}: there is no column "{column}"{_near(column, names)} (columns: {listed(names)})'
        )
    return found[0]


def _near(column: str, names: Sequence[str]) -> str:
    """Find a column that differs in case, blanks or spelling only."""
    if names and names[0].startswith("#"):
        return '; if the first line is a comment: data.comment: "#"'
    for name in names:
        if "".join(name.lower().split()) == "".join(column.lower().split()):
            return f'; did you mean "{name}"?'
    return did_you_mean(column, names)


def listed(names: Sequence[str]) -> str:
    """Name up to twelve columns."""
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return ", ".join(f'"{name if len(name) <= 60 else name[:59] + "…"}"' for name in names[:12]) + more
