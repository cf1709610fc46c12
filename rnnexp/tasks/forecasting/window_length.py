"""How many rows of the past a network is proposed to see, from the training and validation rows alone."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from rnnexp.tasks.requests import Suggestion

USUAL_ROWS, FEW_ROWS = 30, 10  # of the past where nothing asks for more: in long series, and in short ones
LONGEST = 100  # rows of the past among which correlations are looked for
WINDOWS = 8  # rows of all series per row of the past
SEASONS, CLEARLY = 4, 0.01  # of a longer window, and the share of the error that it must save
DAY = 24  # rows of a season from which on the network reads one in each step, which is faster than a row in each
WEEK = 8  # seasons of a window that holds the same hour of a week before
RIDGE, MEASURED = 1e-3, 20_000  # penalty of a regression on standardized rows, and about how many windows it sees
HELD_OUT = 5  # part of the training rows that stands for validation rows where there are none
THIRD = 3  # part of a window that is tried beside it where nothing else asks for a shorter one
WEAKEST = 0.1  # partial autocorrelation that is worth a longer window
CHANCE = 0.01  # that noise is taken for one, over all lags

Rows = Sequence[np.ndarray]  # of each series (rows, targets)


def find_longest_window(train: Rows, lengths: Sequence[int], horizon: int) -> int:
    """Return the most rows of a window: an eighth of all rows, and half of what the shortest series has to train on."""
    trained = min((len(rows) for rows in train if len(rows)), default=0)
    return max(min(lengths) // WINDOWS, min((trained - horizon) // 2, sum(lengths) // WINDOWS))


def choose_length(train: Rows, most: int, season: int | None, differenced: bool) -> Suggestion:
    """Take the longest of the usual rows, a season and one, and what a partial autocorrelation asks for.

    most:        rows that a window can have
    differenced: whether correlations are looked for between changes of rows
    """
    lag = find_longest_lag([np.diff(rows, axis=0) if differenced else rows for rows in train], min(LONGEST, most - 1))
    usual = USUAL_ROWS if most >= USUAL_ROWS else max(1, min(FEW_ROWS, most))
    known = f"{sum(map(len, train)):,} training rows"
    reasons = {usual: f"{known}, too few for more" if usual == most else f"{known}; nothing asks for more"}
    reasons |= {lag + differenced: f"the partial autocorrelation of lag {lag} is significant"} if lag else {}
    reasons |= {season + 1: f"a season of {season} rows, and one"} if season else {}
    *shorter, length = sorted(rows for rows in reasons if rows <= max(1, most))
    others = [shorter[-1] if shorter else max(1, length // THIRD)]
    return Suggestion("data.sequence_length", length, reasons[length], [rows for rows in others if rows < length])


class Wider(NamedTuple):
    """A window that is worth a try: its rows, what they are, the share of the error it must save, a shorter one."""

    rows: int
    name: str
    gain: float
    other: int


def list_wider(season: int | None, in_patches: bool = True) -> list[Wider]:
    """Return several seasons, and one row; of days four, which may be a little worse, and the days of a week, and one.

    in_patches: whether the network may read several rows in each step
    """
    if season is None:
        return []
    if not in_patches or season < DAY:
        return [Wider(SEASONS * season + 1, f"{SEASONS} seasons of rows, and one,", CLEARLY, season + 1)]
    both = ((SEASONS, -CLEARLY), (WEEK, CLEARLY))
    return [Wider(count * season, f"{count} seasons of rows", gain, count // 2 * season) for count, gain in both]


def choose_longer(
    length: Suggestion, train: Rows, val: Rows, most: int, wider: Sequence[Wider], horizon: int
) -> Suggestion:
    """Take a wider window where the error of a linear model says so.

    most: rows that a window can have
    """
    if not sum(map(len, val)):
        train, val = _hold_out(train, horizon)
    for rows, name, gain, other in wider:
        kept, longest = length.value, max(length.value, rows)
        if longest > most or (rows <= kept and gain > 0):
            continue
        short, long = (measure_linear(train, val, count, longest, horizon) for count in (kept, rows))
        if long <= short * (1 - gain) < np.inf:
            lower = f"{abs(1 - long / short):.1%} {'higher' if long > short else 'lower'}"
            why = f"ridge regression on {name} has an error of validation {lower} than on {kept}"
            length = Suggestion("data.sequence_length", rows, why, [other])
    return length


def choose_patches(length: int, season: int | None) -> list[Suggestion]:
    """Let the network read a window of days day by day: so many single rows take long, and are hard to remember."""
    if season is None or season < DAY or length < SEASONS * season or length % season:
        return []
    why = f"a step of the network is a season: {length // season} in place of {length}"
    return [Suggestion("model.patch_size", season, why)]


def _hold_out(train: Rows, horizon: int) -> tuple[Rows, Rows]:
    """Return the training rows of each series without the last ones, and these."""
    borders = [max(0, len(rows) - max(horizon, len(rows) // HELD_OUT)) for rows in train]
    return [rows[:border] for rows, border in zip(train, borders)], [rows[b:] for rows, b in zip(train, borders)]


def measure_linear(train: Rows, val: Rows, length: int, longest: int, horizon: int) -> float:
    """Return the error on validation rows of a ridge regression on windows that count from their last row.

    longest: rows that are left out at the beginning, so that other lengths are measured on the same rows
    """
    learned, asked = [np.zeros((0, length + horizon))], [np.zeros((0, length + horizon))]
    every = sum(map(len, train)) // MEASURED | 1  # window; an odd number, to begin at all hours of the day
    for rows, later in zip(train, val):
        mean, scale = rows.mean(axis=0), rows.std(axis=0)
        joined = (np.concatenate([rows, later]) - mean) / np.where(scale > 0, scale, 1.0)
        if len(rows) < longest + horizon or len(later) < horizon:
            continue
        cut = np.lib.stride_tricks.sliding_window_view(joined[longest - length :], length + horizon, axis=0)
        first = len(rows) - longest  # window whose first row to forecast is of validation
        learned.append(cut[: first - horizon + 1 : every].reshape(-1, length + horizon))
        asked.append(cut[first::every].reshape(-1, length + horizon))
    windows, later = np.concatenate(learned), np.concatenate(asked)
    windows, later = (one - one[:, length - 1 : length] for one in (windows, later))
    x, y = windows[:, :length], windows[:, length:]
    weights = np.linalg.lstsq(x.T @ x + RIDGE * len(x) * np.eye(length), x.T @ y, rcond=None)[0]
    return float(np.sqrt(np.mean((later[:, :length] @ weights - later[:, length:]) ** 2))) if later.size else np.inf


def find_longest_lag(series: Rows, most: int) -> int:
    """Return the longest lag up to `most` whose partial autocorrelation is no chance and not small, 0 without one."""
    correlations = find_partial(series, most)
    used = sum(map(len, series))
    limit = max(WEAKEST, NormalDist().inv_cdf(1 - CHANCE / 2 / max(1, most)) / max(1, used) ** 0.5)
    (found,) = np.nonzero(np.abs(correlations) > limit)
    return int(found[-1]) + 1 if len(found) else 0


def find_partial(series: Rows, most: int) -> np.ndarray:
    """Return the partial autocorrelations at lags 1 to `most`, of all columns together, (most,).

    By the recursion of Durbin (1960) on autocovariances, each series around its own mean.
    """
    centered = [rows - rows.mean(axis=0) for rows in series if len(rows) > 1]
    lags = range(max(0, most) + 1)
    sums = np.array([sum(float((rows[lag:] * rows[: len(rows) - lag]).sum()) for rows in centered) for lag in lags])
    partial, weights = np.zeros(len(lags) - 1), np.zeros(0)
    left = sums[0]
    for lag in lags[1:]:
        if not left > 1e-12 * abs(sums[0]):
            break
        partial[lag - 1] = (sums[lag] - weights @ sums[lag - 1 : 0 : -1]) / left
        weights = np.append(weights - partial[lag - 1] * weights[::-1], partial[lag - 1])
        left *= 1 - partial[lag - 1] ** 2
    return partial
