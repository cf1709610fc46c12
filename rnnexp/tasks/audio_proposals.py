"""The experiment that is proposed for recordings of sound: by sub-folder, or by a table that names them."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rnnexp.data.audio.files import find_recordings, is_recording
from rnnexp.data.sources.audio_folder import PARTS, list_by_folder
from rnnexp.data.tables.columns import listed
from rnnexp.data.tables.layout import Layout, Wanted
from rnnexp.data.tables.remedy import Refused, Remedy, Undecided
from rnnexp.errors import DataError, count
from rnnexp.tasks.requests import Draft
from rnnexp.tasks.sequence_proposals import LABELS, TABLES
from rnnexp.tasks.sequence_proposals import PARTS as PART_COLUMNS

SPOKEN = (*LABELS, "word", "digit", "command", "category", "emotion", "language")
WHOSE = ("speaker", "speaker_id", "client_id", "subject", "person", "patient", "machine", "actor", "singer")
Columns = Mapping[str, list[str]]


def propose_sounds(path: str, given: Mapping[str, Any]) -> Draft | None:
    """Propose an experiment for recordings with a label each; None if a path holds none.

    Raises Undecided where several columns of their table may be the label.
    """
    place = Path(path).expanduser()
    if not (place.is_dir() and _holds_sounds(place)) and not (place.is_file() and zipfile.is_zipfile(place)):
        return None
    try:
        recordings = find_recordings(place)
    except DataError:
        return None
    base = place if place.is_dir() else place.parent
    for table in sorted(child for child in base.iterdir() if child.suffix in TABLES and child.is_file())[:5]:
        if found := _find_columns(table, {*recordings}):
            return _by_table(path, table, found, given)
    labels = list_by_folder(place, recordings)
    seen = (
        f"{path}: {count(len(recordings), 'recording')} in a folder for each label: {listed(sorted({*labels.label}))}"
    )
    return _draft(seen, {"path": path}, {})


def _holds_sounds(folder: Path) -> bool:
    return any(is_recording(str(child.relative_to(folder))) for child in folder.rglob("*"))


def _find_columns(table: Path, recordings: set[str]) -> tuple[str, Columns] | None:
    """Return the column of a table whose cells name recordings, and all columns; None if there is none."""
    from rnnexp.data.tables.table import column_names, read_table

    try:
        names = tuple(map(str, column_names(table, Layout())))
        texts = read_table(table, Layout(), Wanted(time=names, targets=())).time
    except DataError:
        return None
    columns = {name: list(column.fillna("").astype(str)) for name, column in zip(names, texts)}
    named = [name for name, cells in columns.items() if cells and {*cells} <= recordings]
    return (named[0], columns) if named else None


def _by_table(path: str, table: Path, found: tuple[str, Columns], given: Mapping[str, Any]) -> Draft:
    file, columns = found
    parts = [name for name, cells in columns.items() if name.lower() in PART_COLUMNS and {*cells} <= {*PARTS, ""}]
    whose = [name for name in columns if name.lower() in WHOSE]
    settings = {"path": path, "labels": str(table) if path.endswith(".zip") else table.name}
    settings |= {} if file == "file" else {"file": file}
    label = given.get("label") or _choose_label(path, table, {file, *parts, *whose}, columns)
    settings |= {} if label == "label" else {"label": label}
    reasons = {}
    if parts:
        settings["part"] = parts[0]
    elif whose and "groups" not in given:
        settings["groups"] = whose[0]
        reasons["groups"] = f"all recordings of one {whose[0]} stay in one set"
    return _draft(f"{path}: recordings that {table.name} names", settings, reasons)


def _choose_label(path: str, table: Path, taken: set[str], columns: Columns) -> str:
    free = [
        name for name, cells in columns.items() if name not in taken and 1 < len({*cells}) <= max(2, len(cells) // 2)
    ]
    named = [name for name in free if name.lower() in SPOKEN]
    if len(named) == 1 or len(free) == 1:
        return (named or free)[0]
    if not free:
        raise DataError(f"{table}: no column may be a label of the recordings in {path}; give --label")
    remedies = [Remedy({"label": name}) for name in named or free]
    raise Undecided(Refused(f"{table}: a table of recordings: which column is the label?", *remedies))


def _draft(seen: str, settings: dict[str, Any], reasons: dict[str, str]) -> Draft:
    return Draft(
        [seen], "Which label does each recording have?", {"data": "audio_folder", "model": "gru"}, settings, reasons
    )
