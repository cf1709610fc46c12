"""Forecasts of a trained model: what follows the rows of a table, or the data that it was trained on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.cells import HOURS
from rnnexp.data.calendar import has_hours
from rnnexp.data.dataset import USUAL
from rnnexp.data.quantiles import list_quantiles, name_others, take_median
from rnnexp.data.series import Rows
from rnnexp.data.tables.typed import ROWS
from rnnexp.errors import ConfigError, DataError, DivergedError, did_you_mean
from rnnexp.tasks.forecasting.apply import apply
from rnnexp.tasks.forecasting.columns import select
from rnnexp.tasks.forecasting.dataset import SeriesDataset
from rnnexp.tasks.forecasting.in_memory import make_table, write_rows
from rnnexp.tasks.forecasting.intervals import FILE, Intervals, read_for
from rnnexp.tasks.forecasting.load import read_series
from rnnexp.tasks.forecasting.pipeline import Pipeline
from rnnexp.tasks.forecasting.preprocess import Context, Preprocessor
from rnnexp.tasks.forecasting.request_tables import is_table, table_source
from rnnexp.tasks.forecasting.row_frames import long_enough, read_values
from rnnexp.tasks.requests import (
    OtherData,
    PredictRequest,
    PredictResponse,
    RequestSchema,
    TrainedModel,
    changed,
    known_source,
)

if TYPE_CHECKING:
    from pandas import DataFrame

    from rnnexp.models.bundle import Bundle

Apply = Callable[[Any, Preprocessor], SeriesDataset]  # loads a source as a trained model sees it

LEVELS = "levels"
GIVEN = "--values"  # what messages call numbers that are no file


@dataclass(frozen=True)
class RequestRows:
    """What forecasts start from; `several` says that series are told apart by name."""

    rows: list[Rows]
    source: str
    several: bool = False
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Columns:
    """What the columns before the forecasts are called, as in the user's table; without a name the series are left
    out.
    """

    series: str | None = Pipeline.series
    time: str = "ds"

    @classmethod
    def of(cls, pipeline: Pipeline, several: bool) -> Columns:
        """Return the names that a model knows; `several` says that series are told apart."""
        return cls(pipeline.series if several else None, pipeline.time or cls.time)


def predict(trained: TrainedModel, request: PredictRequest) -> PredictResponse:
    """Forecast what follows each series, with intervals of the levels that are asked for."""
    preprocessor, pipeline = trained.preprocessor, trained.preprocessor.pipeline
    given = _given(trained, pipeline, request)
    made = trained.baseline.intervals if trained.baseline else read_for(trained.bundle, preprocessor)
    levels, notes = _levels(made, request.levels)
    notes = [] if trained.spec.quantiles else notes
    try:
        _, context = preprocessor.prepare_rows(given.rows)
    except DataError as error:
        raise DataError(f"{given.source}: {error}") from None
    half = {level: made.of(level) for level in levels}
    frame = forecast(trained.load(), context, half, Columns.of(pipeline, given.several))
    if not np.isfinite(frame[list(pipeline.targets)].to_numpy()).all():
        raise DivergedError(f"the forecasts of {trained.called} for {given.source} are not finite")
    measured = {level: {"examples": made.examples, "coverage": made.held(level)} for level in levels}
    return PredictResponse(frame, [*given.notes, *notes], measured)


def answer(bundle: Bundle, rows: Any, params: Mapping[str, Any]) -> DataFrame:
    """Forecast what follows a table of rows; `levels` are those of intervals, each of which adds two columns."""
    made = bundle.baseline.intervals if bundle.baseline else bundle.extras or Intervals()
    half = {int(level): made.of(int(level)) for level in params.get(LEVELS, ())}
    preprocessor, pipeline = bundle.preprocessor, bundle.preprocessor.pipeline
    rows = make_table(pipeline, rows)
    _, context = preprocessor.prepare(rows)
    return forecast(bundle, context, half, Columns.of(pipeline, pipeline.series in rows.columns))


def request_schema(saved: Mapping[str, Any], folder: Path) -> RequestSchema:
    """Say that a request may ask for intervals, where the model has any; without it the answer keeps its columns."""
    return RequestSchema(params={LEVELS: []} if (folder / FILE).is_file() else {})


def forecast_of(model: Any, dataset: SeriesDataset) -> np.ndarray | None:
    """Return what follows the data, (series, horizon, targets) in original units; None where that is undefined."""
    ahead = dataset.forecast()
    if ahead is None:
        return None
    return ahead.restore(take_median(ahead.roll(model.predict_on_batch), dataset.spec.quantiles))


def other_data(trained: TrainedModel, changes: Mapping[str, Any], apply: Apply = apply) -> OtherData:
    """Read other rows: of a table, or of the run's own source with other settings."""
    pipeline = trained.preprocessor.pipeline
    source, notes = _other_source(trained, pipeline, changes)
    dataset = apply(source, trained.preprocessor).for_model(trained.spec)
    found, known = dataset.history.frequency, pipeline.frequency
    if found is not None and known is not None and found != known:
        notes = [*notes, f'the rows are in steps of "{found}"; the model was trained on steps of "{known}"']
    return OtherData(dataset, notes)


def beside(dataset: SeriesDataset, own: SeriesDataset) -> SeriesDataset:
    """Return other rows beside the run's own, whose season they have where they show none."""
    return replace(dataset, reference=own, season=dataset.season or own.season)


def _other_source(trained: TrainedModel, pipeline: Pipeline, changes: Mapping[str, Any]) -> tuple[Any, list[str]]:
    own = trained.source
    if is_table(own):
        return table_source(trained, pipeline, {"path": own.path, **changes})
    if own is None or ("path" in changes and not hasattr(own, "path")):
        if "path" not in changes:
            raise ConfigError(f"{trained.called} is not known to read any data: give a file, --data FILE")
        return table_source(trained, pipeline, changes)
    return changed(trained, changes), []


def _levels(made: Intervals, asked: Sequence[int] | None) -> tuple[list[int], list[str]]:
    """Return the levels to give: those asked for, which must be there, else the usual one if it is."""
    if asked is not None:
        for level in asked:
            made.of(level)
        return sorted(set(asked)), []
    if USUAL in made.levels:
        return [USUAL], []
    return [], [f"no prediction intervals: {made.missing(USUAL)}"]


def _given(trained: TrainedModel, pipeline: Pipeline, request: PredictRequest) -> RequestRows:
    """Read a table, if one is named, else the run's own data again; or take the values that are given."""
    if request.values is not None:
        return RequestRows([read_values(pipeline, request.values, GIVEN)], GIVEN)
    if request.rows is not None:
        with write_rows(trained, request.rows) as settings:
            given = _table(pipeline, *table_source(trained, pipeline, {**settings, **request.changes}))
        notes = [note.replace(given.source, ROWS) for note in given.notes]
        return replace(given, source=ROWS, notes=notes)
    changes = dict(request.changes) | ({"path": request.path} if request.path else {})
    if "path" not in changes:
        own = known_source(trained)
        if own.forecast_from is not None and not changes:
            values = np.array(own.forecast_from, dtype=np.float64)[:, None]
            return RequestRows([Rows(pipeline.ids[0], values)], "data.forecast_from")
        if not is_table(own):
            return _series(pipeline, changed(trained, changes))
        changes["path"] = own.path
    return _table(pipeline, *table_source(trained, pipeline, {**changes, "weight": None}))


def _table(pipeline: Pipeline, source: Any, notes: list[str]) -> RequestRows:
    rows, done = source.read_open(pipeline.frequency)
    if source.series is None:
        rows = [replace(rows[0], label=pipeline.ids[0] if len(pipeline.ids) == 1 else "series")]
    rows, left = long_enough(pipeline, rows, source.on_short)
    return RequestRows(rows, source.path, source.series is not None, [*notes, *done, *left])


def _series(pipeline: Pipeline, source: Any) -> RequestRows:
    """Read the data of a source that is no table."""
    series = read_series(source)
    absent = [name for name in pipeline.columns if name not in series.columns]
    if absent:
        raise DataError(
            f"{series.source}: there is no column `{absent[0]}`{did_you_mean(absent[0], series.columns)}; "
            f"the data have {', '.join(series.columns)}"
        )
    values = select(series, pipeline.columns)
    bounds = list(zip(series.ids, series.offsets[:-1], series.offsets[1:]))
    time = series.time
    rows = [Rows(label, values[a:b], None if time is None else time[a:b]) for label, a, b in bounds]
    rows, left = long_enough(pipeline, rows, source.on_short)
    return RequestRows(rows, series.source, len(series.ids) > 1, left)


def forecast(bundle: Any, context: Context, half: Mapping[int, np.ndarray], columns: Columns) -> DataFrame:
    """Forecast prepared rows, with the ends of an interval for each level in `half`, or the quantiles of the model."""
    preprocessor, levels = bundle.preprocessor, bundle.spec.quantiles
    beside: dict[str, np.ndarray] = {}
    if bundle.baseline is None:
        outputs = preprocessor.roll(bundle.predict, context)
        ends = {level: preprocessor.bounds(outputs, context, width) for level, width in half.items()}
        each = list_quantiles(outputs, levels)
        beside |= {name: preprocessor.restore(each[at], context) for name, at in name_others(levels).items()}
        values = preprocessor.restore(take_median(outputs, levels), context)
    else:
        values = bundle.baseline.forecast(preprocessor.pipeline, context.rows)
        ends = {level: bundle.baseline.bound(values, width) for level, width in half.items()}
    for level, (low, high) in ends.items():
        beside |= {f"lo_{level}": low, f"hi_{level}": high}
    ids = context.ids if columns.series else None
    frame = table(values, bundle.spec.targets, ids=ids, time=context.time, beside=beside, columns=columns)
    frame.attrs[HOURS] = has_hours(preprocessor.pipeline.frequency)
    return frame


def table(
    values: np.ndarray,
    targets: tuple[str, ...],
    *,
    ids: tuple[str, ...] | None = None,
    time: np.ndarray | None = None,
    beside: Mapping[str, np.ndarray] | None = None,
    columns: Columns | None = None,
) -> DataFrame:
    """Lay out forecasts (n, horizon, targets): the series, the dates, `step` and the targets, one column each.

    ids: one label per series; time: (n, horizon) dates. Either column is left out where it is not known.
    beside: what stands after each target, each like `values`: `lo_90` is the column `<target>_lo_90`
    """
    import pandas

    named, (count, horizon) = columns or Columns(), values.shape[:2]
    found: dict[str, Any] = {}
    if ids is not None:
        found[named.series or Columns.series or "series"] = np.repeat(np.array(ids, dtype=object), horizon)
    if time is not None:
        found[named.time] = time.reshape(-1)
    taken = {*found, *targets}  # a column of the user's may be called so, too
    found["step_ahead" if "step" in taken else "step"] = np.tile(np.arange(1, horizon + 1), count)
    for i, name in enumerate(targets):
        found[name] = values[:, :, i].reshape(-1).astype(np.float64)
        found |= {f"{name}_{more}": of[:, :, i].reshape(-1) for more, of in (beside or {}).items()}
    return pandas.DataFrame(found)
