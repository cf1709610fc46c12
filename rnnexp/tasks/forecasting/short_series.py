"""Series among many that have too few rows for a baseline of the others: which, and what is said of them."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace

import numpy as np

from rnnexp.data.calendar import season_of
from rnnexp.data.dataset import Dataset
from rnnexp.data.short import named
from rnnexp.tasks.forecasting import baselines, linear, naive2
from rnnexp.tasks.forecasting.dataset import SeriesDataset


def forecasting_task(dataset: SeriesDataset, origins: np.ndarray, horizon: int) -> baselines.Task:
    """Say what is to be forecast from `origins`, and why there is no season, if there is none."""
    history, usual = dataset.history, season_of(dataset.history.frequency)
    firsts = history.offsets[history.series_of(origins)]
    task = baselines.Task(history.values, origins, firsts, horizon, dataset.season)
    if usual is None:
        return task
    return replace(task, seasonless=f"no series has training rows for two seasons of {usual}; give data.season")


def in_series(dataset: Dataset, row: int | None) -> str:
    """Name the series that a row lies in, where there are several."""
    history = dataset.history
    if row is None or history is None or len(history.ids) == 1:
        return ""
    return f" in series `{history.ids[int(history.series_of(row))]}`"


def short_series(dataset: SeriesDataset, origins: np.ndarray, horizon: int, found: Container[str]) -> list[str]:
    """Name the series that are too short for what the baselines that were `found` do in others."""
    task = forecasting_task(dataset, origins, horizon)
    stand_ins = {
        name: (baselines.stands_in(name, task), "a season before each forecast")
        for name in baselines.ROWS_BEFORE
        if name in found
    }
    if "linear" in found:
        stand_ins["linear"] = ~linear.trained(dataset, origins), "training rows"
    notes = _fewer_lags(dataset, origins) if "linear" in found else []
    notes += _doubtful(dataset, task) if "naive2" in found else []
    return notes + [
        f"the baseline {name} repeats the last value in {_called(dataset, origins[there])}, because it lacks {what}"
        for name, (there, what) in stand_ins.items()
        if there.any()
    ]


def _doubtful(dataset: SeriesDataset, task: baselines.Task) -> list[str]:
    """Name the series in which Naive2 does as the organizers' code does, and may be no measure."""
    there = naive2.find_doubtful(task)
    if not there.any():
        return []
    return [
        f"the baseline naive2 divides by a moving average in {_called(dataset, task.origins[there])}, as the "
        "organizers' code does, though the values are not all above 0; where that divides by 0, it repeats the last one"
    ]


def _fewer_lags(dataset: SeriesDataset, origins: np.ndarray) -> list[str]:
    """Say so where the linear baseline does not see the season."""
    used, wanted = linear.lags_of(dataset, origins), linear.wanted_lags(dataset)
    fewer = used < wanted
    if not fewer.any():
        return []
    where = "" if fewer.all() else f" in {_called(dataset, origins[fewer])}"
    return [
        f"the linear baseline sees {used.min()} lags instead of a season and one, {wanted}{where}: not every forecast, "
        "or too few training windows, have that many rows before them"
    ]


def _called(dataset: SeriesDataset, origins: np.ndarray) -> str:
    ids = dataset.history.ids
    places = np.unique(dataset.history.series_of(origins))
    return f"{len(places)} of {len(ids)} series, {named([ids[place] for place in places])}"
