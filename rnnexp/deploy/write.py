"""Predictions as files and as text: CSV, JSON, Parquet, or a table to read."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnexp.cells import HOURS, harmless_frame
from rnnexp.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from pandas import DataFrame, Series

MOST_LINES = 60  # that a terminal is given


def refuse_out(out: Path) -> None:
    """Raise ConfigError for a file that could not be written, before there is anything to write."""
    suffix = out.suffix.lower()
    if suffix not in WRITERS:
        hint = did_you_mean(suffix, WRITERS) if suffix else ""
        raise ConfigError(f"-o {out}: the name must end in {', '.join(WRITERS)}{hint}")
    refuse_place(out)


def refuse_place(out: Path) -> None:
    """Raise ConfigError for a file that is a folder, or in a folder that is not there."""
    if out.is_dir():
        raise ConfigError(f"-o {out}: is a folder; give the name of a file")
    if not out.parent.is_dir():
        raise ConfigError(f"-o {out}: there is no folder {out.parent}")


def write(frame: DataFrame, out: Path) -> None:
    """Write predictions in the format that the name of the file says; a file that is there is replaced."""
    with _said(out):
        WRITERS[out.suffix.lower()](frame, out)


def write_text(text: str, out: Path) -> None:
    """Write a text and a line end; a file that is there is replaced."""
    with _said(out):
        out.write_text(f"{text}\n", encoding="utf-8")


@contextmanager
def _said(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigError(f"-o {out}: cannot be written: {error.strerror}") from None


def _json(frame: DataFrame, out: Path) -> None:
    import json

    out.write_text(json.dumps(records(frame), indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


WRITERS: dict[str, Callable[[Any, Path], None]] = {
    ".csv": lambda frame, out: harmless_frame(frame).to_csv(out, index=False),
    ".json": _json,
    ".parquet": lambda frame, out: frame.to_parquet(out, index=False),
}


def csv_text(frame: DataFrame) -> str:
    """Write predictions as CSV, for people as well: a text `=1+1` is quoted, which JSON and Parquet have as it is."""
    return harmless_frame(frame).to_csv(index=False)


def records(frame: DataFrame) -> list[dict[str, Any]]:
    """Return one mapping per row, of what JSON knows: an end of an interval that is infinite is null."""
    columns = {str(name): [_plain(value) for value in _readable(frame, name)] for name in frame.columns}
    return [dict(zip(columns, row)) for row in zip(*columns.values())]


def _plain(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value


def lines(frame: DataFrame) -> list[list[str]]:
    """Return a head and the first rows as text, numbers with six digits."""
    shown = frame.head(MOST_LINES)
    columns = [[_cell(value) for value in _readable(shown, name)] for name in frame.columns]
    return [[str(name) for name in frame.columns], *(list(row) for row in zip(*columns))]


def _cell(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _readable(frame: DataFrame, name: Any) -> Series[Any]:
    """Write dates as text, without the time of day if all are midnights and the series is none of hours."""
    column = frame[name]
    if column.dtype.kind != "M":
        return column
    whole = (column == column.dt.normalize()).all() and not frame.attrs.get(HOURS)
    return column.dt.strftime("%Y-%m-%d" if whole else "%Y-%m-%dT%H:%M:%S")
