"""Series from CSV, TSV, gzip and Parquet files, and from folders of Parquet parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from rnnexp.data.located import TableFiles
from rnnexp.data.series import Rows, Series
from rnnexp.data.source import Column, SeriesSource
from rnnexp.data.tables.layout import Layout, Policies, Wanted
from rnnexp.registry import register

if TYPE_CHECKING:
    from rnnexp.data.tables.columns import Table


@register("data")
class csv(TableFiles, SeriesSource):
    """Read tables strictly: a cell, date or row that is flawed is an error, unless a policy allows it."""

    name: Literal["csv"] = "csv"
    path: str = Field(
        description="File (CSV, TSV, .gz, Parquet), glob, or folder of Parquet files; looked up here, then in root."
    )
    time: Column | list[Column] | None = Field(
        None, description="Date column, or several: [year, month, day, hour] or [date, time]; null for none."
    )
    frequency: str | None = Field(
        None,
        description='Step of the dates as a pandas alias ("MS", "D", "h"), or C-TUE-WED-THU-FRI-SAT: these weekdays; '
        "null infers it.",
    )
    series: Column | None = Field(
        None, description="Column that names the series in a long table (unique_id, ds, y); null for one series."
    )
    missing: Literal["fail", "drop", "ffill", "interpolate"] = Field(
        "fail", description="Missing values: drop their rows, repeat the last one, or draw a line to the next."
    )
    duplicates: Literal["fail", "first", "last", "mean"] = Field(
        "fail", description="Rows with the same date: keep the first, the last or their mean."
    )
    unsorted: Literal["fail", "sort"] = Field("fail", description="Dates that go back: sort them.")
    gaps: Literal["fail", "ignore", "ffill", "interpolate"] = Field(
        "fail", description="Absent dates: take rows as they come, or add rows and fill them."
    )

    def check(self) -> list[str]:
        """List the mistakes between fields, as `data.key: message`, without reading any data."""
        return [*super().check(), *self._mistakes()]

    def _mistakes(self) -> list[str]:
        found = self.table_mistakes()
        needs_time = ("time_format", "time_zone", "pivot_year", "frequency")
        given = [key for key in needs_time if getattr(self, key) is not None]
        if self.time is None and given:
            found.append(f"data.{given[0]}: there are no dates to apply it to; name their column with data.time")
        return [*found, *self._frequency_mistakes()]

    def _frequency_mistakes(self) -> list[str]:
        from rnnexp.data.tables.frequency import mistake

        wrong = mistake(self.frequency) if self.frequency is not None else None
        return [f"data.frequency: {wrong}"] if wrong else []

    def read(self) -> Series:
        """Read the target, features and known columns, and that of the weights, in this order."""
        from rnnexp.data.tables.mapped import read_mapped
        from rnnexp.data.tables.read import make_series

        mapped = read_mapped(self._files(), self.table_layout(), self.named().wanted(), self.frequency)
        return mapped or make_series(*self._read_tables(), self._policies(), self.frequency, self._fewest())

    def _read_tables(self) -> tuple[list[Table], Layout, Wanted]:
        from rnnexp.data.tables.table import read_table

        layout, wanted = self.table_layout(), self.named().wanted()
        return [read_table(file, layout, wanted) for file in self._files()], layout, wanted

    def _fewest(self, ahead: int = 0) -> Callable[[str | None], int] | None:
        """Return what says how many rows a series must have so as not to be left out, less those `ahead`."""
        from rnnexp.data.short import need

        return None if self.on_short == "fail" else lambda frequency: need(self, frequency).rows - ahead

    def columns(self) -> tuple[str, ...]:
        """Return the names of all columns of the first file."""
        from rnnexp.data.tables.table import column_names

        return column_names(self._files()[0], self.table_layout())

    def read_open(self, frequency: str | None) -> tuple[list[Rows], list[str]]:
        """Read what forecasts start from: unlike in `read`, rows at the end may have no targets yet.

        `frequency` is the step of the dates if the settings give none. Returns the rows of each series in original
        units, and what was done to them.
        """
        from rnnexp.data.tables.read import open_tables

        step, fewest = self.frequency or frequency, self._fewest(ahead=self.horizon)
        many, notes = open_tables(*self._read_tables(), self._policies(), step, fewest)
        return [Rows(rows.label, rows.values, rows.time) for rows in many], notes

    def named(self) -> csv:
        """Replace positions by names, and a target that is not given by the only column of numbers."""
        from rnnexp.data.tables.table import choose

        found = choose(self._files()[0], self.table_layout(), self.wanted())
        values: list[Column] = [found.names[index] for index in found.values]
        weight = values.pop() if self.weight is not None else None
        known = len(values) - len(self.known)
        features = known - len(self.features)
        return replace(  # type: ignore[call-arg]
            self,
            time=[found.names[index] for index in found.time] or None,
            series=None if found.series is None else found.names[found.series],
            target=values[:features],
            features=values[features:known],
            known=values[known:],
            weight=weight,
        )

    def find_absent_columns(self) -> Iterator[str]:
        """Say of each column that the settings name and that the first file has not."""
        from rnnexp.data.tables.table import find_absent_columns

        yield from find_absent_columns(self._files()[0], self.table_layout(), self.wanted().list_asked())

    def _files(self) -> list[Path]:
        from rnnexp.data.tables.locate import list_parts

        return list_parts(self.path, self.root_folder()) or self.locate(self.path)

    def _policies(self) -> Policies:
        return Policies(self.missing, self.duplicates, self.unsorted, self.gaps)

    def wanted(self) -> Wanted:
        targets = None if self.target is None else tuple(_list(self.target))
        return Wanted(tuple(_list(self.time)), self.series, targets, (*self.features, *self.known, *_list(self.weight)))


def _list(columns: Column | list[Column] | None) -> list[Column]:
    return columns if isinstance(columns, list) else [] if columns is None else [columns]
