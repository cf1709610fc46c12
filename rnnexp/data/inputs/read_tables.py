"""Examples of several inputs from tables: a row each of the main one, and rows of others by their ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rnnexp.data.inputs.source import Input
from rnnexp.data.recording_rows import RecordingRules, Roles, gather_recordings, read_texts
from rnnexp.data.tables.columns import Table, find_positions, position
from rnnexp.data.tables.layout import Asked, Column, Layout, Wanted
from rnnexp.data.tables.table import column_names, read_table
from rnnexp.errors import DataError, count

MIN_ROWS = 10  # of which a column that tells all labels is no chance


@dataclass(frozen=True)
class MainTable:
    """The main table as it is written: `cells` (rows,) of each column by its name, "" where one is missing."""

    file: Path
    names: tuple[str, ...]
    cells: Mapping[str, np.ndarray]
    table: Table

    def find(self, column: Column, key: str) -> str:
        """Return the name of a column; DataError names the setting that asks for one that is not there."""
        return self.names[position(self.names, column, key, str(self.file))]

    def place(self, row: int) -> str:
        """Say where a row stands."""
        return f"{self.file}, {self.table.places.unit} {self.table.places.number[row]}"


def read_main(file: Path, layout: Layout) -> MainTable:
    """Read all columns of a file as they are written."""
    names = column_names(file, layout)
    table = read_table(file, layout, Wanted(tuple(range(len(names))), targets=(), time_key="data.inputs"))
    cells = {}
    for name, column in zip(names, table.time):
        texts = read_texts(column)
        cells[name] = np.array(["" if cell in layout.missing else cell for cell in texts], dtype=object)
    return MainTable(file, names, cells, table)


def list_columns(main: MainTable, name: str, given: Input, taken: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of a text or a table by their names; `taken` have another part."""
    key = f"data.inputs.{name}.columns"
    if given.columns:
        return tuple(main.find(column, key) for column in given.columns)
    if given.is_text:
        return (main.find(name, key),)
    free = tuple(column for column in main.names if column not in taken)
    if not free:
        raise DataError(f"{main.file}: {key}: no column is left for it")
    return free


def read_cells(main: MainTable, given: Input, columns: tuple[str, ...], layout: Layout) -> list[Any]:
    """Return a text of each row, or its cells, with a point as decimal mark."""
    if given.is_text:
        return [" ".join(filter(None, cells)) for cells in zip(*(main.cells[name] for name in columns))]
    rows = list(zip(*(main.cells[name] for name in columns)))
    if layout.decimal == "." and layout.thousands is None:
        return rows
    return [tuple(_with_point(cell, layout) for cell in row) for row in rows]


def refuse_telltale(main: MainTable, columns: Sequence[str], label: str) -> None:
    """Refuse columns that say what the label is: no network is needed to read them."""
    labels = main.cells[label]
    for name in columns:
        pairs, told = {*zip(main.cells[name], labels)}, {*main.cells[name]}
        if len(labels) >= MIN_ROWS and len(pairs) == len(told) == len({*labels}) > 1:
            raise DataError(f"{main.file}: column `{name}` says the label of each row, as `{label}` does: leave it out")


def list_asked_steps(key: str, given: Input, own: Column) -> Asked:
    """Return the columns of a table of steps, each with the setting that names it: ids, time, and what is read."""
    ids = (own if given.id is None else given.id, f"{key}.id")
    time = [] if given.time is None else [(given.time, f"{key}.time")]
    return [ids, *time, *((column, f"{key}.columns") for column in given.columns)]


def read_steps(
    file: Path, key: str, given: Input, wanted: tuple[Column, Iterable[str]], layout: Layout
) -> tuple[list[np.ndarray], tuple[str, ...], list[str]]:
    """Return the steps (steps, channels) of each id, none for one without rows, the channels, and what was done.

    key: what messages call the input;  wanted: the column of ids unless it has its own, and the ids in order
    """
    own, ids = wanted[0], list(wanted[1])
    roles = Roles((own if given.id is None else given.id,), () if given.time is None else (given.time,))
    names = column_names(file, layout)
    places = find_positions(names, list_asked_steps(key, given, own), str(file))
    try:
        taken = [names[place] for place in places[: len(roles.columns)]]
        channels = tuple(given.columns) or tuple(name for name in names if name not in taken)
        if not channels:
            raise DataError(f"{file}: there is no column left to be read (data.channels)")
        table = read_table(file, layout, roles.wanted(channels))
        made, notes = gather_recordings(table, roles, layout, RecordingRules(given.missing))
    except DataError as error:
        raise DataError(_rename_keys(str(error), key)) from None
    found = {one.ids[0]: one.values for one in made}
    steps = [found.get(one, np.zeros((0, len(channels)))) for one in ids]
    if strange := sorted({*found} - {*ids}):
        notes.append(
            f"{file}: rows of {count(len(strange), 'id')} that no example has are left out, such as `{strange[0]}`"
        )
    if not {*found} & {*ids}:
        raise DataError(f"{file}: no id of {key}.id is one of the examples, such as `{ids[0]}`; it has `{strange[0]}`")
    return steps, tuple(table.names), [_rename_keys(note, key) for note in notes]


def _rename_keys(message: str, key: str) -> str:
    """Call settings of a table of recordings as those of an input are called."""
    own = {"recording": "id", "time": "time", "channels": "columns", "missing": "missing"}
    for other, name in own.items():
        message = message.replace(f"data.{other}", f"{key}.{name}")
    return message


def _with_point(cell: str, layout: Layout) -> str:
    plain = cell.replace(layout.thousands or "", "").replace(layout.decimal, ".")
    try:
        float(plain)
    except ValueError:
        return cell
    return plain
