"""A forecasting dataset: the scaled series once, windows as starts, and the way back to original units."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data.dataset import Arrays, Dataset, Predictions
from rnnexp.data.example_weights import take_weights
from rnnexp.data.large import is_large, sample_rows
from rnnexp.data.quantiles import list_quantiles, take_median
from rnnexp.data.series import Rows, Series
from rnnexp.tasks.forecasting import windows
from rnnexp.tasks.forecasting.linear_start import fit_windows
from rnnexp.tasks.forecasting.pipeline import Pipeline
from rnnexp.tasks.forecasting.preprocess import Context, Preprocessor

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class Forecast:
    """What follows the last observed row: inputs `x` for a network and the way back to original units.

    ids: one label per forecast;  time: (n, horizon) dates of the rows forecast, or None
    """

    x: Any
    context: Context
    preprocessor: Preprocessor

    @property
    def ids(self) -> tuple[str, ...]:
        return self.context.ids

    @property
    def time(self) -> np.ndarray | None:
        return self.context.time

    def roll(self, predict: Callable[[Any], Any]) -> np.ndarray:
        """Return the outputs of a network for the whole horizon; `predict` maps x to outputs."""
        return self.preprocessor.roll(predict, self.context)

    def restore(self, outputs: np.ndarray) -> np.ndarray:
        """Return forecasts (n, horizon, targets) in original units."""
        return self.preprocessor.restore(outputs, self.context)


@dataclass(frozen=True, kw_only=True)
class SeriesDataset(Dataset):
    """One or many series cut into windows, or taken whole (`layout: sequence`).

    table:   (rows, columns) raw values, targets first, then features and known columns
    borders: rows of each part, name -> (series, 2)
    series:  what was read, with all its columns
    reading: of which it was made, so that it can be made again with other borders
    """

    history: Series
    pipeline: Pipeline
    table: np.ndarray
    borders: Mapping[str, np.ndarray]
    forecast_from: tuple[float, ...] | None = None
    reading: Any = None

    @property
    def steps(self) -> int:
        """Times the network is applied to reach the horizon: 1 unless `strategy: recursive`."""
        return self.pipeline.plan.steps

    def roll(self, predict: Callable[[Any], Any], arrays: Arrays, indices: np.ndarray) -> np.ndarray:
        """Return outputs for the whole horizon (b, horizon, targets); `predict` maps x to outputs.

        With a direct strategy this is `predict(batch(arrays, indices)[0])`.
        """
        return windows.roll(self.pipeline.plan, predict, arrays, indices)

    def starts(self, part: str) -> np.ndarray:
        """Return the first row of each scored window of a part, (n,), in time order per series."""
        chosen = self.parts[part]
        if self.pipeline.plan.layout == "windows":
            return chosen.indices
        return chosen.arrays["starts"][chosen.indices][self._scored_steps(part)]

    def list_learned_starts(self) -> np.ndarray:
        """Return the first rows of the training windows that baselines learn from: of many rows, evenly spread ones."""
        starts = self.starts("train")
        return sample_rows(starts) if is_large(len(self.table)) else starts

    def restore(self, part: str, outputs: np.ndarray) -> Predictions:
        """Turn outputs for all examples of `part`, in order, into original units beside the truth.

        `scaled` is in the units of the scaled series, also where windows are normalized one by one. With
        `layout: sequence` outputs are (sequences, steps, horizon, targets); the steps of the part are picked.
        """
        plan, starts, chosen = self.pipeline.plan, self.starts(part), self._scored(part, outputs)
        levels, around = self.spec.quantiles, (self.table, starts, self.groups(starts))
        predicted, scaled = self.pipeline.restore(take_median(chosen, levels), *around)
        quantiles = [self.pipeline.restore(one, *around)[0] for one in list_quantiles(chosen, levels)]
        rows = starts[:, None] + np.arange(plan.sequence_length, plan.span)
        actual = self.table[rows][..., : plan.targets]
        true = windows.exact(self.parts[part].arrays)[rows][..., : plan.targets]
        origins = starts + plan.sequence_length - 1
        weight = take_weights(self.parts[part].arrays, starts)
        found = np.stack(quantiles, axis=-1) if quantiles else None
        return Predictions(predicted, actual, (scaled, true), origins, quantiles=found, weight=weight)

    def errors(self, part: str, outputs: np.ndarray) -> np.ndarray:
        """Return by how much outputs for all examples of `part` are off, (n, horizon, targets), for `Intervals`."""
        return self.pipeline.errors(self._scored(part, outputs), self.parts[part].arrays, self.starts(part))

    @cached_property
    def ridge(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the weights and intercepts of a ridge regression on the training windows, see `fit_windows`."""
        return fit_windows(self.pipeline.plan, self.parts["train"], self.parts.get("val"))

    def bounds(self, part: str, outputs: np.ndarray, half: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the ends of intervals of these half-widths around outputs, (n, horizon, targets) each."""
        offsets, starts, chosen = self.pipeline.offsets(half), self.starts(part), self._scored(part, outputs)
        ends = (chosen - offsets, chosen + offsets)
        low, high = (self.pipeline.restore(end, self.table, starts, self.groups(starts))[0] for end in ends)
        return low, high

    def training_rows(self, table: np.ndarray | None = None) -> list[np.ndarray | None]:
        """Return the training rows of each series (rows, columns), None for a series that training has not seen.

        table: the rows in which `trained_on` is to be looked up, its own by default
        """
        own = self.trained_on
        if own is None:
            return [None] * len(self.history.ids)
        rows = own.table if table is None else table
        known = {label: rows[first:last] for label, (first, last) in zip(own.history.ids, own.borders["train"])}
        return [known.get(label) for label in self.history.ids]

    def _scored(self, part: str, outputs: np.ndarray) -> np.ndarray:
        """Pick the outputs that are of the part, (n, horizon, targets)."""
        return outputs if self.pipeline.plan.layout == "windows" else outputs[self._scored_steps(part)]

    def _scored_steps(self, part: str) -> np.ndarray:
        chosen = self.parts[part]
        return chosen.arrays["weight"][chosen.indices] > 0

    def groups(self, starts: np.ndarray) -> np.ndarray:
        """Return the parameter group of the series in which each window lies, (n,)."""
        return np.array([self.pipeline.group(label) for label in self.history.ids])[self.history.series_of(starts)]

    def forecast(self) -> Forecast | None:
        """Prepare what follows `forecast_from`, or the end of each series; None if known columns end."""
        if self.pipeline.known:
            return None
        if self.forecast_from is not None:
            given = np.array(self.forecast_from, dtype=np.float64)[:, None]
            rows = [Rows(self.history.ids[0], given)]
        else:
            rows = [rows for rows in self._all_rows() if len(rows.values) >= self.pipeline.rows_needed]
        preprocessor = Preprocessor(self.pipeline)
        x, context = preprocessor.prepare_rows(rows)
        return Forecast(x, context, preprocessor)

    def _all_rows(self) -> list[Rows]:
        history = self.history
        return [
            Rows(label, self.table[first:last], None if history.time is None else history.time[first:last])
            for label, first, last in zip(history.ids, history.offsets[:-1], history.offsets[1:])
        ]

    def example(self) -> DataFrame:
        """Return raw rows such as a served model takes: enough of the first series for one forecast."""
        return Preprocessor(self.pipeline).frame(self._all_rows()[0])
