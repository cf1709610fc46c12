"""Long tables that a trained model is asked about: an answer for each recording, told by the user's own columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from rnnexp.data.recording_rows import RecordingRules, Roles, gather_recordings
from rnnexp.data.sequence_pipeline import SequencePipeline
from rnnexp.data.sources.sequence_table import sequence_table
from rnnexp.data.tables.columns import position
from rnnexp.data.tables.layout import Layout
from rnnexp.data.tables.typed import ROWS, ROWS_FOLDER, read_frame
from rnnexp.errors import ConfigError
from rnnexp.tasks.requests import TrainedModel, changed, name_rows

FILE = "rows.csv"


@dataclass(frozen=True)
class RequestSequences:
    """Raw sequences (time, channels), all of which the model takes.

    columns: what tells each, a list by the name that an answer gives it;  notes: what to mind
    """

    sequences: list[np.ndarray]
    columns: Mapping[str, list[Any]]
    notes: list[str] = field(default_factory=list)

    def insert_columns(self, frame: Any) -> Any:
        """Put what tells each sequence before its answer."""
        for at, (name, cells) in enumerate(self.columns.items()):
            frame.insert(at, name, cells)
        return frame


def is_long(pipeline: SequencePipeline, rows: Any) -> bool:
    """Tell whether rows in memory are a table that the model cuts into recordings."""
    return pipeline.recording is not None and hasattr(rows, "to_csv") and hasattr(rows, "columns")


def read_long_rows(pipeline: SequencePipeline, rows: Any, layout: Layout | None = None) -> RequestSequences:
    """Read the recordings of a DataFrame."""
    layout = layout or Layout()
    roles, notes = _find_roles(pipeline, [str(name) for name in rows.columns], ROWS)
    table = read_frame(rows, layout, roles.wanted(pipeline.channels))
    return _gather(table, roles, layout, "fail", notes)


def read_long_file(
    trained: TrainedModel, pipeline: SequencePipeline, path: Path, changes: Mapping[str, Any]
) -> RequestSequences:
    """Read the recordings of a file in the layout of the run's own, but for what `changes` say."""
    from rnnexp.data.tables.table import column_names, read_table

    source = changed(trained, changes) if isinstance(trained.source, sequence_table) else None
    layout = source.table_layout() if source else Layout(na=None)
    names = column_names(path, layout)
    roles, notes = _find_roles(pipeline, names, str(path), source if {"recording", "time"} & set(changes) else None)
    table = read_table(path, layout, roles.wanted(tuple(pipeline.channels)))
    return _gather(table, roles, layout, source.missing if source else "fail", notes)


def _find_roles(
    pipeline: SequencePipeline, names: Any, file: str, source: sequence_table | None = None
) -> tuple[Roles, list[str]]:
    """Find the columns that name a recording; a table without them is one recording, which is noted."""
    if source is not None:
        asked = source.roles()
        for column in (*asked.recording, *asked.time):
            position(names, column, "data.recording or data.time", file)
        return Roles(asked.recording, asked.time), []
    recording, time = pipeline.recording or (), pipeline.time or ()
    notes = []
    if absent := [name for name in recording if name not in names]:
        notes.append(f"there is no column `{absent[0]}` (data.recording): all rows are taken as one recording")
        recording = ()
    if absent := [name for name in time if name not in names]:
        notes.append(f"there is no column `{absent[0]}` (data.time): rows stay in the order of the file")
        time = ()
    return Roles(recording, time), notes


def _gather(table: Any, roles: Roles, layout: Layout, missing: str, notes: list[str]) -> RequestSequences:
    found, told = gather_recordings(table, roles, layout, RecordingRules(missing))
    columns = {str(name): _restore_numbers([one.ids[at] for one in found]) for at, name in enumerate(roles.recording)}
    places = {} if columns else {"example": [Path(table.places.name).name]}
    return RequestSequences([one.values for one in found], columns or places, [*notes, *told])


def _restore_numbers(cells: list[str]) -> list[Any]:
    """Return cells as whole numbers where all of them are written as such, so that they fit the user's own."""
    whole = all(cell.removeprefix("-").isdecimal() and str(int(cell)) == cell for cell in cells)
    return [int(cell) for cell in cells] if whole else list(cells)


@contextmanager
def write_rows(trained: TrainedModel, rows: Any) -> Iterator[dict[str, Any]]:
    """Yield the settings by which a source of long tables reads a table in memory."""
    if not isinstance(trained.source, sequence_table) or not hasattr(rows, "to_csv"):
        kind = type(rows).__name__
        raise ConfigError(f"{trained.called} is scored on files that its source reads, not on a {kind}: give a path")
    with TemporaryDirectory(prefix=ROWS_FOLDER) as folder:
        file = Path(folder, FILE)
        rows.to_csv(file, index=False)
        with name_rows(file):
            usual: dict[str, Any] = {
                "separator": ",",
                "header": "first",
                "encoding": "utf-8",
                "decimal": ".",
                "thousands": None,
            }
            plain: dict[str, Any] = {"comment": None, "skip_lines": 0, "skip_rows": [], "skip_footer": 0}
            yield {"path": str(file), **usual, **plain}
