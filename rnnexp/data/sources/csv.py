"""Series from CSV, TSV, gzip and Parquet files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import Field

from rnnexp.config.settings import SINCE
from rnnexp.data.located import Encoded
from rnnexp.data.series import Rows, Series
from rnnexp.data.source import Column, SeriesSource
from rnnexp.data.tables.layout import Layout, Policies, Wanted
from rnnexp.registry import register


@register("data")
class csv(Encoded, SeriesSource):
    """Read tables strictly: a cell, date or row that is flawed is an error, unless a policy allows it."""

    name: Literal["csv"] = "csv"
    path: str = Field(description="File (CSV, TSV, .gz, Parquet) or glob of files; looked up here, then in root.")
    time: Column | list[Column] | None = Field(
        None, description="Date column, or several: [year, month, day, hour] or [date, time]; null for none."
    )
    time_format: str | None = Field(
        None,
        description='How dates are written, as "%d.%m.%Y"; s, ms, us, ns or D since 1970; excel; decimal_year; '
        "null finds out.",
    )
    pivot_year: int | None = Field(
        None,
        ge=1678,
        le=2162,
        description="First of the hundred years that years of two digits mean; null for 1969.",
        json_schema_extra={SINCE: "0.1"},
    )
    time_zone: str | None = Field(None, description="Zone to convert dates with a zone to, as UTC; null keeps it.")
    frequency: str | None = Field(
        None, description='Step of the dates as a pandas alias ("MS", "D", "h"); null infers it.'
    )
    series: Column | None = Field(
        None, description="Column that names the series in a long table (unique_id, ds, y); null for one series."
    )
    separator: str = Field("auto", min_length=1, description="Cell separator, tab or whitespace; auto finds out.")
    decimal: Literal[".", ","] = Field(".", description="Decimal mark.")
    thousands: str | None = Field(
        None, min_length=1, max_length=1, description="Thousands mark, a blank for blanks of all kinds; null for none."
    )
    header: Literal["first", "none"] | list[str] = Field(
        "first",
        description="Names are in the first line, or there are none: choose columns by position from 0; or the names.",
    )
    comment: str | None = Field(None, min_length=1, description="Lines that begin with this are left out.")
    skip_lines: int = Field(
        0,
        ge=0,
        description="Lines above the header that are left out: titles, metadata.",
        json_schema_extra={SINCE: "0.1"},
    )
    skip_rows: list[int | str] = Field(
        default_factory=list,
        description='Rows that are left out: numbers of lines, or texts: rows with such a cell ("Total").',
        json_schema_extra={SINCE: "0.1"},
    )
    skip_footer: int = Field(
        0,
        ge=0,
        description="Lines at the end that are left out: sources, remarks.",
        json_schema_extra={SINCE: "0.1"},
    )
    na: list[str | float] = Field(
        default_factory=list,
        description="Cells that mean missing, besides empty, NA, N/A, NaN, null and None; -200 means -200.0, too.",
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
        found = []
        if self.separator not in ("auto", "tab", "\\t", "space", "whitespace") and len(self.separator) > 1:
            found.append(f"data.separator: `{self.separator}` is not auto, tab, whitespace or one character")
        if self.decimal == self.thousands:  # that of cells may be one, too, where quotes hold them
            found.append(f'data.decimal: "{self.decimal}" is the thousands mark, too')
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
        from rnnexp.data.tables.read import read_series

        wanted, fewest = self.named().wanted(), self._fewest()
        return read_series(self._files(), self.table_layout(), wanted, self._policies(), self.frequency, fewest)

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
        from rnnexp.data.tables.read import read_open

        wanted, fewest = self.named().wanted(), self._fewest(ahead=self.horizon)
        step = self.frequency or frequency
        many, notes = read_open(self._files(), self.table_layout(), wanted, self._policies(), step, fewest)
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

    def _files(self) -> list[Path]:
        return self.locate(self.path)

    def _policies(self) -> Policies:
        return Policies(self.missing, self.duplicates, self.unsorted, self.gaps)

    def table_layout(self) -> Layout:
        return Layout(
            separator=None if self.separator == "auto" else self.separator,
            decimal=self.decimal,
            thousands=self.thousands,
            encoding=self.encoding,
            header=self.header == "first",
            names=tuple(self.header) if isinstance(self.header, list) else (),
            comment=self.comment,
            na=tuple(map(str, self.na)),
            time_format=self.time_format,
            time_zone=self.time_zone,
            pivot_year=self.pivot_year,
            skip_lines=self.skip_lines,
            skip_rows=tuple(self.skip_rows),
            skip_footer=self.skip_footer,
        )

    def wanted(self) -> Wanted:
        targets = None if self.target is None else tuple(_list(self.target))
        return Wanted(tuple(_list(self.time)), self.series, targets, (*self.features, *self.known, *_list(self.weight)))


def _list(columns: Column | list[Column] | None) -> list[Column]:
    return columns if isinstance(columns, list) else [] if columns is None else [columns]
