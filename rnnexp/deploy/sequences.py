"""Labels, or numbers, of the sequences of a `.ts` or `.npz` file, of a table, or of the tables of a folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data.sequence_pipeline import SequencePipeline
from rnnexp.data.tables.files import locate
from rnnexp.data.tables.layout import Layout, Wanted
from rnnexp.deploy.answer import Answer, Question
from rnnexp.deploy.trained import Trained
from rnnexp.errors import ConfigError, DataError
from rnnexp.tracking.pyfunc import labels

if TYPE_CHECKING:
    from pandas import DataFrame

TABLES = (".csv", ".tsv", ".txt", ".parquet", ".gz")


@dataclass(frozen=True)
class Given:
    """Sequences (time, channels) and where each is from."""

    sequences: list[np.ndarray]
    places: list[str]


def answer(trained: Trained, question: Question) -> Answer:
    """Label each sequence; whatever is wrong with one is said before Keras is imported."""
    if question.levels:
        raise ConfigError("--level: intervals are for forecasts; labels come with the probability of each")
    if question.path is None:
        raise ConfigError(f"{trained.called} takes sequences: give a .ts or .npz file, a table, or a folder of tables")
    pipeline = SequencePipeline.from_json(trained.scaling)
    given = _given(_found(question.path), pipeline, question.changes)
    try:
        x = pipeline.inputs(given.sequences)
    except DataError as error:
        raise DataError(f"{question.path}: {error}") from None
    bundle = trained.load()
    return Answer(_frame(given.places, np.asarray(bundle.predict(x)), bundle.spec.classes))


def _frame(places: list[str], outputs: np.ndarray, classes: tuple[str, ...]) -> DataFrame:
    import pandas

    if classes:
        frame = labels(outputs, classes)
    else:
        frame = pandas.DataFrame(outputs.reshape(len(places), -1).astype(np.float64))
        frame.columns = [f"target_{i}" for i in range(frame.shape[1])]
    frame.insert(0, "example", places)
    return frame


def _found(path: str) -> Path:
    return Path(path) if Path(path).is_dir() else locate(path, os.environ.get("RNNEXP_DATA"))[0]


def _given(path: Path, pipeline: SequencePipeline, changes: Mapping[str, Any]) -> Given:
    if path.is_dir():
        tables = sorted(child for child in path.iterdir() if child.suffix in TABLES and child.name != "labels.csv")
        if not tables:
            raise DataError(f"{path}: holds no table ({', '.join(TABLES)})")
        return Given([_table(table, pipeline) for table in tables], [table.name for table in tables])
    if ".ts" in path.suffixes:
        from rnnexp.data.ts_file import read_ts

        cases = read_ts(path, labelled=False)
        return Given(cases.sequences, [f"line {line}" for line in cases.lines])
    if path.suffix == ".npz":
        from rnnexp.data.sources.npz import array

        x = array(path, str(changes.get("inputs", "x")))
        x = x[..., None] if x.ndim == 2 else x
        if x.ndim != 3:
            raise DataError(f"{path}: sequences must be (n, time, channels) or (n, time), not {x.shape}")
        return Given([_unpadded(one) for one in x.astype(np.float64)], [f"example {i}" for i in range(len(x))])
    return Given([_table(path, pipeline)], [path.name])


def _unpadded(one: np.ndarray) -> np.ndarray:
    """Leave out the steps at the end that are all NaN."""
    return one[: len(one) - int(np.argmin(np.isnan(one).all(axis=1)[::-1]))]


def _table(file: Path, pipeline: SequencePipeline) -> np.ndarray:
    """Read one sequence; channels are matched by name, or by position where they have only numbers."""
    from rnnexp.data.tables.table import read_table

    numbered = pipeline.channels == tuple(str(i) for i in range(len(pipeline.channels)))
    channels = tuple(range(len(pipeline.channels))) if numbered else pipeline.channels
    return read_table(file, Layout(), Wanted(targets=channels, targets_key="data.channels")).values
