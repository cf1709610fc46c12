"""Alarms of a trained model in rows that it has not seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.cells import HOURS
from rnnexp.data.calendar import has_hours
from rnnexp.data.dataset import WHOLE
from rnnexp.data.tables.layout import TableSettings
from rnnexp.data.tables.typed import ROWS
from rnnexp.errors import ConfigError, DivergedError, count
from rnnexp.tasks.anomaly.alarm_summary import describe_event
from rnnexp.tasks.anomaly.detector import Detector, read_for
from rnnexp.tasks.anomaly.load import SensorDataset, apply
from rnnexp.tasks.anomaly.report import lay_events, lay_scores
from rnnexp.tasks.forecasting import predict as forecasting_predict
from rnnexp.tasks.forecasting.in_memory import make_table, write_rows
from rnnexp.tasks.forecasting.pipeline import Pipeline
from rnnexp.tasks.forecasting.request_tables import is_table, table_source
from rnnexp.tasks.requests import OtherData, PredictRequest, PredictResponse, TrainedModel, changed

if TYPE_CHECKING:
    from pandas import DataFrame

    from rnnexp.models.bundle import Bundle

BATCH = 1024
SHOWN = 20  # events
LEVELS = "--level: an alarm has one threshold, made for data.false_alarm_rate; leave it out"
VALUES = "--values: the rows of sensors are scored one by one; give a table of them"


@dataclass(frozen=True)
class Alone:
    """A model that does not say what it was trained on."""

    source: None = None


def predict(trained: TrainedModel, request: PredictRequest) -> PredictResponse:
    """Score each row that has a window before it, and gather alarms into events."""
    if problems := [text for text, given in ((LEVELS, request.levels), (VALUES, request.values)) if given]:
        raise ConfigError(*problems)
    detector = read_for(trained.bundle, trained.preprocessor)
    unlabeled = {"labels": None} if is_table(trained.source) else {}
    changes = {**request.changes, **unlabeled, **({"path": request.path} if request.path else {})}
    if request.rows is None:
        data = forecasting_predict.other_data(trained, changes, apply)
    else:
        with write_rows(trained, request.rows) as settings:
            data = forecasting_predict.other_data(trained, {**changes, **settings}, apply)
        notes = [note.replace(data.dataset.summary.source, ROWS) for note in data.notes]
        data = OtherData(data.dataset, notes)
    dataset: Any = data.dataset
    frame, events = _judge(trained.load(), dataset, detector)
    return PredictResponse(frame, [*data.notes, *_say_events(dataset, events)])


def answer(bundle: Bundle, rows: Any, params: Mapping[str, Any]) -> DataFrame:
    """Score each row of a table that has a window before it."""
    pipeline, given = bundle.preprocessor.pipeline, make_table(bundle.preprocessor.pipeline, rows)
    with write_rows(bundle, given) as settings:  # type: ignore[arg-type]
        source, _ = table_source(Alone(), pipeline, {**_list_policies(pipeline), **settings})  # type: ignore[arg-type]
        dataset = apply(source, bundle.preprocessor).for_model(bundle.spec)
        return _judge(bundle, dataset, bundle.extras)[0]


def other_data(trained: TrainedModel, changes: Mapping[str, Any]) -> OtherData:
    """Read other rows; their labels, if the table has a column of the name that the run knows."""
    return forecasting_predict.other_data(trained, {**changes, **_drop_labels(trained, changes)}, apply)


def _drop_labels(trained: TrainedModel, changes: Mapping[str, Any]) -> dict[str, Any]:
    own = trained.source
    if not is_table(own) or own.labels is None or "labels" in changes:
        return {}
    names = changed(trained, {**changes, "labels": None}).columns()
    return {} if own.labels in names or isinstance(own.labels, int) else {"labels": None}


def _list_policies(pipeline: Pipeline) -> dict[str, Any]:
    """Return how the run read its tables, as settings of a table."""
    settings = {item.name: getattr(pipeline.table, item.name) for item in fields(TableSettings) if item.name != "time"}
    return {**settings, "na": list(settings["na"])}


def _judge(bundle: Any, dataset: SensorDataset, detector: Detector) -> tuple[DataFrame, DataFrame]:
    """Return the tables of scores and of events."""
    part = dataset.parts[WHOLE]
    batches = [part.indices[i : i + BATCH] for i in range(0, len(part), BATCH)]
    outputs = np.concatenate([dataset.roll(bundle.predict, part.arrays, batch) for batch in batches])
    if not np.isfinite(outputs).all():
        raise DivergedError("the forecasts of the model are not finite")
    scored = detector.judge(dataset, WHOLE, outputs)
    frame = lay_scores(dataset, scored, detector)
    frame.attrs[HOURS] = has_hours(dataset.history.frequency or dataset.pipeline.frequency)
    return frame, lay_events(dataset, scored, detector)


def _say_events(dataset: SensorDataset, events: DataFrame) -> Iterator[str]:
    unscored = len(dataset.table) - len(dataset.parts[WHOLE])
    yield f"{count(unscored, 'row')} at the beginning are what the first scores look back at, and have none"
    yield f"{count(len(events), 'event')}{':' if len(events) else ''}"
    for _, event in events.nlargest(SHOWN, "peak").iterrows():
        yield describe_event(event)
    if len(events) > SHOWN:
        yield f"and {len(events) - SHOWN:,} smaller ones"
