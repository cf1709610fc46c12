"""Recordings of sound that a trained model is asked about: a file, a folder or archive of them, a table of paths."""

from __future__ import annotations

import os
from pathlib import Path

from rnnexp.data.audio.files import find_recordings, is_recording
from rnnexp.data.audio.reading import Open, join_mistakes, read_recordings
from rnnexp.data.tables.layout import Layout, Wanted
from rnnexp.data.tables.locate import locate
from rnnexp.errors import ConfigError, DataError
from rnnexp.tasks.recording_requests import RequestSequences
from rnnexp.tasks.requests import PredictRequest, TrainedModel

TAKES = "a recording (WAV, FLAC, OGG), a folder or zip archive of recordings, or a table whose column `{}` has paths"


def read_recordings_asked(trained: TrainedModel, request: PredictRequest) -> RequestSequences:
    """Read recordings, and compute the features that the model takes; mistakes in files are said with their names."""
    extractor, column = trained.preprocessor.extractor, str(getattr(trained.source, "file", "file"))
    takes = f"{trained.called} takes {TAKES.format(column)}"
    if request.values is not None:
        raise ConfigError(f"--values: {takes}")
    if request.path is None:
        raise ConfigError(takes)
    path = Path(request.path)
    path = path if path.is_dir() else locate(request.path, os.environ.get("RNNEXP_DATA"))[0]
    found = _list_recordings(path, column)
    samples, _, notes = read_recordings(found.items(), extractor.rate)
    sequences = extractor.compute(samples)
    trained.preprocessor.inputs(sequences)
    return RequestSequences(sequences, {"example": [*found]}, notes)


def _list_recordings(path: Path, column: str) -> dict[str, Open]:
    if path.is_dir() or path.suffix.lower() == ".zip":
        return find_recordings(path)
    if is_recording(path.name):
        return {path.name: path.read_bytes}
    return _read_paths(path, column)


def _read_paths(table: Path, column: str) -> dict[str, Open]:
    """Read the paths in a table, which are looked up beside it, then in the working directory."""
    from rnnexp.data.tables.table import read_table

    rows = read_table(table, Layout(), Wanted(time=(column,), targets=(), time_key="data.file"))
    names = list(rows.time[0].fillna("").astype(str))
    found = {name: next((one for one in (table.parent / name, Path(name)) if one.is_file()), None) for name in names}
    absent = [
        f"{table}, line {line}: there is no file `{name[:100]}`"
        for line, name in zip(rows.places.number, names)
        if found[name] is None
    ]
    if absent:
        raise DataError(join_mistakes(absent, "row"))
    return {name: file.read_bytes for name, file in found.items() if file is not None}
