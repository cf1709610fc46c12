"""Made-up requests that show what a served model takes; none of its values are in them, only names."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnexp.data import calendar
from rnnexp.data.inputs.encoders import SequenceInput, TextInput
from rnnexp.data.inputs.input_pipeline import InputPipeline
from rnnexp.data.sequence_pipeline import SequencePipeline
from rnnexp.data.spec import TaskSpec
from rnnexp.tasks.forecasting.pipeline import Pipeline

TEXT = "a text"
STEPS = 8  # of a sequence whose length varies
FIRST_DAY = np.datetime64("2024-01-01", "ns")


def make_request(preprocessor: Any, spec: TaskSpec) -> list[Any]:
    """Return rows as JSON has them: records of a table, texts, or nested lists of numbers."""
    pipeline = getattr(preprocessor, "pipeline", preprocessor)
    if isinstance(pipeline, Pipeline):
        return _make_rows(pipeline)
    if isinstance(pipeline, InputPipeline):
        return [_make_example(pipeline)]
    if isinstance(pipeline, SequencePipeline):
        return _make_sequences(pipeline)
    columns = getattr(pipeline, "columns", ()) or ("text",)
    return [dict.fromkeys(columns, TEXT)]


def _make_rows(pipeline: Pipeline) -> list[dict[str, Any]]:
    """Return a table that grows by one each row: the input of a forecast, and once more as many rows to be scored."""
    plan = pipeline.plan
    observed, ahead = pipeline.rows_needed + plan.sequence_length, plan.ahead if pipeline.known else 0
    rows: list[dict[str, Any]] = [dict.fromkeys(pipeline.columns, float(row)) for row in range(1, observed + ahead + 1)]
    for row in rows[observed:]:
        row |= dict.fromkeys(pipeline.targets)
    if pipeline.time is not None and pipeline.frequency is not None:
        for row, time in zip(rows, calendar.following(FIRST_DAY, pipeline.frequency, len(rows))):
            row[pipeline.time] = _write_time(time, pipeline.table.time_format)
    if len(pipeline.ids) > 1:
        for row in rows:
            row[pipeline.series] = pipeline.ids[0]
    return rows


def _write_time(time: np.datetime64, time_format: str | None) -> str:
    import pandas

    moment = pandas.Timestamp(time)
    return moment.strftime(time_format) if time_format else moment.isoformat()


def _make_example(pipeline: InputPipeline) -> dict[str, Any]:
    example: dict[str, Any] = {}
    for name, one in pipeline.inputs_by_name.items():
        if isinstance(one, SequenceInput):
            example[name] = [[0.0] * len(one.columns)] * STEPS
        else:
            example |= dict.fromkeys(one.columns, TEXT if isinstance(one, TextInput) else 0)
    return example


def _make_sequences(pipeline: SequencePipeline) -> list[Any]:
    if pipeline.extractor is not None:
        return []  # seconds of samples are too long to be shown
    shape = (1, pipeline.length or STEPS, *(pipeline.frame or (len(pipeline.channels),)))
    found: list[Any] = np.zeros(shape).tolist()
    return found
