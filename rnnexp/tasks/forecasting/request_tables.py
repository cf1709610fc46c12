"""Tables for a trained model, read as strictly as those it was trained on: columns by name, layout as in its run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from rnnexp.data.source import SeriesSource
from rnnexp.data.sources.csv import csv
from rnnexp.errors import ConfigError, DataError
from rnnexp.tasks.forecasting.pipeline import Pipeline
from rnnexp.tasks.forecasting.row_frames import without_dates, without_series
from rnnexp.tasks.requests import TrainedModel, changed, rebuilt

DATES = ("time", "time_format", "time_zone", "frequency")


def is_table(source: Any) -> bool:
    """Say whether these are settings of a table, whose layout other tables have too."""
    return isinstance(source, csv)


def table_source(trained: TrainedModel, pipeline: Pipeline, wanted: Mapping[str, Any]) -> tuple[csv, list[str]]:
    """Return the settings to read a table with, and what to mind.

    A table has the layout of the run's own, if that is one; columns are those that the model knows, by name. Dates and
    the names of series that are absent are left out where the model can do without.
    """
    own = trained.source
    asked = _columns(own, pipeline) | dict(wanted)
    source = changed(trained, asked) if is_table(own) else rebuilt(_common(own), asked)
    names, notes = source.columns(), []
    if "time" not in wanted and any(name not in names for name in _list(source.time)):
        source, note = _undated(source, pipeline, names)
        notes.append(note)
    if "series" not in wanted and source.series not in names:
        notes += without_series(pipeline, source.path, source.series, names)
        source = dataclasses.replace(source, series=None)
    if "weight" not in wanted and isinstance(source.weight, str) and source.weight not in names:
        notes.append(f'there is no column "{source.weight}" (data.weight): each row counts once')
        source = dataclasses.replace(source, weight=None)
    _refuse_other_roles(source, pipeline)
    return source.named(), notes


def _columns(own: Any, pipeline: Pipeline) -> dict[str, Any]:
    """Say by name where the columns of the model are."""
    first, last = pipeline.plan.targets, pipeline.plan.targets + pipeline.features
    time = getattr(own, "time", None)
    names = list(pipeline.columns)
    return {
        "target": names[:first],
        "features": names[first:last],
        "known": names[last:],
        "time": time if isinstance(time, list) and len(time) > 1 else pipeline.time,
        "series": None if pipeline.series in pipeline.columns else pipeline.series,
    }


def _common(own: Any) -> dict[str, Any]:
    """Return what the source of a table takes over from one of another kind: what all of them have."""
    kept = ("stride", "season", "unit", "on_short")
    common = {key: getattr(own, key) for key in kept} if isinstance(own, SeriesSource) else {}
    return {"name": "csv", "split": "none", **common}


def _undated(source: csv, pipeline: Pipeline, names: Sequence[str]) -> tuple[csv, str]:
    absent = next(str(name) for name in _list(source.time) if name not in names)
    hint = "; --data time=NAME says where the dates are"
    try:
        note = without_dates(pipeline, source.path, absent, names)
    except DataError as error:
        raise DataError(f"{error}{hint}") from None
    return dataclasses.replace(source, **dict.fromkeys(DATES)), f"{note}{hint}"  # type: ignore[arg-type]


def _refuse_other_roles(source: csv, pipeline: Pipeline) -> None:
    """Make sure that columns renamed by `--data target=...` are as many as the model has."""
    wanted = _columns(None, pipeline)
    problems = []
    for key in ("target", "features", "known"):
        found = _list(getattr(source, key))
        if len(found) != len(wanted[key]):
            shown = ", ".join(wanted[key]) or "none"
            problems.append(f"data.{key}: {len(found)} columns given; the model has {len(wanted[key])}: {shown}")
    if problems:
        raise ConfigError(*problems)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
