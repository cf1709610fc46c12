"""The settings that are proposed for series, from their training and validation rows alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rnnexp.data import calendar
from rnnexp.errors import count
from rnnexp.models.layers import FITTED
from rnnexp.models.recurrent_checks import MOST_INPUTS
from rnnexp.tasks import budget
from rnnexp.tasks.forecasting.dataset import SeriesDataset
from rnnexp.tasks.forecasting.window_length import (
    WEAKEST,
    Rows,
    choose_length,
    choose_longer,
    choose_patches,
    find_longest_window,
    list_wider,
)
from rnnexp.tasks.forecasting.windows import EPSILON, Plan
from rnnexp.tasks.requests import Suggestion

PLAIN, OWN, LAST = "standard", ["standard", "instance"], ["standard", "last"]
CLOSE = 0.9  # lag-1 autocorrelation from which on each window is scaled by itself
SHIFTED = 1.0  # training deviations between the means of training and validation, likewise
UNEVEN = 3.0  # deviations of a window, root mean square, at which the row after it lies where windows hardly vary
CERTAIN = 3.0  # standard errors of the mean of independent rows, of which this must be more, too
YEAR, SURE = 12, 2.0  # rows of a block where no season is known; standard errors by which the power must be larger
SQUARE_ROOT = 0.5  # the power from which on logarithms are nearer to an even spread than the values (Guerrero, 1993)
# Networks that are averaged, their learning rate, and the training examples below which that takes no minute.
NETWORKS, FASTER, FEW_EXAMPLES = 5, 0.003, 500
# The part of the date that repeats itself with the season of rows that lie so far apart.
PARTS = {"hour": "hour", "day": "dayofweek", "business day": "dayofweek", "month": "month", "quarter": "quarter"}


def suggest(dataset: SeriesDataset, in_patches: bool = True) -> list[Suggestion]:
    """Choose window, scaler and budget for a dataset that was read with the usual ones.

    in_patches: whether the network may read several rows in each step
    """
    dated, plan = choose_calendar(_cut(dataset, "train"), dataset.pipeline.frequency), dataset.pipeline.plan
    in_patches = in_patches and plan.layout == "windows"
    train, val = (_cut(dataset, part) for part in ("train", "val"))
    lengths = [int(rows) for rows in dataset.history.lengths()]
    with np.errstate(all="ignore"):  # what cannot be computed proposes nothing
        per_series = dataset.pipeline.per_series
        lasts = choose_scaler(train, val, 1, per_series).value != PLAIN
        most = find_longest_window(train, lengths, plan.ahead)
        length = choose_length(train, most, dataset.season, differenced=lasts)
        length = choose_longer(length, train, val, most, list_wider(dataset.season, in_patches), plan.ahead)
        scaler = choose_scaler(train, val, int(length.value), per_series)
        if is_positive(dataset) and not per_series:  # what has no logarithm could not be read
            scaler = choose_logarithms(scaler, train, dataset.season or YEAR)
    path = choose_linear_path(plan, int(length.value), [part for one in dated for part in one.value])
    patches = choose_patches(int(length.value), dataset.season) if in_patches else []
    scaled = [scaler, path] if plan.layout == "windows" else []
    return [length, *patches, *scaled, *dated, *choose_training(len(dataset.parts["train"]), "val" in dataset.parts)]


def choose_training(examples: int, is_validated: bool) -> list[Suggestion]:
    """Choose the budget; for few examples several networks that learn faster, without validation a decaying rate."""
    few = f"{count(examples, 'training example')}: the mean of {NETWORKS} networks errs less and takes seconds"
    rate = "few gradient steps: at a lower one many networks are still learning at the last"
    small = [Suggestion("ensemble", NETWORKS, few), Suggestion("optimizer.learning_rate", FASTER, rate)]
    averaged = small if examples < FEW_EXAMPLES else []
    last = "no validation set chooses an epoch: the learning rate decays to 0, so that the last one is a good one"
    decayed = [] if is_validated else [Suggestion("schedule", "cosine", last)]
    return [*averaged, *decayed, *budget.choose_budget(examples, is_validated)]


def _cut(dataset: SeriesDataset, part: str) -> list[np.ndarray]:
    targets = dataset.pipeline.plan.targets
    return [dataset.table[first:last, :targets] for first, last in dataset.borders.get(part, ())]


def choose_scaler(train: Rows, val: Rows, length: int, per_series: bool = False) -> Suggestion:
    """Scale each window by itself where levels last, or leave those of the training rows.

    length:     rows of a window
    per_series: whether each series is scaled by its own rows
    """
    alike = [([rows], val[place : place + 1]) for place, rows in enumerate(train)] if per_series else [(train, val)]
    scaled = [_standardize(own, later) for own, later in alike]
    known = [rows for own, _ in scaled for rows in own]
    close = _find_closeness(known)
    held_out = np.concatenate([train[0][:0], *(rows for _, later in scaled for rows in later)])
    away = float(np.abs(held_out.mean(axis=0)).max()) if len(held_out) else 0.0
    shifted = away > max(SHIFTED, CERTAIN / max(1, len(held_out)) ** 0.5)
    why = [f"the lag-1 autocorrelation of the training rows is {close:.2f}"] if close >= CLOSE else []
    why += [f"the mean of the validation rows is {away:.1f} training deviations away"] if shifted else []
    if not why:
        why = [f"the lag-1 autocorrelation of the training rows is {close:.2f}, and no level is new"]
        return Suggestion("data.scaler", PLAIN, why[0], [OWN])
    if _find_surprise(known, length) > UNEVEN:
        told = "windows count from their last row, since some of them hardly vary"
        return Suggestion("data.scaler", LAST, f"{', '.join(why)}: {told}", [PLAIN])
    told = "each window is scaled by its own mean and deviation"
    return Suggestion("data.scaler", OWN, f"{', '.join(why)}: {told}", [LAST])


def choose_logarithms(scaler: Suggestion, train: Rows, size: int) -> Suggestion:
    """Take logarithms where levels last and the deviation of so many rows grows with their mean.

    Where no level lasts, rare events raise both, and logarithms gain nothing.
    """
    power, error = find_growth(train, size)
    if scaler.value == PLAIN or not power - SURE * error > SQUARE_ROOT:
        return scaler
    told = f"the deviation of {size} rows grows with their mean, to the power of {power:.1f}"
    return Suggestion("data.scaler", ["log", *LAST], f"{told}; each window counts from its last row", [scaler.value])


def choose_linear_path(plan: Plan, length: int, dated: Sequence[str]) -> Suggestion:
    """Let the network learn what a linear model of its inputs leaves, where that is not too large to be fitted.

    length: rows of a window;  dated: parts of the date that it gets, too
    """
    more = len(calendar.columns(dated))
    inputs = length * (plan.columns + more) + plan.horizon * (plan.known + more)
    if inputs > MOST_INPUTS:
        why = f"the network alone: a linear model of {inputs:,} inputs beside it takes too long to fit"
        return Suggestion("model.skip_connection", False, why, [True])
    return Suggestion("model.skip_connection", FITTED, "the network learns what ridge regression leaves", [False])


def find_growth(series: Rows, size: int) -> tuple[float, float]:
    """Return to which power of their mean the deviation of so many rows grows, and its standard error.

    By a line through the logarithms of both, of all blocks of so many rows, each series around its own mean.
    """
    means, deviations, used = [np.zeros(0)], [np.zeros(0)], 1
    for column in (column for rows in series for column in rows.T):
        blocks = column[len(column) % size :].reshape(-1, size)
        mean, deviation = blocks.mean(axis=1), blocks.std(axis=1)
        known = (mean > 0) & (deviation > 0)
        if known.sum() > 1:
            means.append(_center(np.log(mean[known])))
            deviations.append(_center(np.log(deviation[known])))
            used += 1
    x, y = np.concatenate(means), np.concatenate(deviations)
    if len(x) <= used or not (spread := float(x @ x)):
        return 0.0, np.inf
    power = float(x @ y) / spread
    return power, float(np.sqrt(((y - power * x) ** 2).sum() / (len(x) - used) / spread))


def _center(values: np.ndarray) -> np.ndarray:
    centered: np.ndarray = values - values.mean()
    return centered


def is_positive(dataset: SeriesDataset) -> bool:
    return bool((dataset.table[:, : dataset.pipeline.plan.targets] > 0).all())


def _find_surprise(scaled: Rows, length: int) -> float:
    """Return how many deviations of a window the row after it is away from its mean, root mean square; 0 if unknown."""
    squares = []
    for rows in scaled:
        if length > 1 and len(rows) > length:
            windows = np.lib.stride_tricks.sliding_window_view(rows, length, axis=0)[:-1]
            squares.append((rows[length:] - windows.mean(axis=-1)) ** 2 / (windows.var(axis=-1) + EPSILON))
    return float(np.sqrt(np.mean(np.concatenate(squares)))) if squares else 0.0


def choose_calendar(train: Rows, frequency: str | None) -> list[Suggestion]:
    """Tell the network the part of the date on which the rows depend, where they do."""
    if frequency is None or (part := PARTS.get(calendar.name_unit(frequency))) is None:
        return []
    cycle, changes = calendar.season_of(frequency) or 0, [np.diff(rows, axis=0) for rows in train]
    used, squares = sum(map(len, changes)), sum(float((rows**2).sum()) for rows in changes)
    both = sum(float((rows[cycle:] * rows[: max(0, len(rows) - cycle)]).sum()) for rows in changes)
    if not cycle or not squares or both / squares < max(WEAKEST, CERTAIN / max(1, used) ** 0.5):
        return []
    return [Suggestion("data.calendar", [part], f"changes of rows go together with those {cycle} rows before")]


def _standardize(train: Rows, val: Rows) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Scale rows as `standard` does, by mean and deviation of the training rows of all these series."""
    rows = np.concatenate(train)
    mean, scale = rows.mean(axis=0), rows.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    return [(one - mean) / scale for one in train], [(one - mean) / scale for one in val]


def _find_closeness(scaled: Rows) -> float:
    """Return the lag-1 autocorrelation of scaled rows over all series, the mean of the columns; 0 without spread."""
    both = [(rows[1:] * rows[:-1]).sum(axis=0) for rows in scaled]
    alone = [((rows[1:] ** 2 + rows[:-1] ** 2) / 2).sum(axis=0) for rows in scaled]
    spread = np.sum(alone, axis=0)
    return float(np.mean(np.where(spread > 0, np.sum(both, axis=0) / np.where(spread > 0, spread, 1), 0)))
