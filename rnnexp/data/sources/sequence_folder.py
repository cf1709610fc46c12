"""One table per sequence, and one table that says what each of them is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from rnnexp.config.settings import SINCE
from rnnexp.data.example_weights import read_weight
from rnnexp.data.labeled import Sequences
from rnnexp.data.located import Encoded
from rnnexp.data.source import COUNTS, STAY_TOGETHER, Column, RecordingSource
from rnnexp.data.tables.files import kind
from rnnexp.data.tables.layout import Layout, Wanted
from rnnexp.data.tables.locate import locate_folder
from rnnexp.errors import DataError, did_you_mean
from rnnexp.registry import register

if TYPE_CHECKING:
    import numpy as np

    from rnnexp.data.tables.columns import Table

PARTS = ("train", "val", "test")


@register("data")
class sequence_folder(Encoded, RecordingSource):
    """Read a folder of tables (CSV, TSV, gzip, Parquet), one sequence each, rows in time order."""

    name: Literal["sequence_folder"] = "sequence_folder"
    path: str = Field(description="Folder that holds the tables; looked up here, then in root.")
    labels: str = Field("labels.csv", description="Table with a row per sequence, within path.")
    file: Column = Field("file", description="Column of labels that names the table of a sequence, within path.")
    label: Column = Field("label", description="Column of labels that holds the label, or the number to predict.")
    part: Column | None = Field(
        None, description="Column of labels that says train, val or test; empty cells and null leave it to split."
    )
    groups: Column | None = Field(
        None,
        description=f"Column of labels with the group of each sequence {STAY_TOGETHER}",
        json_schema_extra={SINCE: "0.1"},
    )
    weight: Column | None = Field(
        None,
        description=f"Column of labels with the weight of each sequence {COUNTS}",
        json_schema_extra={SINCE: "0.1"},
    )
    channels: list[Column] = Field(
        default_factory=list, description="Columns of numbers to read from each table; empty for all of the first one."
    )
    separator: str = Field("auto", min_length=1, description="Cell separator, tab or whitespace; auto finds out.")
    decimal: Literal[".", ","] = Field(".", description="Decimal mark.")
    header: Literal["first", "none"] = Field("first", description="Names are in the first line, or there are none.")
    task: Literal["regression", "classification", "transcription"] = Field(
        "classification", description="Numbers to predict, labels to choose from, or a text to write down."
    )

    def label_key(self) -> str:
        return "data.label"

    def is_folder(self, path: str) -> bool:
        """Say whether a setting names a folder."""
        return path == self.path

    def gives(self) -> set[str]:
        return {"test"} if self.part is not None else set()

    def read(self) -> Sequences:
        """Read the table of labels, then each table it names; columns are matched by name."""
        import numpy as np

        folder = locate_folder(self.path, self.root_folder(), self.origin)
        rows = self._rows(folder)
        files = [_table_file(folder, rows, index) for index in range(len(rows.file))]
        channels = tuple(self.channels) or self._first_channels(files[0])
        tables = [self._table(file, channels) for file in files]
        return Sequences.of(
            [table.values for table in tables],
            [self._label(rows, index) for index in range(len(files))],
            channels=tables[0].names,
            parts=np.array([check_part(rows.part[i] if rows.part else "", rows.place(i)) for i in range(len(files))]),
            groups=np.array(rows.group) if self.groups is not None else None,
            weights=self._weights(rows),
            place=lambda i: str(files[i]),
            source=folder.name,
        )

    def _weights(self, rows: _Rows) -> np.ndarray | None:
        import numpy as np

        if self.weight is None:
            return None
        return np.array([read_weight(cell, rows.place(index)) for index, cell in enumerate(rows.weight)])

    def _label(self, rows: _Rows, index: int) -> str | float:
        if not rows.label[index]:
            raise DataError(f"{rows.place(index)}: the label is empty")
        return self.target(rows.label[index], rows.place(index))

    def _layout(self) -> Layout:
        separator = None if self.separator == "auto" else self.separator
        return Layout(separator, self.decimal, encoding=self.encoding, header=self.header == "first", na=None)

    def _rows(self, folder: Path) -> _Rows:
        from rnnexp.data.tables.table import read_table

        file = folder / self.labels
        if not file.is_file():
            raise DataError(f"{file}: there is no such table of labels (data.labels)")
        given = self._list_said()
        table = read_table(file, Layout(encoding=self.encoding), _want(given))
        texts = {name: list(column.fillna("").astype(str)) for name, column in zip(given, table.time)}
        rows = _Rows(str(file), list(table.places.number), **texts)
        if "" in rows.group:
            raise DataError(f"{rows.place(rows.group.index(''))}: the group is empty (data.groups)")
        return rows

    def _list_said(self) -> dict[str, Column]:
        """Return the columns of the table of labels by what they say."""
        columns = {"file": self.file, "label": self.label, "part": self.part, "group": self.groups}
        columns |= {"weight": self.weight}
        return {name: column for name, column in columns.items() if column is not None}

    def find_absent_columns(self) -> Iterator[str]:
        """Say of each column that the settings name and that the table of labels has not, or the first that it names.

        A first one that cannot be told from the head of the labels is left to its reader.
        """
        from rnnexp.data.tables.table import find_absent_columns, read_first_cell

        folder = locate_folder(self.path, self.root_folder(), self.origin)
        file, layout = folder / self.labels, Layout(encoding=self.encoding)
        yield from find_absent_columns(file, layout, _want(self._list_said()).list_asked())
        if self.channels:
            rows = _Rows(str(file), [None], [read_first_cell(file, layout, self.file)], [])
            asked = _want_channels(self.channels).list_asked()
            yield from find_absent_columns(_table_file(folder, rows, 0), self._layout(), asked)

    def _first_channels(self, file: Path) -> tuple[Column, ...]:
        """Name all columns of the first table; without a header, number them."""
        from rnnexp.data.tables.table import column_names

        names = column_names(file, self._layout())
        return names if self.header == "first" or kind(file) == "parquet" else tuple(range(len(names)))

    def _table(self, file: Path, channels: tuple[Column, ...]) -> Table:
        from rnnexp.data.tables.table import read_table

        return read_table(file, self._layout(), _want_channels(channels))


def _want(said: dict[str, Column]) -> Wanted:
    """Return what is read of the table of labels: all as it is written."""
    *keys, last = (f"data.{'groups' if name == 'group' else name}" for name in said)
    asked = f"{', '.join(keys)} or {last}" if keys else last
    return Wanted(time=tuple(said.values()), targets=(), time_key=asked)


def _want_channels(channels: Sequence[Column]) -> Wanted:
    """Return what is read of the table of a sequence."""
    return Wanted(targets=tuple(channels), targets_key="data.channels")


@dataclass(frozen=True)
class _Rows:
    """The table of labels as columns of text, with the line of each row."""

    table: str
    lines: list[Any]
    file: list[str]
    label: list[str]
    part: list[str] = field(default_factory=list)
    group: list[str] = field(default_factory=list)
    weight: list[str] = field(default_factory=list)

    def place(self, index: int) -> str:
        return f"{self.table}, line {self.lines[index]}"


def _table_file(folder: Path, rows: _Rows, index: int) -> Path:
    """Find the table of a sequence; one outside the folder is refused."""
    name = rows.file[index]
    file = folder / name
    if not name or not file.is_file():
        near = did_you_mean(name, [child.name for child in folder.iterdir()])
        raise DataError(f"{rows.place(index)}: there is no file `{name}` in {folder}{near}")
    if not file.resolve().is_relative_to(folder.resolve()):
        raise DataError(f"{rows.place(index)}: `{name}` lies outside of {folder}")
    return file


def check_part(part: str, place: str) -> str:
    """Return the part that a cell says, "" for none; DataError names its place if there is no such part."""
    if part and part not in PARTS:
        wanted = ", ".join(PARTS) + did_you_mean(part, PARTS)
        raise DataError(f"{place}: the part `{part}` is not one of {wanted}")
    return part
