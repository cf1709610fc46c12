"""One long table of labeled recordings, with a column that says which recording a row belongs to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from rnnexp.config.settings import FORMERLY
from rnnexp.data.example_weights import read_weight
from rnnexp.data.labeled import Sequences
from rnnexp.data.located import TableFiles
from rnnexp.data.source import COUNTS, STAY_TOGETHER, Column, RecordingSource
from rnnexp.data.sources.sequence_folder import check_part
from rnnexp.data.tables.flawed import Flawed
from rnnexp.data.tables.layout import Wanted
from rnnexp.data.tables.remedy import Refused
from rnnexp.errors import DataError
from rnnexp.registry import register

if TYPE_CHECKING:
    from rnnexp.data.recording_rows import Recording, RecordingRules, Roles


PANDAS_INDEX = "__index_level_"  # how pandas names what is no column of a Parquet file


@register("data")
class sequence_table(TableFiles, RecordingSource):
    """Read tables (CSV, TSV, gzip, Parquet) whose rows are steps of recordings, many in one file."""

    name: Literal["sequence_table"] = "sequence_table"
    path: str = Field(description="File or glob of files; looked up here, then in root.")
    test_path: str | None = Field(None, description="File or glob of the test set; null takes it from path, by split.")
    recording: Column | list[Column] | None = Field(
        "recording",
        description="Column that says which recording a row belongs to, or several that do so together: "
        "[subject, trial]. null: each file is one recording.",
    )
    time: Column | list[Column] | None = Field(
        None,
        description="Column of numbers or dates that puts the rows of a recording in order, or several of dates; "
        "null: as they come.",
    )
    label: Column = Field("label", description="Column with the label of a recording, or the number to predict.")
    part: Column | None = Field(
        None, description="Column that says train, val or test; empty cells and null leave it to split."
    )
    groups: Column | None = Field(None, description=f"Column with the group of each recording {STAY_TOGETHER}")
    weight: Column | None = Field(None, description=f"Column with the weight of each recording {COUNTS}")
    channels: list[Column] = Field(
        default_factory=list, description="Columns of numbers to read; empty for all that have no other part."
    )
    on_change: Literal["fail", "cut"] = Field(
        "fail",
        description="What to do where the label changes within a recording: fail, or begin another recording there.",
    )
    ignore_labels: list[str | int] = Field(
        default_factory=list,
        description="Labels whose recordings are left out and counted, such as transition.",
        json_schema_extra={FORMERLY: "skip"},
    )
    missing: Literal["fail", "drop", "ffill", "interpolate"] = Field(
        "fail",
        description="Missing values, by recording: drop their rows, repeat the last one, or draw a line to the next.",
    )
    task: Literal["regression", "classification"] = Field(
        "classification", description="Numbers to predict, or labels to choose from."
    )

    def fill_channels(self, channels: tuple[str, ...]) -> sequence_table:
        return self if self.channels else replace(self, channels=list(channels))  # type: ignore[call-arg]

    def label_key(self) -> str:
        return "data.label"

    def gives(self) -> set[str]:
        return {"test"} if self.test_path or self.part is not None else set()

    def check(self) -> list[str]:
        """List the mistakes between fields, as `data.key: message`, without reading any data."""
        found = [*super().check(), *self.table_mistakes()]
        if self.recording == []:
            found.append("data.recording: an empty list names no column; null: each file is one recording")
        if self.time is None and self.time_format is not None:
            found.append("data.time_format: there are no dates to apply it to; name their column with data.time")
        roles = self.roles().columns
        twice = [
            column for column in dict.fromkeys([*roles, *self.channels]) if [*roles, *self.channels].count(column) > 1
        ]
        return found + [f"data.channels: `{column}` is named twice" for column in twice if column in self.channels]

    def roles(self) -> Roles:
        """Return what the columns are that are no channels."""
        from rnnexp.data.recording_rows import Roles

        said = {"label": self.label, "part": self.part, "group": self.groups, "weight": self.weight}
        given = {role: column for role, column in said.items() if column is not None}
        return Roles(_list(self.recording), _list(self.time), given)

    def wanted(self) -> Wanted:
        return self.roles().wanted(tuple(self.channels))

    def read(self) -> Sequences:
        """Read all files; a recording lies in one of them."""
        import numpy as np

        files = [("", file) for file in self.locate(self.path)]
        files += [("test", file) for file in self.locate(self.test_path)] if self.test_path else []
        channels = self.list_channels(files[0][1])
        found, notes = [], dict[str, None]()
        for part, file in files:
            made, told = self._read_file(file, channels)
            found += [(part, one) for one in made]
            notes |= dict.fromkeys(told)
        everything = [one for _, one in found]
        recording, time = self.name_keys(files[0][1])
        return Sequences.of(
            [one.values for one in everything],
            [self.target(one.said["label"], one.place) for one in everything],
            channels=tuple(map(str, channels)),
            parts=np.array([part or check_part(one.said.get("part", ""), one.place) for part, one in found]),
            groups=np.array([one.said["group"] for one in everything]) if self.groups is not None else None,
            weights=np.array([read_weight(one.said["weight"], one.place) for one in everything])
            if self.weight is not None
            else None,
            place=lambda index: everything[index].place,
            source=", ".join(file.name for _, file in files[:3]) + (", ..." if len(files) > 3 else ""),
            notes=tuple(notes),
            recording=recording,
            time=time,
        )

    def find_absent_columns(self) -> Iterator[str]:
        """Say of each column that the settings name and that the first file has not, and the first of the test set."""
        from rnnexp.data.tables.table import find_absent_columns

        for path in filter(None, (self.path, self.test_path)):
            yield from find_absent_columns(self.locate(path)[0], self.table_layout(), self.wanted().list_asked())

    def list_channels(self, file: Path) -> tuple[Column, ...]:
        """Return the columns of a file that are read as numbers, by name."""
        from rnnexp.data.tables.table import choose

        found = choose(file, self.table_layout(), self.wanted())
        if self.channels:
            return tuple(found.names[place] for place in found.values)
        free = tuple(
            name for i, name in enumerate(found.names) if i not in found.time and not name.startswith(PANDAS_INDEX)
        )
        if not free:
            raise DataError(f"{file}: there is no column left to be a channel")
        return free

    def name_keys(self, file: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the names of the columns that name a recording, and of those that put its rows in order."""
        from rnnexp.data.tables.columns import position
        from rnnexp.data.tables.table import column_names

        names, roles = column_names(file, self.table_layout()), self.roles()
        found = (("data.recording", roles.recording), ("data.time", roles.time))
        recording, time = (tuple(names[position(names, one, key, str(file))] for one in own) for key, own in found)
        return recording, time

    def rules(self) -> RecordingRules:
        """Return what is done about rows that are not as they should be."""
        from rnnexp.data.recording_rows import RecordingRules

        return RecordingRules(self.missing, self.on_change, frozenset(map(str, self.ignore_labels)))

    def _read_file(self, file: Path, channels: tuple[Column, ...]) -> tuple[list[Recording], list[str]]:
        from rnnexp.data.recording_rows import gather_recordings, refuse_telltale
        from rnnexp.data.tables.table import read_table

        roles, layout = self.roles(), self.table_layout()
        try:
            table = read_table(file, layout, roles.wanted(channels))
        except Refused as refused:
            hint = "; without data.channels all columns that have no other part are read"
            if self.channels or isinstance(refused, Flawed):
                raise
            raise Refused(f"{refused.message}{hint}", *refused.remedies) from None
        made, notes = gather_recordings(table, roles, layout, self.rules())
        if not self.channels and self.is_labeled:
            refuse_telltale(made, table, str(self.label))
        return made, notes


def _list(columns: Column | list[Column] | None) -> tuple[Column, ...]:
    return tuple(columns) if isinstance(columns, list) else () if columns is None else (columns,)
