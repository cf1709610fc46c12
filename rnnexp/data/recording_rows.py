"""Rows of a long table, by the recording that each of them belongs to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnnexp.data.tables.columns import Table
from rnnexp.data.tables.flawed import Flawed, join_flaws
from rnnexp.data.tables.layout import Column, Layout, Wanted
from rnnexp.data.tables.policies import without_missing
from rnnexp.data.tables.remedy import Refused, Remedy
from rnnexp.data.tables.rows import Done, Rows
from rnnexp.data.tables.times import Dates
from rnnexp.data.tables.typed import tell_file
from rnnexp.errors import DataError, count

SEVERAL = " / "  # between the cells of columns that name a recording together
SAID = {"label": "data.label", "part": "data.part", "group": "data.groups", "weight": "data.weight"}
FEWEST = 10  # rows of a column that numbers them
NEVER_EMPTY = ("data.recording", "data.groups", "data.weight")


@dataclass(frozen=True)
class Roles:
    """Columns that say something of the rows: of which recording they are, when they were taken, and what else."""

    recording: tuple[Column, ...]
    time: tuple[Column, ...] = ()
    said: Mapping[str, Column] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[Column, ...]:
        return (*self.recording, *self.time, *self.said.values())

    def wanted(self, channels: tuple[Column, ...]) -> Wanted:
        """Return what is read of a table: these columns as they are written, channels as numbers."""
        keys = ["data.recording"] * bool(self.recording) + ["data.time"] * bool(self.time)
        *most, last = [*keys, *(SAID[role] for role in self.said)] or [""]
        asked = f"{', '.join(most)} or {last}" if most else last
        return Wanted(self.columns, targets=channels, time_key=asked, targets_key="data.channels")


@dataclass(frozen=True)
class RecordingRules:
    """What is done about rows that are not as they should be: see `data.sequence_table`."""

    missing: str = "fail"
    on_change: str = "fail"
    ignore_labels: Collection[str] = ()


@dataclass(frozen=True)
class Recording:
    """Rows of one recording in order. values: (steps, channels); ids, said: cells of the columns of its roles."""

    values: np.ndarray
    ids: tuple[str, ...]
    place: str
    said: Mapping[str, str]


def gather_recordings(
    table: Table, roles: Roles, layout: Layout, rules: RecordingRules
) -> tuple[list[Recording], list[str]]:
    """Return the recordings of a table in the order in which they first appear, and what was done to their rows.

    Raises DataError for rows that may be of several recordings, and for cells that differ within one.
    """
    texts = [read_texts(column) for column in table.time]
    ids = texts[: len(roles.recording)]
    said = dict(zip(roles.said, texts[len(roles.recording) + len(roles.time) :]))
    for key, cells in (*(("data.recording", one) for one in ids), *((SAID[role], said[role]) for role in said)):
        if key in NEVER_EMPTY and (cells == "").any():
            _refuse_empty(table, np.flatnonzero(cells == ""), key)
    codes = _number(ids, len(table.values))
    order, notes = _order(table, codes, ids, roles, layout)
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    pieces = np.split(order, _cut_at_changes(table, order, starts, (roles, said, rules))[1:])
    made, done = _make(table, pieces, (ids, said), rules)
    if len(pieces) > len(starts):
        many = f"{count(len(starts), 'recording')} cut into {len(pieces)} where the label changes (data.on_change=cut)"
        apart = "" if "group" in said else "; data.groups keeps those of one person or machine in one set"
        notes.append(f"{many}{apart}")
    if len(made) < len(pieces):
        notes.append(f"{count(len(pieces) - len(made), 'recording')} left out for the label (data.ignore_labels)")
    return made, [*table.notes, *notes, *done.notes()]


def _make(
    table: Table, pieces: list[np.ndarray], cells: tuple[list[np.ndarray], dict[str, np.ndarray]], rules: RecordingRules
) -> tuple[list[Recording], Done]:
    """Make recordings of the rows of each; those whose label is skipped are left out."""
    (ids, said), done = cells, Done()
    made, flawed = [], []
    for rows in pieces:
        own = {role: str(column[rows[0]]) for role, column in said.items()}
        if own.get("label") in rules.ignore_labels:
            continue
        if own.get("label") == "":
            _refuse_empty(table, rows, "data.label")
        name = tuple(str(column[rows[0]]) for column in ids)
        try:
            values = _mend(table, rows, name, rules, done)
        except Flawed as error:
            flawed.append(error)
            continue
        made.append(Recording(values, name, _tell_place(table, rows, name), own))
    if flawed:
        raise join_flaws(flawed, len(table.values), "recordings")
    if not made:
        raise DataError(f"{table.places.name}: data.ignore_labels leaves out all recordings")
    return made, done


def _cut_at_changes(
    table: Table, order: np.ndarray, starts: np.ndarray, how: tuple[Roles, Mapping[str, np.ndarray], RecordingRules]
) -> np.ndarray:
    """Return where recordings begin, among them where a label changes if that is allowed; refuse other changes."""
    roles, said, rules = how
    for role, cells in said.items():
        changes = np.setdiff1d(np.flatnonzero(_differ(cells[order])), starts)
        if len(changes) and not (role == "label" and rules.on_change == "cut"):
            _refuse_change(table, order, int(changes[0]), (role, roles.said[role], cells), len(changes))
        starts = np.union1d(starts, changes)
    return starts


def refuse_telltale(recordings: list[Recording], table: Table, label: str) -> None:
    """Refuse columns that say what the label is, or that number the rows: no network is needed to read them."""
    values, labels = np.concatenate([one.values for one in recordings]), [one.said["label"] for one in recordings]
    numbers = np.unique(labels, return_inverse=True)[1].repeat([len(one.values) for one in recordings])
    counts = (np.diff(table.values, axis=0) == 1).all(axis=0) & (len(table.values) >= FEWEST)
    why = {}
    for index, name in enumerate(table.names):
        found, codes = np.unique(values[:, index], return_inverse=True)
        pairs = len(np.unique(codes * (numbers.max() + 1) + numbers))
        if len(found) == pairs == numbers.max() + 1 > 1:
            why[name] = f"says the label of each row, as {label} does"
        elif counts[index]:
            why[name] = "numbers the rows"
    rest = [name for name in table.names if name not in why]
    if why:
        told = "; ".join(f'column "{name}" {reason}' for name, reason in why.items())
        remedy = [Remedy({"channels": rest}, "the other columns")] if rest else []
        raise Refused(f"{table.places.name}: {told}: it would be a channel", *remedy)


def read_texts(column: Any) -> np.ndarray:
    """Return cells as text, "" where one is missing; whole numbers that a gap has made fractions are whole again."""
    if column.dtype.kind == "f" and (column.dropna() % 1 == 0).all():
        column = column.astype("Int64")
    texts: np.ndarray = column.astype("str").str.strip().mask(column.isna(), "").to_numpy(dtype=object)
    return texts


def _number(ids: list[np.ndarray], rows: int) -> np.ndarray:
    """Give each recording a number, from 0, in the order in which they appear."""
    import pandas as pd

    if not ids:
        return np.zeros(rows, np.int64)
    return np.asarray(pd.MultiIndex.from_arrays(ids).factorize()[0] if len(ids) > 1 else pd.factorize(ids[0])[0])


def _order(
    table: Table, codes: np.ndarray, ids: list[np.ndarray], roles: Roles, layout: Layout
) -> tuple[np.ndarray, list[str]]:
    """Return the rows of the first recording, then those of the second and so on, each in order."""
    together = np.argsort(codes, kind="stable")
    if not roles.time:
        firsts = np.unique(codes, return_index=True)[1]
        again = np.setdiff1d(np.flatnonzero(np.diff(codes, prepend=-1)), firsts)
        if len(again):
            said = f"the rows of recording {_tell(ids, int(again[0]))} do not lie together"
            where = f"they go on in {table.places.cite(again[:1])}"
            advice = "data.recording takes several columns that name one together, as [subject,trial], and data.time"
            raise DataError(f"{table.places.name}: {said}: {where}; {advice} orders rows that lie among others")
        return together, []
    time = _read_time(table, roles, layout)
    order = np.lexsort((time, codes))
    same = np.flatnonzero(~_differ(time[order])[1:] & ~_differ(codes[order])[1:])
    if len(same):
        row = int(order[same[0] + 1])
        where = table.places.cite(np.sort(order[same + 1]))
        said = f"{count(len(same), 'row')} with the time of another of the same recording ({where})"
        advice = "data.recording takes several columns; without data.time rows stay in the order of the file"
        raise DataError(f"{table.places.name}: recording {_tell(ids, row)}: {said}; {advice}")
    moved = int((order != together).sum())
    return order, [f"{count(moved, 'row')} put in the order of data.time within recordings"] if moved else []


def _read_time(table: Table, roles: Roles, layout: Layout) -> np.ndarray:
    """Return numbers or dates by which rows are put in order."""
    import pandas as pd

    columns = table.time[len(roles.recording) : len(roles.recording) + len(roles.time)]
    if len(columns) == 1 and layout.time_format is None:
        cells = columns[0]
        if not pd.api.types.is_numeric_dtype(cells.dtype) and cells.dtype.kind not in "Mm":
            cells = pd.to_numeric(cells.astype("str").str.replace(layout.decimal, ".", regex=False), errors="coerce")
        if pd.api.types.is_numeric_dtype(cells.dtype) and cells.notna().all():
            return np.asarray(cells.to_numpy())
    return Dates(columns, [str(column) for column in roles.time], table.places, layout).read()


def _differ(cells: np.ndarray) -> np.ndarray:
    """Tell which cells are not as the one before."""
    return np.append(True, cells[1:] != cells[:-1])


def _mend(table: Table, rows: np.ndarray, name: tuple[str, ...], rules: RecordingRules, done: Done) -> np.ndarray:
    values = table.values[rows]
    if not np.isnan(values).any():
        return values
    own = Rows(table.names, values, None, table.places.take(rows), SEVERAL.join(name), called="recording")
    return without_missing(own, rules.missing, done).values


def _tell(ids: list[np.ndarray], row: int) -> str:
    return f'"{SEVERAL.join(str(cells[row]) for cells in ids)}"'


def _tell_place(table: Table, rows: np.ndarray, name: tuple[str, ...]) -> str:
    called = f', recording "{SEVERAL.join(name)}"' if name else ""
    file = tell_file(table.places.files[table.places.file[rows[0]]])
    return f"{file}{called}, from {table.places.unit} {table.places.number[rows[0]]}"


def _refuse_empty(table: Table, rows: np.ndarray, key: str) -> None:
    what = "data.ignore_labels=[''] leaves such rows out" if key == "data.label" else "every row needs one"
    raise DataError(f"{table.places.name}: {table.places.cite(rows)}: the cell of {key} is empty; {what}")


def _refuse_change(
    table: Table, order: np.ndarray, at: int, changed: tuple[str, Column, np.ndarray], total: int
) -> None:
    role, column, cells = changed
    before, after = str(cells[order[at - 1]]), str(cells[order[at]])
    where = f"{table.places.name}, {table.places.unit} {table.places.number[order[at]]}"
    said = f"`{column}` changes from `{before}` to `{after}` within a recording ({count(total, 'such change')})"
    if role != "label":
        raise DataError(f"{where}: {said}; {SAID[role]} must be the same in all rows of one")
    raise Refused(f"{where}: {said}", Remedy({"on_change": "cut"}, "another recording begins there"))
