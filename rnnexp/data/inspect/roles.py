"""Which column is to be forecast."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from rnnexp.data.inspect.dates import PARTS
from rnnexp.data.inspect.finding import Finding, Head, name_column
from rnnexp.data.tables.columns import listed, position
from rnnexp.data.tables.layout import Layout
from rnnexp.data.tables.numbers import Flaws, parse
from rnnexp.data.tables.remedy import Refused, Remedy, Undecided
from rnnexp.data.tables.spelling import is_like_number
from rnnexp.errors import DataError

TARGET = ("y", "target", "value", "values", "ot", "sales", "demand", "revenue", "consumption", "umsatz", "absatz")
PLAIN_WORDS = {"data", "dataset", "my", "new", "old", "raw", "table", "test", "train", "time", "date", "series", "the"}
IDENTIFIER = re.compile(r"(.*[_ -])?(?i:id|uid|series|store|shop|item|key|code|nr|no)|.*[a-z](Id|ID|Nr|No)")
INDEX = re.compile(
    r"(unnamed: ?|column_|\.{3})\d+|level_0|index|idx|id|#|row(_?(id|nr|no|num|number|names?))?|(no|nr|num)\.?", re.I
)
BESIDE = re.compile(r"([-+]?\d(?:[\d.,' ]*\d)?)(\s*[^\d\s.,'](?:.{0,14}[^\d])?)")  # a number and letters
AROUND = "'\"“”„‘’«»[]{}"  # what is no part of a number
MOST_UNITS = 5  # kinds of letters beside the numbers of a column
MOST_WORDS = 3  # columns that are shown
TEXTS = "Texts with a label each are told by --text COLUMN --label COLUMN"
MOST_NAMELESS = 8  # columns without names of which the last may be the target


def find_target(head: Head, stamps: list[int], finding: Finding, file: Path) -> int:
    """Take the column that the user has decided for, or one that its name or the others single out, or the last one."""
    given = finding.given
    if (wanted := given.get("target")) is not None:
        chosen = position(head.names, wanted[0] if isinstance(wanted, list) else wanted, "--target", str(file))
        finding.set("target", chosen)
        return chosen
    taken = {
        find_place(head, column) for key in ("series", "features", "known") for column in list_columns(given.get(key))
    }
    good, unfit = list_measured(head, {*stamps, *taken}, finding.layout)
    good = good or [index for index in unfit if unfit[index] == COUNTS]
    if not good:
        why = "".join(f'; "{head.names[index]}" {reason}' for index, reason in unfit.items())
        advice = ". --target NAME takes one all the same" if unfit else ""
        words = [
            index for index in range(len(head.names)) if not head.numeric[index] and index not in (*stamps, *taken)
        ]
        why += "".join(f'; "{head.names[i]}" holds no numbers: {_show(head, i)}' for i in words[:MOST_WORDS])
        advice += f". {TEXTS}" if len(words) > 1 and not stamps else ""
        raise DataError(f"{file}: no column of numbers to forecast (columns: {listed(head.names)}){why}{advice}")
    if not stamps and len(good) > 1 and finding.settings.get("header") == "none":
        _ask_without_names(good, head, file)
    flags = [index for index in good if set(head.cells[index]) <= {"0", "1", ""}]
    chosen, why = _single_out(head, good, flags, file)
    others = [head.names[index] for index in good if index != chosen]
    reason = f"{why}others: {listed(others)} (--target)" if others else ""
    finding.set("target", name_column(head, chosen, finding), reason)
    finding.seen += [
        f'column "{head.names[index]}" {why}: not the target' for index, why in unfit.items() if index != chosen
    ]
    finding.seen += [
        f'column "{name}" is 0 or 1: not the target; --known {name} if it is known ahead'
        for name in (head.names[index] for index in flags if index != chosen)
    ]
    return chosen


def _show(head: Head, index: int) -> str:
    """Quote the first cell that is not empty, and say where it stands."""
    row = next((row for row, cell in enumerate(head.cells[index]) if cell.strip()), 0)
    cell = f'{head.places.cite(np.array([row]))} "{head.cells[index][row].strip()[:40]}"'
    return f"{cell}{_advise_units(head, index)}"


def _advise_units(head: Head, index: int) -> str:
    """Say how numbers with letters beside them become numbers; nothing for other cells."""
    cells = [cell.strip() for cell in head.cells[index] if cell.strip()]
    column = f"frame[{head.names[index]!r}]"
    bare = sum(cell[0] in AROUND and is_like_number(cell.strip(AROUND)) for cell in cells)
    if 2 * bare > len(cells):
        return f" (take the signs around numbers off, with pandas: {column} = {column}.str.strip({AROUND!r}))"
    found = [match for cell in cells if (match := BESIDE.fullmatch(cell)) and is_like_number(match[1])]
    units = list(dict.fromkeys(match[2] for match in found))
    if 2 * len(found) <= len(cells) or len(units) > MOST_UNITS:
        return ""
    if len(units) > 1:
        return f" (numbers with different letters, {listed(units)}: write all in one unit)"
    return f" (take the unit off, with pandas: {column} = {column}.str.replace({units[0]!r}, '', regex=False))"


def _ask_without_names(good: list[int], head: Head, file: Path) -> None:
    """Ask for the target where neither names nor dates tell whether rows follow each other, or where a number ends."""
    first = ",".join(cells[0].strip() for cells in head.cells)[:60]
    text = f'{file}: {len(good)} columns of numbers without names and dates (the first row: "{first}")'
    if len(good) > MOST_NAMELESS:
        rows = "if each row is a sequence of its own, write it with its label as .npz (data=npz)"
        raise DataError(f"{text}: --target NUMBER says which is to be forecast, row by row, from 0; {rows}")
    if re.fullmatch(r"[-+]?\d+,\d+", first):
        columns = [Remedy({"target": index}, f"{head.cells[index][0].strip()}, ...") for index in good]
        raise Undecided(Refused(text, Remedy({"separator": ";"}, f'"{first}" is one number'), *columns))


def _single_out(head: Head, good: list[int], flags: list[int], file: Path) -> tuple[int, str]:
    """Choose the target of columns that could be it, and say why unless it has a usual name."""
    if usual := [index for index in good if _plain(head, index) in TARGET]:
        return usual[-1], ""
    words = _list_words(file.name.partition(".")[0]) - PLAIN_WORDS
    named = [index for index in good if words & _list_words(head.names[index])]
    if len(named) == 1:
        return named[0], "named like the file; "
    rest = [index for index in good if index not in flags] or good
    if len(rest) == 1 < len(good):
        return rest[0], "the only column of other numbers than 0 and 1; "
    return rest[-1], "a guess, the last column of numbers; "


def _list_words(name: str) -> set[str]:
    """Return the words of a name, without the s of several: those of `air_passengers` and of `Passenger` meet."""
    return {word.rstrip("s") for word in re.split(r"[\W\d_]+", name.lower()) if len(word) > 2}


def list_measured(head: Head, taken: set[int | None], layout: Layout) -> tuple[list[int], dict[int, str]]:
    """Return the columns of numbers, but for those that are taken: what is measured, and why others are not."""
    numbers = [index for index, numeric in enumerate(head.numeric) if numeric and index not in taken]
    unfit = {index: why for index in numbers if (why := _unfit(head, index, layout))}
    return [index for index in numbers if index not in unfit], unfit


COUNTS = "only counts the rows"


def _unfit(head: Head, index: int, layout: Layout) -> str:
    """Say why a column of numbers is not what somebody wants to forecast; nothing if it may be."""
    name, cells = head.names[index].strip(), head.cells[index]
    flaws = Flaws()
    values = parse(cells, range(len(cells)), layout, flaws)
    known = values[~np.isnan(values)]
    whole = bool((known == np.round(known)).all())
    if len(known) > 1 and not flaws.total and (known == known[0]).all():
        return f"is {known[0]:g} in all rows"
    if _plain(head, index) in TARGET:
        return ""
    if (
        layout.header
        and INDEX.fullmatch(name)
        and len(np.unique(known)) == len(known)
        and (known == np.round(known)).all()
    ):
        return "numbers the rows"
    if len(known) > 2 and (np.diff(known) == 1).all() and known[0] in (0, 1):
        return COUNTS
    if name.lower() in PARTS and whole:
        return "is a part of a date"
    return "names what a row is of" if IDENTIFIER.fullmatch(name) and whole else ""


def _plain(head: Head, index: int) -> str:
    return head.names[index].strip().lower()


def find_place(head: Head, column: str | int) -> int:
    return position(head.names, column, "data.series, features or known", "")


def list_columns(columns: Any) -> list[Any]:
    return columns if isinstance(columns, list) else [] if columns is None else [columns]
