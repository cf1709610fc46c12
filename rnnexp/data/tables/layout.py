"""How a table is written, which of its columns are wanted, and what may be done about flawed rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Column = str | int
"""A column by name, or by position counted from 0 (negative: from the end)."""

MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "NAN", "null", "NULL", "None")


@dataclass(frozen=True)
class Layout:
    """How a table is written; None for `separator` means: find out, for `na`: no cell may be missing."""

    separator: str | None = None
    decimal: str = "."
    thousands: str | None = None
    encoding: str = "utf-8"
    header: bool = True
    comment: str | None = None
    na: tuple[str, ...] | None = ()
    time_format: str | None = None
    time_zone: str | None = None

    @property
    def missing(self) -> frozenset[str]:
        return frozenset(MISSING) | frozenset(self.na or ())


@dataclass(frozen=True)
class Wanted:
    """The columns a task needs; `targets` None means: the only column of numbers that has no other part.

    time_key, targets_key: settings that name them, for messages
    """

    time: tuple[Column, ...] = ()
    series: Column | None = None
    targets: tuple[Column, ...] | None = None
    others: tuple[Column, ...] = ()
    time_key: str = "data.time"
    targets_key: str = "data.target"


@dataclass(frozen=True)
class Policies:
    """What may be done about flawed rows; the default everywhere is to refuse."""

    missing: Literal["fail", "drop", "ffill", "interpolate"] = "fail"
    duplicates: Literal["fail", "first", "last", "mean"] = "fail"
    unsorted: Literal["fail", "sort"] = "fail"
    gaps: Literal["fail", "ignore", "ffill", "interpolate"] = "fail"
