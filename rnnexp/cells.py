"""Texts as cells of tables that other programs show: they are read there, never run."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pandas import DataFrame

HOURS = "hours"  # attribute of a table: its dates are hours, midnights as well
# What a spreadsheet takes for the beginning of a formula; the last four are of full width, as Japanese ones read them.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def harmless(cell: Any) -> Any:
    """Quote a text that a spreadsheet would take for a formula; numbers, and one sign alone, stay as they are.

    A carriage return becomes a blank: Python's `csv` leaves it bare, and readers begin a row there.
    """
    if not isinstance(cell, str) or not cell.startswith(FORMULA) or len(cell) == 1:
        return cell
    return cell if is_number(cell) else f"'{cell}".replace("\r", " ")


def is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def harmless_frame(frame: DataFrame) -> DataFrame:
    """Do so with the names and the texts of a table."""
    quoted = frame.rename(columns=harmless)
    for before, name in zip(frame.columns, quoted.columns):
        if frame[before].dtype.kind not in "biufcmM":
            quoted[name] = frame[before].map(harmless)
        elif frame[before].dtype.kind == "M" and frame.attrs.get(HOURS):
            quoted[name] = frame[before].dt.strftime("%Y-%m-%d %H:%M:%S")
    return quoted


def markdown_cell(text: str) -> str:
    """Write a text as a cell of a Markdown table: on one line, without HTML, code or links."""
    line = escape(" ".join(text.split()), quote=False)
    return line.replace("\\", "\\\\").replace("|", "\\|").replace("`", "\\`").replace("](", "]\\(")


def comma_separated(lines: Iterable[Iterable[Any]]) -> str:
    """Write rows as CSV (RFC 4180, lines end with a line feed); what a spreadsheet would run is quoted."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([harmless(cell) for cell in line] for line in lines)
    return text.getvalue().rstrip("\n")
