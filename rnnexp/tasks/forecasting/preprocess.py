"""Raw rows in, real units out: what a served model does around its network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data import calendar
from rnnexp.data.series import NAMELESS, Rows
from rnnexp.data.spec import TaskSpec
from rnnexp.errors import DataError, count
from rnnexp.tasks.forecasting import precision, windows
from rnnexp.tasks.forecasting.pipeline import Pipeline
from rnnexp.tasks.forecasting.scalers import Affine, Log

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class Context:
    """What is needed to turn the outputs for some rows back into original units.

    arrays, indices: what `windows` gathers inputs from
    table, starts, group: raw rows of all series end to end, the last window of each, its scaler group
    last:   with `layout: sequence` the step of each sequence that looks ahead
    rows:   all that was given of each series, more than a network may need
    """

    arrays: Mapping[str, np.ndarray]
    indices: np.ndarray
    table: np.ndarray
    starts: np.ndarray
    group: np.ndarray
    ids: tuple[str, ...]
    last: np.ndarray
    time: np.ndarray | None = None
    rows: Sequence[Rows] = ()


@dataclass(frozen=True)
class Preprocessor:
    """Prepare raw rows for a network and restore its outputs, as the dataset did in training."""

    pipeline: Pipeline

    @classmethod
    def from_json(cls, scaling: Mapping[str, Any]) -> Preprocessor:
        """Rebuild it from `Dataset.scaling`."""
        return cls(Pipeline.from_json(scaling))

    def mismatch(self, spec: TaskSpec) -> str:
        """Say why a network of this spec is not for these rows; an empty string if it is."""
        return self.pipeline.mismatch(spec)

    def prepare(self, frame: DataFrame) -> tuple[Any, Context]:
        """Turn raw rows into what the network takes: the last window of each series.

        Columns are matched by name; with a column `unique_id` there is one window per id. Columns known ahead
        must go on for the rows to be forecast, with empty targets. DataError names what is missing and where.
        """
        from rnnexp.tasks.forecasting.row_frames import rows_of

        return self.prepare_rows(rows_of(self.pipeline, frame))

    def prepare_rows(self, rows: list[Rows]) -> tuple[Any, Context]:
        """Do what `prepare` does for rows that are arrays already."""
        blocks = [_block(self.pipeline, one) for one in rows]
        group = np.array([self.pipeline.group(one.label) for one in rows])
        offsets = np.cumsum([0, *(len(block.values) for block in blocks)])
        scaled = [self.pipeline.scaled(b.values, b.time, own) for b, own in zip(blocks, group)]
        plan = self.pipeline.plan
        arrays = precision.stored(plan, np.concatenate(scaled), offsets)
        steps = [
            begin + np.arange(self.pipeline.chain.lost, len(b.values) - plan.span + 1)
            for begin, b in zip(offsets, blocks)
        ]
        indices = starts = np.array([own[-1] for own in steps], dtype=np.int32)
        if plan.layout == "sequence":
            arrays |= windows.padded(steps)
            indices = np.arange(len(rows), dtype=np.int32)
        time = None if blocks[0].time is None else np.stack([b.time[-plan.ahead :] for b in blocks])  # type: ignore[index]
        table = np.concatenate([block.values for block in blocks])
        last = np.array([len(own) - 1 for own in steps])
        context = Context(arrays, indices, table, starts, group, tuple(r.label for r in rows), last, time, rows)
        return plan.batch()(arrays, indices)[0], context

    def roll(self, predict: Callable[[Any], Any], context: Context) -> np.ndarray:
        """Return the outputs of a network for the whole horizon; `predict` maps x to outputs."""
        return windows.roll(self.pipeline.plan, predict, context.arrays, context.indices)

    def restore(self, outputs: np.ndarray, context: Context) -> np.ndarray:
        """Return forecasts (n, horizon, targets) in original units."""
        if self.pipeline.plan.layout == "sequence":
            outputs = outputs[np.arange(len(context.last)), context.last]
        return self.pipeline.restore(outputs, context.table, context.starts, context.group)[0]

    def bounds(self, outputs: np.ndarray, context: Context, half: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the ends of intervals of these half-widths around outputs, (n, horizon, targets) each."""
        offsets = self.pipeline.offsets(half)
        return self.restore(outputs - offsets, context), self.restore(outputs + offsets, context)

    def frame(self, rows: Rows) -> DataFrame:
        """Lay out the last rows needed for one forecast as a table that `prepare` takes."""
        from rnnexp.tasks.forecasting.row_frames import frame_of

        return frame_of(self.pipeline, rows)


def find_exponents(preprocessor: Preprocessor) -> list[float] | None:
    """Return the power of e by which each target grows with one unit of a scaled one; None without a logarithm.

    A logarithm comes first. What is added after it only multiplies the exponentials that are averaged.
    """
    pipeline = preprocessor.pipeline
    steps = pipeline.chain.steps
    if not steps or not isinstance(steps[0], Log):
        return None
    found = np.ones(pipeline.plan.targets)
    for step in steps:
        if isinstance(step, Affine):
            found = found * step.scale[0, : pipeline.plan.targets]
    return [float(one) for one in found]


def prepare_whole(pipeline: Pipeline, rows: Rows) -> Rows:
    """Return the rows of a series that follow its last gap, and then as many as are forecast."""
    gaps = np.flatnonzero(~np.isfinite(rows.values[: _count_observed(pipeline, rows)]).all(axis=1))
    first = int(gaps[-1]) + 1 if len(gaps) else 0
    after = Rows(rows.label, rows.values[first:], None if rows.time is None else rows.time[first:])
    return _block(pipeline, after, whole=True)


def _count_observed(pipeline: Pipeline, rows: Rows) -> int:
    """Return how many rows there are to the last whose targets are known."""
    empty = np.isnan(rows.values[:, : pipeline.plan.targets]).all(axis=1)
    return len(empty) - int(np.argmin(empty[::-1])) if len(empty) and not empty.all() else 0


def _block(pipeline: Pipeline, rows: Rows, whole: bool = False) -> Rows:
    """Cut or prepare_whole rows to the ones needed: observed rows, then exactly as many as are forecast."""
    plan, observed = pipeline.plan, _count_observed(pipeline, rows)
    first = 0 if whole or plan.layout == "sequence" else max(0, observed - pipeline.rows_needed)
    past = rows.values[first:observed]
    _refuse_gaps(pipeline, rows.label, past, first)
    if len(past) < pipeline.rows_needed:
        raise DataError(
            f"{_at(rows.label)}{len(past)} observed rows; one forecast needs {pipeline.rows_needed} "
            f"(sequence_length {plan.sequence_length}, differences {pipeline.chain.lost})"
        )
    future = np.full((plan.ahead, past.shape[1]), np.nan)
    if pipeline.known:
        future[:, -len(pipeline.known) :] = _known_ahead(pipeline, rows, observed)
    time = None if rows.time is None else _dates(pipeline, rows.time[first:observed])
    if pipeline.calendar and time is None:
        raise DataError(f"{_at(rows.label)}the calendar needs the dates of the rows, in column `{pipeline.time}`")
    return Rows(rows.label, np.concatenate([past, future]), time)


def _at(label: str) -> str:
    """Say which series a message is about; a lone one may have no name."""
    return "" if (label,) == NAMELESS else f"series `{label}`: "


def _refuse_gaps(pipeline: Pipeline, label: str, past: np.ndarray, first: int) -> None:
    bad = np.argwhere(~np.isfinite(past))
    if len(bad):
        row, column = bad[0]
        raise DataError(
            f"{_at(label)}column `{pipeline.columns[column]}` has no finite value "
            f"in row {first + row + 1} (the first of {len(bad)} such cells)"
        )


def _known_ahead(pipeline: Pipeline, rows: Rows, observed: int) -> np.ndarray:
    ahead, width = pipeline.plan.ahead, len(pipeline.known)
    known = rows.values[observed : observed + ahead, -width:]
    if len(known) < ahead or not np.isfinite(known).all():
        there = int(np.isfinite(known).all(axis=1).sum())
        raise DataError(
            f"{_at(rows.label)}{', '.join(pipeline.known)} must be given for {count(ahead, 'row')} after the "
            f"last observed one, with the targets left empty; {there} are there"
        )
    return known


def _dates(pipeline: Pipeline, past: np.ndarray) -> np.ndarray | None:
    if pipeline.frequency is None and not pipeline.calendar:
        return None
    return np.concatenate([past, calendar.following(past[-1], pipeline.frequency, pipeline.plan.ahead)])
