"""How a table is written, which of its columns are wanted, and what may be done about flawed rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

Column = str | int
"""A column by name, or by position counted from 0 (negative: from the end)."""

MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "NAN", "null", "NULL", "None")


@dataclass(frozen=True)
class Layout:
    """How a table is written; None for `separator` means: find out, for `na`: no cell may be missing.

    names: those of the columns, where there is no header
    """

    separator: str | None = None
    decimal: str = "."
    thousands: str | None = None
    encoding: str = "utf-8"
    header: bool = True
    comment: str | None = None
    na: tuple[str, ...] | None = ()
    time_format: str | None = None
    time_zone: str | None = None
    pivot_year: int | None = None
    skip_lines: int = 0
    skip_rows: tuple[int | str, ...] = ()
    skip_footer: int = 0
    names: tuple[str, ...] = ()

    def change(self, settings: Mapping[str, Any]) -> Layout:
        """Return the layout under other settings of `data`."""
        changes: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()
        }
        if "header" in changes:
            header = changes.pop("header")
            changes |= {"header": header == "first", "names": header if isinstance(header, tuple) else ()}
        return replace(self, **changes)

    @property
    def missing(self) -> frozenset[str]:
        return frozenset(MISSING) | frozenset(self.na or ())


Asked = Sequence[tuple[Column, str]]
"""Columns, each with the setting that names it, for messages."""


@dataclass(frozen=True)
class Wanted:
    """The columns a task needs; `targets` None means: the only column of numbers that has no other part.

    time_key, targets_key, others_key: settings that name them, for messages
    """

    time: tuple[Column, ...] = ()
    series: Column | None = None
    targets: tuple[Column, ...] | None = None
    others: tuple[Column, ...] = ()
    time_key: str = "data.time"
    targets_key: str = "data.target"
    others_key: str = "data.features, data.known or data.weight"

    def list_asked(self) -> Asked:
        """Return the columns in the order of time, series, others and targets, each with the setting that names it."""
        series = [] if self.series is None else [(self.series, "data.series")]
        keys = ((self.others, self.others_key), (self.targets or (), self.targets_key))
        time = [(column, self.time_key) for column in self.time]
        return [*time, *series, *((column, key) for columns, key in keys for column in columns)]

    @property
    def dated(self) -> bool:
        """Whether `time` is dates: tables of labels have other columns of text there."""
        return bool(self.time) and self.time_key == "data.time"


@dataclass(frozen=True)
class TableSettings:
    """How a run reads its tables, as far as one in memory leaves it open; its model keeps it, to read as the run did.

    time: several columns that make up the dates;  the others are settings of `data=csv`
    """

    time: tuple[str, ...] = ()
    time_format: str | None = None
    time_zone: str | None = None
    pivot_year: int | None = None
    decimal: str = "."
    thousands: str | None = None
    na: tuple[str, ...] = ()
    missing: Literal["fail", "drop", "ffill", "interpolate"] = "fail"
    duplicates: Literal["fail", "first", "last", "mean"] = "fail"
    unsorted: Literal["fail", "sort"] = "fail"
    gaps: Literal["fail", "ignore", "ffill", "interpolate"] = "fail"
    on_short: str = "fail"

    @property
    def layout(self) -> Layout:
        return Layout(
            decimal=self.decimal,
            thousands=self.thousands,
            na=self.na,
            time_format=self.time_format,
            time_zone=self.time_zone,
            pivot_year=self.pivot_year,
        )

    @property
    def policies(self) -> Policies:
        return Policies(self.missing, self.duplicates, self.unsorted, self.gaps)

    @classmethod
    def of(cls, source: object) -> TableSettings:
        """Take it from the settings of a source; what that has not is as usual."""
        found: dict[str, Any] = {item.name: getattr(source, item.name, item.default) for item in fields(cls)}
        time = found["time"] if isinstance(found["time"], list) and len(found["time"]) > 1 else ()
        return cls(**{**found, "time": tuple(map(str, time)), "na": tuple(map(str, found["na"]))})

    def to_json(self) -> dict[str, Any]:
        """Return what differs from the usual."""
        values = {item.name: (getattr(self, item.name), item.default) for item in fields(self)}
        return {
            key: list(own) if isinstance(own, tuple) else own for key, (own, usual) in values.items() if own != usual
        }


@dataclass(frozen=True)
class Policies:
    """What may be done about flawed rows; the default everywhere is to refuse."""

    missing: Literal["fail", "drop", "ffill", "interpolate"] = "fail"
    duplicates: Literal["fail", "first", "last", "mean"] = "fail"
    unsorted: Literal["fail", "sort"] = "fail"
    gaps: Literal["fail", "ignore", "ffill", "interpolate"] = "fail"
