"""Sequences that a trained model is asked about: of a `.ts` or `.npz` file, of a table, of the tables of a folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from rnnexp.data.sequence_pipeline import SequencePipeline
from rnnexp.data.tables.layout import Layout, Wanted
from rnnexp.data.tables.locate import locate
from rnnexp.errors import ConfigError, DataError
from rnnexp.tasks.audio_requests import read_recordings_asked
from rnnexp.tasks.frame_requests import flatten_frames, read_frames
from rnnexp.tasks.recording_requests import RequestSequences, is_long, read_long_file, read_long_rows
from rnnexp.tasks.requests import PredictRequest, TrainedModel

TABLES = (".csv", ".tsv", ".txt", ".parquet", ".gz")


def read_sequences(trained: TrainedModel, request: PredictRequest) -> RequestSequences:
    """Read and prepare the sequences that are asked about; whatever is wrong with one is said with its file."""
    if request.levels:
        raise ConfigError("--level: intervals are for forecasts; labels come with the probability of each")
    if trained.preprocessor.extractor is not None and request.rows is None:
        return read_recordings_asked(trained, request)
    if request.values is not None:
        return _checked(trained, [np.array(request.values)[:, None]], ["--values"])
    if request.rows is not None:
        found = serve_sequences(request.rows, trained.preprocessor)
        numbered = {"example": [f"sequence {number}" for number in range(1, len(found.sequences) + 1)]}
        return _checked_all(trained, replace(found, columns=found.columns or numbered))
    if request.path is None:
        raise ConfigError(f"{trained.called} takes sequences: give a .ts or .npz file, a table, or a folder of tables")
    path = Path(request.path)
    path = path if path.is_dir() else locate(request.path, os.environ.get("RNNEXP_DATA"))[0]
    try:
        if trained.preprocessor.frame:
            return _checked(trained, *read_frames(path, trained.preprocessor, request.changes))
        if trained.preprocessor.recording is not None and path.is_file() and path.suffix not in (".ts", ".npz"):
            return _checked_all(trained, read_long_file(trained, trained.preprocessor, path, request.changes))
        return _checked(trained, *_read(path, trained.preprocessor, request.changes))
    except DataError as error:
        if str(error).startswith(str(path)):
            raise
        raise DataError(f"{request.path}: {error}") from None


def _checked(trained: TrainedModel, sequences: list[np.ndarray], places: list[str]) -> RequestSequences:
    return _checked_all(trained, RequestSequences(sequences, {"example": places}))


def _checked_all(trained: TrainedModel, found: RequestSequences) -> RequestSequences:
    trained.preprocessor.inputs(found.sequences)
    return found


def _read(path: Path, pipeline: SequencePipeline, changes: Mapping[str, Any]) -> tuple[list[np.ndarray], list[str]]:
    if path.is_dir():
        tables = sorted(child for child in path.iterdir() if child.suffix in TABLES and child.name != "labels.csv")
        if not tables:
            raise DataError(f"{path}: holds no table ({', '.join(TABLES)})")
        return [_table(table, pipeline) for table in tables], [table.name for table in tables]
    if ".ts" in path.suffixes:
        from rnnexp.data.ts_file import read_ts

        cases = read_ts(path, labeled=False)
        return cases.sequences, [f"line {line}" for line in cases.lines]
    if path.suffix == ".npz":
        from rnnexp.data.sources.npz import array

        x = array(path, str(changes.get("inputs", "x")))
        x = x[..., None] if x.ndim == 2 else x
        if x.ndim != 3:
            raise DataError(f"{path}: sequences must be (n, time, channels) or (n, time), not {x.shape}")
        return [_unpadded(one) for one in x.astype(np.float64)], [f"example {i}" for i in range(len(x))]
    return [_table(path, pipeline)], [path.name]


def serve_sequences(rows: Any, pipeline: SequencePipeline) -> RequestSequences:
    """Return what is asked of a model by rows in memory: arrays, or a long table that it cuts into recordings."""
    if pipeline.frame:
        return RequestSequences(served_sequences(flatten_frames(rows, pipeline.frame)), {})
    if is_long(pipeline, rows):
        return read_long_rows(pipeline, rows)
    found = served_sequences(rows)
    return RequestSequences(pipeline.extractor.serve(found) if pipeline.extractor else found, {})


def served_sequences(rows: Any) -> list[np.ndarray]:
    """Return sequences (time, channels), without the steps at their end that are all NaN."""
    if len(rows) == 0:
        raise DataError("there are no sequences")
    if isinstance(rows, (list, tuple)) or getattr(rows, "dtype", None) == np.dtype(object):
        return [_numbers(one, number) for number, one in enumerate(rows, start=1)]
    try:
        array = np.asarray(rows, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError("sequences must be an array of numbers (n, time, channels)") from None
    if array.ndim != 3:
        raise DataError(f"sequences must be an array (n, time, channels), not of the shape {array.shape}")
    return [_unpadded(one) for one in array]


def _numbers(one: Any, number: int) -> np.ndarray:
    try:
        return np.asarray(one, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(f"sequence {number} is not an array of numbers (time, channels)") from None


def _unpadded(one: np.ndarray) -> np.ndarray:
    """Leave out the steps at the end that are all NaN."""
    return one[: len(one) - int(np.argmin(np.isnan(one).all(axis=1)[::-1]))]


def _table(file: Path, pipeline: SequencePipeline) -> np.ndarray:
    """Read one sequence; channels are matched by name, or by position where they have only numbers."""
    from rnnexp.data.tables.table import read_table

    numbered = pipeline.channels == tuple(str(i) for i in range(len(pipeline.channels)))
    channels = tuple(range(len(pipeline.channels))) if numbered else pipeline.channels
    return read_table(file, Layout(), Wanted(targets=channels, targets_key="data.channels")).values
