"""The guards on forecasts: does anything of validation or test reach the training, or the future an input?

The first looks at the finished dataset alone, at the rows that its examples really touch, and trusts no setting.
The other tells which rows of other data a run has learned from.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from rnnexp.data.dataset import LEARNED_FROM
from rnnexp.data.large import list_pieces
from rnnexp.data.leaks import known_share
from rnnexp.tasks.forecasting.dataset import SeriesDataset
from rnnexp.tasks.forecasting.scalers import Affine, Fit, fit

PARTS = ("train", "val", "test")
SAME = 1e-5  # parameters of a scaler that differ by less are the same, fitted twice
CHUNK = 50_000  # rows whose values are held at once
MOST_BEFORE = 8  # a row is told by its own values and those of so many before it


def leaks(dataset: SeriesDataset) -> Iterator[str]:
    """Yield every leak found, one sentence each; nothing for a clean dataset."""
    for look in (_roles, _borders, _series, _time_order, _scaler, _unscored_steps):
        yield from look(dataset)


def _roles(dataset: SeriesDataset) -> Iterator[str]:
    columns, targets = dataset.pipeline.columns, dataset.pipeline.targets
    for target in targets:
        if target in columns[len(targets) :]:
            yield f"the target `{target}` is also an input of the same row"
    for place, target in enumerate(targets):
        for other in range(len(targets), len(columns)):
            if np.array_equal(dataset.table[:, place], dataset.table[:, other]):
                yield f"the column `{columns[other]}` is a copy of the target `{target}`"


def _borders(dataset: SeriesDataset) -> Iterator[str]:
    plan = dataset.pipeline.plan
    for part in dataset.parts:
        starts, found = dataset.starts(part), []
        for piece in list_pieces(len(starts)):
            own = starts[piece]
            rows = dataset.borders[part][dataset.history.series_of(own)]
            first, last = own + plan.sequence_length, own + plan.span
            found.append((first < rows[:, 0]) | (last > rows[:, 1]))
        outside = np.concatenate(found)
        if outside.any():
            where = starts[outside][0]
            yield f"{outside.sum()} windows of {part} have targets outside it, the first from row {where}"


def _series(dataset: SeriesDataset) -> Iterator[str]:
    offsets = dataset.history.offsets
    for part in dataset.parts:
        starts = _all_starts(dataset, part)
        pieces = [starts[piece] for piece in list_pieces(len(starts))]
        span, series_of = dataset.pipeline.plan.span, dataset.history.series_of
        crossing = np.concatenate([own + span > offsets[1:][series_of(own)] for own in pieces])
        if crossing.any():
            where = starts[crossing][0]
            yield f"{crossing.sum()} windows of {part} run into the next series, the first from row {where}"


def _all_starts(dataset: SeriesDataset, part: str) -> np.ndarray:
    """Return the first rows of all windows that a part sees, also of those that are not scored."""
    chosen = dataset.parts[part]
    if dataset.pipeline.plan.layout == "windows":
        return chosen.indices
    return np.unique(chosen.arrays["starts"][chosen.indices])


def _time_order(dataset: SeriesDataset) -> Iterator[str]:
    """Compare the target rows of the parts in each series: one begins where the one before it has ended."""
    spans = {part: _target_rows(dataset, part) for part in PARTS if part in dataset.parts}
    for early, late in itertools.pairwise(spans):
        for series in sorted(spans[early].keys() & spans[late].keys()):
            if spans[early][series][1] > spans[late][series][0]:
                label = dataset.history.ids[series]
                yield f"{late} begins before {early} has ended in series `{label}`: not in time order"
                break
    for part in spans:
        starts = dataset.starts(part)
        pieces = (starts[piece.start : piece.stop + 1] for piece in list_pieces(len(starts)))
        if any((np.diff(own) <= 0).any() for own in pieces):
            yield f"the windows of {part} are not in time order"


def _target_rows(dataset: SeriesDataset, part: str) -> dict[int, tuple[int, int]]:
    plan, starts = dataset.pipeline.plan, dataset.starts(part)
    found: dict[int, tuple[int, int]] = {}
    for piece in list_pieces(len(starts)):
        own = starts[piece]
        series = dataset.history.series_of(own)
        for one in map(int, np.unique(series)):
            chosen = own[series == one]
            first, last = int(chosen.min()) + plan.sequence_length, int(chosen.max()) + plan.span
            before = found.get(one, (first, last))
            found[one] = min(first, before[0]), max(last, before[1])
    return found


def _unscored_steps(dataset: SeriesDataset) -> Iterator[str]:
    """Look at the steps of whole sequences that carry no weight: in training they must not be late either."""
    if dataset.pipeline.plan.layout != "sequence":
        return
    starts = _all_starts(dataset, "train")
    ends = dataset.borders["train"][dataset.history.series_of(starts), 1]
    late = starts + dataset.pipeline.plan.span > ends
    if late.any():
        yield f"{late.sum()} steps of the training sequences lie after the training set"


def _scaler(dataset: SeriesDataset) -> Iterator[str]:
    """Fit the scalers again on the training rows: other parameters mean that other rows had a say."""
    pipeline, history = dataset.pipeline, dataset.history
    data = Fit(
        dataset.table,
        pipeline.columns,
        pipeline.plan.targets,
        history.offsets,
        dataset.borders["train"],
        history.ids,
        pipeline.per_series,
        next((s.lag for s in pipeline.chain.steps if s.lag > 1), None),
    )
    honest, _, _ = fit([step.to_json()["name"] for step in pipeline.chain.steps], data)
    for given, expected in zip(pipeline.chain.steps, honest.steps):
        if isinstance(given, Affine) and isinstance(expected, Affine) and not _same(given, expected):
            yield f"the scaler `{given.name}` was not fitted on the training rows alone"


def _same(given: Affine, expected: Affine) -> bool:
    """Compare in units of the scale: a shift may be a billion times as large, a scale a billionth of one."""
    shift = np.abs(given.shift - expected.shift) / expected.scale
    return bool(np.all(shift < SAME) and np.allclose(given.scale, expected.scale, rtol=SAME, atol=0))


def seen(scored: SeriesDataset, own: SeriesDataset) -> str:
    """Say how many of the rows that are forecast in `scored` the weights for `own` have been chosen by."""
    plan = scored.pipeline.plan
    before = min(MOST_BEFORE, plan.sequence_length)
    dated = scored.history.time is not None and own.history.time is not None
    known: set[int] = set()
    for part in LEARNED_FROM:
        for first, last in own.borders.get(part, ()):
            start = own.history.offsets[own.history.series_of(first)]
            known.update(_keys(own, np.arange(max(first, start + before), last), before, dated))
    starts = scored.starts(scored.scored)
    rows = np.unique(starts[:, None] + np.arange(plan.sequence_length, plan.span))
    found = sum(key in known for key in _keys(scored, rows, before, dated))
    return known_share(found, f"{len(rows)} scored rows")


def _keys(dataset: SeriesDataset, rows: np.ndarray, before: int, dated: bool) -> Iterator[int]:
    time = dataset.history.time if dated else None
    for i in range(0, len(rows), CHUNK):
        chosen = rows[i : i + CHUNK]
        values = dataset.table[chosen[:, None] - np.arange(before + 1)].reshape(len(chosen), -1)
        dates = np.zeros(len(chosen)) if time is None else time[chosen].astype("datetime64[ns]")
        yield from (hash((row.tobytes(), date.tobytes())) for row, date in zip(values, dates))
