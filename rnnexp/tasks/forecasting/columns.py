"""Which columns are forecast, which are seen, and which are known ahead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rnnexp.data.example_weights import check_weights
from rnnexp.data.large import is_large, list_pieces, make_room
from rnnexp.data.series import Series
from rnnexp.errors import DataError, did_you_mean


@dataclass(frozen=True)
class Roles:
    """Names of the columns by role."""

    targets: tuple[str, ...]
    features: tuple[str, ...] = ()
    known: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        return self.targets + self.features + self.known


def roles(source: Any, columns: tuple[str, ...]) -> Roles:
    """Resolve `target`, `features` and `known` against the columns that were read.

    Raises DataError for an unknown column, an open choice of the target, or a column with two roles.
    """
    weight = () if source.weight is None else _names("weight", [source.weight], columns)
    columns, all_columns = tuple(name for name in columns if name not in weight), columns
    if source.target is None and len(columns) != 1:
        raise DataError(f"data.target: choose what to forecast; the data have the columns {', '.join(columns)}")
    given = source.target if isinstance(source.target, list) else [source.target]
    targets = columns if source.target is None else _names("target", given, all_columns)
    found = Roles(targets, _names("features", source.features, all_columns), _names("known", source.known, all_columns))
    if used := [name for name in weight if name in found.all]:
        raise DataError(f"column `{used[0]}` is data.weight, which a network does not see; it has another role, too")
    twice = sorted({name for name in found.all if found.all.count(name) > 1})
    if twice:
        raise DataError(
            f"column `{twice[0]}` is given twice among data.target, data.features and data.known; "
            "the past of a target is an input anyway"
        )
    return found


def _names(field: str, wanted: Sequence[Any], columns: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_name(field, column, columns) for column in wanted)


def _name(field: str, column: Any, columns: tuple[str, ...]) -> str:
    if isinstance(column, int) and 0 <= column < len(columns):
        return columns[column]
    if column in columns:
        return str(column)
    hint = did_you_mean(column, columns)
    raise DataError(f"data.{field}: there is no column `{column}`; the data have {', '.join(columns)}{hint}")


def select(series: Series, names: tuple[str, ...]) -> np.ndarray:
    """Return the named columns, (rows, columns) float64; refuse what is not a finite number."""
    places = [series.columns.index(name) for name in names]
    table = _take(series.values, places)
    bad = find_bad(table)
    if len(bad):
        row, place = bad[0]
        raise DataError(
            f"{series.source or 'data'}: column `{names[place]}` has no finite value in row {row + 1} "
            f"(the first of {len(bad)} such cells)"
        )
    return table


def _take(values: np.ndarray, places: list[int]) -> np.ndarray:
    """Return these columns side by side, float64; all of many rows are not copied."""
    if not is_large(len(values)):
        return np.ascontiguousarray(values[:, places], dtype=np.float64)
    if places == list(range(values.shape[1])) and values.dtype == np.float64:
        return values
    table = make_room((len(values), len(places)), np.float64)
    for piece in list_pieces(len(values)):
        table[piece] = values[piece][:, places]
    return table


def find_bad(table: np.ndarray) -> np.ndarray:
    """Return row and column of all cells that are no finite numbers, (n, 2)."""
    found = [np.argwhere(~np.isfinite(table[piece])) + [piece.start, 0] for piece in list_pieces(len(table))]
    return np.concatenate(found) if found else np.empty((0, 2), int)


def select_weights(source: Any, series: Series) -> np.ndarray | None:
    """Return how often each row counts, (rows,); None where each counts once. DataError names a row that is below 0."""
    if source.weight is None:
        return None
    name = _name("weight", source.weight, series.columns)
    weights = select(series, (name,))[:, 0]
    check_weights(weights, lambda row: f"{series.source or 'data'}: column `{name}`, row {row + 1}")
    return weights


def melted(series: Series, chosen: Roles) -> tuple[Series, Roles]:
    """Make each target column a series of its own, the other columns repeated beside it.

    Series i with target t becomes series i * targets + t, called as the column, with `ID/` before it if there are
    several series.
    """
    others = chosen.features + chosen.known
    table, count = select(series, chosen.all), len(chosen.targets)
    spans = [slice(*span) for span in zip(series.offsets[:-1], series.offsets[1:])]
    pieces = [np.column_stack([table[s, t], table[s, count:]]) for s in spans for t in range(count)]
    labels = [f"{one}/" for one in series.ids] if len(series.ids) > 1 else [""]
    made = replace(
        series,
        values=np.concatenate(pieces),
        columns=("value", *others),
        offsets=np.cumsum([0, *(len(piece) for piece in pieces)]),
        ids=tuple(f"{label}{name}" for label in labels for name in chosen.targets),
        time=_repeated(series.time, spans, count),
        added=_repeated(series.added, spans, count),
    )
    return made, Roles(("value",), chosen.features, chosen.known)


def _repeated(rows: np.ndarray | None, spans: Sequence[slice], count: int) -> np.ndarray | None:
    return None if rows is None else np.concatenate([rows[s] for s in spans for _ in range(count)])
