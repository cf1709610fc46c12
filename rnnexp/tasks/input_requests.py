"""Examples of several inputs that a trained model is asked about: of the files of a source, or a table in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rnnexp.data.inputs.encoders import SequenceInput, TextInput
from rnnexp.data.inputs.examples import Examples
from rnnexp.data.inputs.input_pipeline import InputPipeline, say_missing
from rnnexp.errors import ConfigError, DataError, did_you_mean
from rnnexp.tasks.requests import PredictRequest, TrainedModel, changed, known_source

LARGEST_WHOLE = 2**53  # beyond, floating point numbers skip some


def read_examples(trained: TrainedModel, request: PredictRequest) -> tuple[Examples, list[str]]:
    """Read the examples that are asked about, and what to mind; whatever is wrong with one is said with its place."""
    pipeline: InputPipeline = trained.preprocessor
    if request.levels:
        raise ConfigError("--level: intervals are for forecasts; labels come with the probability of each")
    if request.values is not None:
        raise ConfigError(f"--values: {trained.called} takes several inputs; give a file of its main table")
    if request.rows is not None:
        examples = serve_examples(request.rows, pipeline)
    else:
        source = known_source(trained)
        if not hasattr(source, "path"):
            raise ConfigError(
                f"{trained.called} was trained on generated examples; call it from Python, with a table of rows"
            )
        if request.path is None:
            raise ConfigError(f"{trained.called} takes several inputs: give a file of its main table")
        examples = changed(trained, {"path": request.path, **request.changes}).read(labeled=False)
    pipeline.lay_out(examples)
    return examples, [*examples.notes, *say_missing(examples, allowed=True)]


def serve_examples(rows: Any, pipeline: InputPipeline) -> Examples:
    """Return the examples of a table in memory: a row each, with a column of lists of steps for each sequence."""
    if not hasattr(rows, "columns") or not len(rows):
        raise DataError(
            f"examples must be a table with a row for each, and the columns {', '.join(_list_names(pipeline))}"
        )
    names = [*map(str, rows.columns)]
    if absent := [name for name in _list_names(pipeline) if name not in names]:
        raise DataError(f"there is no column `{absent[0]}`, but {', '.join(names)}{did_you_mean(absent[0], names)}")
    inputs: dict[str, Sequence[Any]] = {}
    for name, one in pipeline.inputs_by_name.items():
        if isinstance(one, SequenceInput):
            inputs[name] = [
                _read_steps(cell, len(one.columns), name, row) for row, cell in enumerate(rows[name], start=1)
            ]
            continue
        cells = list(zip(*([_write_cell(cell) for cell in rows[column]] for column in one.columns)))
        inputs[name] = [" ".join(filter(None, row)) for row in cells] if isinstance(one, TextInput) else cells
    own = list(rows[pipeline.id]) if pipeline.id in names else list(range(1, len(rows) + 1))
    columns = {name: one.columns for name, one in pipeline.inputs_by_name.items()}
    return Examples(
        inputs, columns, np.zeros(len(rows)), np.array(own, dtype=object), place=lambda index: f"row {index + 1}"
    )


def _list_names(pipeline: InputPipeline) -> list[str]:
    """Return the columns that a table in memory needs."""
    every = (
        [name] if isinstance(one, SequenceInput) else list(one.columns) for name, one in pipeline.inputs_by_name.items()
    )
    return [name for names in every for name in names]


def _read_steps(cell: Any, channels: int, name: str, row: int) -> np.ndarray:
    if cell is None or (np.ndim(cell) == 0 and cell != cell) or not len(cell):
        return np.zeros((0, channels))
    try:
        steps = np.asarray([list(map(float, step)) for step in cell], np.float64)
    except (TypeError, ValueError):
        steps = np.zeros(0)
    if steps.ndim != 2 or steps.shape[1] != channels:
        raise DataError(f"row {row}: `{name}` must be a list of steps, each a list of {channels} numbers")
    return steps


def _write_cell(cell: Any) -> str:
    """Return a cell as it would be written in a file, "" for a missing one."""
    if cell is None or cell != cell:
        return ""
    whole = isinstance(cell, float) and cell.is_integer() and abs(cell) < LARGEST_WHOLE
    return str(int(cell) if whole else cell).strip()


def add_ids(frame: Any, examples: Examples, pipeline: InputPipeline) -> Any:
    """Put what tells each example before its answer."""
    frame.insert(0, pipeline.id, list(examples.ids))
    return frame
