"""Tables for a trained model, read as strictly as those it was trained on: columns by name, layout as in its run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rnnexp import registry
from rnnexp.config.overrides import changes
from rnnexp.config.parse import build
from rnnexp.data.source import SeriesSource
from rnnexp.errors import ConfigError, DataError

if TYPE_CHECKING:
    from rnnexp.data.sources.csv import csv
    from rnnexp.tasks.forecasting.pipeline import Pipeline

# What the model has settled: other values would need another model, or another split than none.
SETTLED = (
    *("name", "sequence_length", "horizon", "layout", "strategy", "calendar", "scaler", "per_series"),
    *("split", "folds", "fold", "forecast_from", "held_out", "buckets", "task"),
    *("tokens", "lowercase", "max_tokens", "min_count", "max_length", "keep", "vectors"),
)
DATES = ("time", "time_format", "time_zone", "frequency")


def given(words: Sequence[str]) -> dict[str, Any]:
    """Return the changes of a run's data settings: `key=value` words; one without `=` is the file to read."""
    files = [word for word in words if "=" not in word]
    found = changes([word for word in words if "=" in word], "data")
    problems = [f"--data: {len(files)} files given ({', '.join(files)}); one file, or a glob: path='*.csv'"]
    problems = problems if len(files) > 1 else []
    settled = [key for key in found if key.partition(".")[0] in SETTLED]
    problems += [f"data.{key}: is settled by the trained model; train another one to change it" for key in settled]
    if problems:
        raise ConfigError(*problems)
    return found | ({"path": files[0]} if files else {})


def rebuilt(values: Mapping[str, Any], changed: Mapping[str, Any], between: bool = True) -> Any:
    """Build a source from its values with some of them changed; ConfigError has every mistake, those `between` fields
    where all of them are used.
    """
    problems: list[str] = []
    source = build("data", registry.lookup("data", values["name"]), {**values, **changed}, problems)
    problems += source.check() if between and not problems else []
    if problems:
        raise ConfigError(*problems)
    return source


def changed(source: Any, wanted: Mapping[str, Any]) -> Any:
    """Return the settings of a run's own source with some of them changed, and every row in one part."""
    whole = {"split": "none", "folds": None, "fold": 1, "forecast_from": None, "held_out": "val", "vectors": None}
    whole |= dict.fromkeys(("val_path", "test_path", "test_every", "test_inputs", "test_targets", "test_lengths"))
    whole |= {"max_pairs": None}
    fields = dataclasses.asdict(source)
    return rebuilt(fields | {key: value for key, value in whole.items() if key in fields}, wanted)


def table(own: Any, pipeline: Pipeline, wanted: Mapping[str, Any]) -> tuple[csv, list[str]]:
    """Return the settings to read a table with, and what to mind.

    `own` is the source of the run (None: not known), whose layout a table has too if it is one; columns are those that
    the model knows, by name. Dates and the names of series that are absent are left out where the model can do without.
    """
    asked = _columns(own, pipeline) | dict(wanted)
    source = changed(own, asked) if getattr(own, "name", "") == "csv" else rebuilt(_common(own), asked)
    names, notes = source.columns(), []
    if "time" not in wanted and any(name not in names for name in _list(source.time)):
        source, note = _undated(source, pipeline, names)
        notes.append(note)
    if "series" not in wanted and source.series not in names:
        from rnnexp.tasks.forecasting.frames import without_series

        notes += without_series(pipeline, source.path, source.series, names)
        source = dataclasses.replace(source, series=None)
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
        from rnnexp.tasks.forecasting.frames import without_dates

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
