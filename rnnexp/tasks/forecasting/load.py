"""Put a forecasting dataset together: read, choose columns, split, scale, index."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from rnnexp.data import calendar
from rnnexp.data.dataset import Part, Summary, digest
from rnnexp.data.example_weights import KEY, share_weights
from rnnexp.data.large import is_large, join, take_last
from rnnexp.data.rules import PER_WINDOW
from rnnexp.data.series import Series
from rnnexp.data.short import Need, labels, need, without_short
from rnnexp.data.source import SeriesSource
from rnnexp.data.splits import borders
from rnnexp.data.tables.layout import TableSettings
from rnnexp.errors import DataError, count
from rnnexp.tasks.forecasting import precision, scalers, windows
from rnnexp.tasks.forecasting.columns import Roles, melted, roles, select, select_weights
from rnnexp.tasks.forecasting.dataset import SeriesDataset
from rnnexp.tasks.forecasting.pipeline import Pipeline
from rnnexp.tasks.forecasting.raw_series import convert_to_series
from rnnexp.tasks.forecasting.seasonality import season_among
from rnnexp.tasks.forecasting.window_samples import choose_strides, name_filled, name_samples
from rnnexp.tasks.forecasting.windows import Plan


@dataclass(frozen=True)
class Reading:
    """What was read, and what the settings make of it, before anything is scaled.

    weights: (rows,) how often each counts, None for once: a window counts as often as the first row that it forecasts
    known:   (series, 2) the rows that anything may be concluded from, None for all
    """

    source: SeriesSource
    series: Series
    roles: Roles
    table: np.ndarray
    borders: Mapping[str, np.ndarray]
    season: int | None
    weights: np.ndarray | None = None
    known: np.ndarray | None = None


def load(source: SeriesSource, make: Callable[[Reading], SeriesDataset] | None = None) -> SeriesDataset:
    """Load a source into a dataset; mistakes in the data raise DataError, which names the file or the source.

    make: makes the dataset of what was read, as `make_dataset` does, for a task that adds to it
    """
    source = source.named()
    series = read_series(source)
    try:
        return (make or make_dataset)(_read(source, series))
    except DataError as error:
        text = str(error)
        raise DataError(text if series.source in text else f"{series.source}: {text}") from None


def make_dataset(reading: Reading) -> SeriesDataset:
    """Fit the scalers to the training rows of what was read, and make a dataset of it."""
    chain, scaled, remarks = _scale(reading)
    pipeline = _pipeline(reading, chain)
    remarks += precision.remarks(pipeline.plan, scaled, reading.borders["train"], pipeline.columns)
    scaled = pipeline.with_calendar(scaled, reading.series.time)
    return dataset(reading, pipeline, scaled, remarks)


def dataset(reading: Reading, pipeline: Pipeline, scaled: np.ndarray, remarks: list[str]) -> SeriesDataset:
    """Cut what was read, scaled already, into windows; the last part is scored."""
    begins = _begins(reading, pipeline)
    parts = _parts(reading, pipeline, scaled, begins)
    plan = pipeline.plan
    return SeriesDataset(
        spec=replace(
            reading.source.outline(),
            inputs=plan.inputs(),
            output_shape=(plan.horizon, plan.targets),
            targets=pipeline.targets,
        ),
        parts=parts,
        batch=plan.batch(),
        summary=_summary(reading, begins, remarks),
        history=replace(
            reading.series,
            values=reading.table[:, : plan.targets],
            columns=pipeline.targets,
            unit=pipeline.unit,
        ),
        scored=list(parts)[-1],
        season=reading.season,
        scaling=pipeline.to_json(),
        pipeline=pipeline,
        table=reading.table,
        borders=reading.borders,
        forecast_from=_forecast_from(reading.source, pipeline),
        reading=reading,
    )


def read_series(source: SeriesSource) -> Series:
    """Read the series, and make sure that they say where they are from."""
    series = convert_to_series(source, source.read())
    return replace(series, source=series.source or source.name)  # type: ignore[attr-defined]


def _read(source: SeriesSource, series: Series) -> Reading:
    chosen = roles(source, series.columns)
    series = without_short(source, series, need(source, series.frequency))
    weights = select_weights(source, series)
    if source.columns_as_series:
        series, chosen = melted(series, chosen)
    if source.calendar and series.time is None:
        raise DataError("data.calendar needs dates, but the data have none: give data.time")
    parts = borders(source, replace(series, ids=labels(series)))
    reading = Reading(source, series, chosen, select(series, chosen.all), parts, None, weights)
    season = find_season(reading, parts["train"])
    notes = (*series.notes, *(_season_note(season) if _is_season_open(reading) else ()))
    return replace(reading, season=season, series=replace(series, notes=notes))


def _is_season_open(reading: Reading) -> bool:
    """Say whether neither a setting nor dates tell the season."""
    return reading.source.season is None and reading.series.time is None and reading.series.frequency is None


def find_season(reading: Reading, rows: np.ndarray) -> int | None:
    """Return the rows per season; where values must tell, those of the training rows (series, 2) do."""
    if _is_season_open(reading):
        targets = len(reading.roles.targets)
        return season_among([take_last(reading.table[first:last, :targets]) for first, last in rows])
    longest = int(np.diff(rows, axis=1).max())
    return calendar.season(reading.source.season, reading.series.frequency, longest)


def _season_note(season: int | None) -> list[str]:
    if season is None:
        return []
    apart = f"there are no dates, but values of the training set that lie {season} rows apart go together"
    return [f"{apart}: {season} rows are a season; data.season says otherwise"]


def _scale(reading: Reading) -> tuple[scalers.Chain, np.ndarray, list[str]]:
    return scalers.fit([name for name in reading.source.scalers() if name not in PER_WINDOW], fitting(reading))


def fitting(reading: Reading) -> scalers.Fit:
    """Say what the scalers may look at: the training rows."""
    return scalers.Fit(
        table=reading.table,
        columns=reading.roles.all,
        targets=len(reading.roles.targets),
        offsets=reading.series.offsets,
        rows=reading.borders["train"],
        ids=reading.series.ids,
        per_series=reading.source.per_series,
        season=reading.season,
    )


def _pipeline(reading: Reading, chain: scalers.Chain) -> Pipeline:
    source, series, chosen = reading.source, reading.series, reading.roles
    recursive = source.strategy == "recursive"
    last = (source.scalers() or ["none"])[-1]
    plan = Plan(
        sequence_length=source.sequence_length,
        horizon=1 if recursive else source.horizon,
        steps=source.horizon if recursive else 1,
        targets=len(chosen.targets),
        columns=len(chosen.all) + 2 * len(source.calendar),
        known=len(chosen.known) + 2 * len(source.calendar),
        window=last if last in PER_WINDOW else "none",
        layout=source.layout,
    )
    return Pipeline(
        plan=plan,
        chain=chain,
        columns=chosen.all,
        features=len(chosen.features),
        calendar=tuple(source.calendar),
        ids=series.ids,
        per_series=source.per_series,
        frequency=series.frequency,
        time=None if series.time is None else _column_name(source, "time", "time"),
        series=_column_name(source, "series", "unique_id"),
        unit=source.unit or series.unit,
        table=TableSettings.of(source),
    )


def _column_name(source: SeriesSource, key: str, usual: str) -> str:
    """Return the name that a source's own setting gives to a column, else the usual one."""
    given = getattr(source, key, None)
    given = given[0] if isinstance(given, list) and len(given) == 1 else given
    return given if isinstance(given, str) else usual


def _begins(reading: Reading, pipeline: Pipeline) -> dict[str, list[np.ndarray]]:
    """List the windows of each part and series; a part without any is refused."""
    plan, offsets, stride = pipeline.plan, reading.series.offsets, reading.source.stride
    apart = choose_strides(reading.borders, reading.source)
    begins = {
        name: [
            windows.starts(plan, first + pipeline.chain.lost, (own[0], own[1]), stride * apart[name])
            for first, own in zip(offsets, rows.tolist())
        ]
        for name, rows in reading.borders.items()
    }
    for name, rows in reading.borders.items():
        if not any(len(own) for own in begins[name]):
            raise DataError(_empty_part(name, rows, pipeline))
    return begins


def _empty_part(name: str, rows: np.ndarray, pipeline: Pipeline) -> str:
    plan, longest = pipeline.plan, int(np.diff(rows, axis=1).max())
    needed = plan.ahead + (pipeline.rows_needed if name == "train" else 0)
    return (
        f"the {name} set has no window: it has {count(longest, 'row')} and one window needs "
        f"{count(needed, 'row')} of it; change data.split, data.horizon or data.sequence_length"
    )


def _parts(
    reading: Reading, pipeline: Pipeline, scaled: np.ndarray, begins: dict[str, list[np.ndarray]]
) -> dict[str, Part]:
    arrays = precision.stored(pipeline.plan, scaled, reading.series.offsets, reading.known)
    if reading.weights is not None:
        first = np.roll(reading.weights, -pipeline.plan.sequence_length)  # of each window, by its start
        arrays[KEY] = share_weights(first, [(name, np.concatenate(own)) for name, own in begins.items()])
    if pipeline.plan.layout == "windows":
        near = is_large(len(scaled))
        return {name: Part(arrays, join(own), near=near) for name, own in begins.items()}
    firsts = reading.series.offsets[:-1] + pipeline.chain.lost
    return {name: _whole(arrays, firsts, own) for name, own in begins.items()}


def _whole(arrays: dict[str, np.ndarray], firsts: np.ndarray, begins: list[np.ndarray]) -> Part:
    """Make one sequence of each series: from its first row to the last window of the part and no further."""
    used = [(first, own) for first, own in zip(firsts, begins) if len(own)]
    steps = [np.arange(first, own[-1] + 1) for first, own in used]
    arrays = {**arrays, **windows.padded(steps, [own for _, own in used])}
    return Part(arrays, np.arange(len(used), dtype=np.int32))


def _forecast_from(source: SeriesSource, pipeline: Pipeline) -> tuple[float, ...] | None:
    given = source.forecast_from
    if given is None:
        return None
    if len(pipeline.columns) > 1 or pipeline.calendar:
        raise DataError("data.forecast_from continues one column without dates; these data have more")
    if len(given) < pipeline.rows_needed:
        needed = Need(pipeline.plan.sequence_length, pipeline.plan.ahead, pipeline.chain.lost)
        raise DataError(
            f"data.forecast_from has {len(given)} values; one forecast needs {pipeline.rows_needed}: "
            f"{needed} without the horizon"
        )
    return tuple(given)


def _summary(reading: Reading, begins: dict[str, list[np.ndarray]], remarks: list[str]) -> Summary:
    series, time = reading.series, reading.series.time
    span = (None, None) if time is None else calendar.write_dates(np.array([time.min(), time.max()]), time)
    return Summary(
        source=series.source,
        rows=len(series.values),
        series=len(series.ids),
        sizes={name: sum(len(own) for own in owns) for name, owns in begins.items()},
        digest=_digest(reading),
        first=span[0],
        last=span[1],
        frequency=series.frequency,
        season=reading.season,
        unit=reading.source.unit or series.unit,
        notes=(*series.notes, *name_filled(reading), *remarks, *name_samples(reading.borders, begins, reading.source)),
    )


def _digest(reading: Reading) -> str:
    series = reading.series
    dates = () if series.time is None else (series.time.astype("datetime64[ns]", copy=False),)
    return digest(reading.source, series.values, series.offsets, *dates)
