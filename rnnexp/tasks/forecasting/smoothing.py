"""Exponential smoothing of many columns side by side: the recursion, its first states, and the search for parameters.

Nine forms: no trend, a trend and a damped one, each with no season, an added one or one of factors. Arrays end with
(candidates, columns); a column is one target of one series, its rows begin at 0, and what follows its end is ignored.

Source: Hyndman, Koehler, Ord and Snyder, Forecasting with Exponential Smoothing, 2008, tables 2.1 to 2.3, and sections
2.6.1 (first states) and 7.2 (AICc). First states are estimated as there and not improved: a few new rows will do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

FEWEST_ROWS = 10  # from which first states are estimated, or two seasons if these are more
NO_SEASON, ADDED, FACTORS = 0, 1, 2
FORMS = tuple(product((0, 1, 2), (NO_SEASON, ADDED, FACTORS)))  # (0 no trend, 1 a trend, 2 a damped one; season)
GRID = {"alpha": (0.05, 0.2, 0.5, 0.9), "beta": (0.02, 0.2), "gamma": (0.05, 0.3), "phi": (0.3, 0.8)}  # shares of 1
STEPS = (1.2, 1.2, 0.8, 0.8, 0.5, 0.5, 0.3, 0.2)  # log odds by which each parameter is moved in turn
FURTHEST = 9.0  # log odds
DAMPING = (0.8, 0.98)
MAX_STATES = 4_000_000  # seasonal states of all candidates that are in memory at once


@dataclass(frozen=True)
class Parameters:
    """Of each candidate and column: its form, and how much of an error is taken over, as log odds (4, ...)."""

    trend: np.ndarray
    season: np.ndarray
    odds: np.ndarray

    def weights(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return alpha, beta, gamma and phi in the usual bounds."""
        alpha, beta, gamma, phi = 1 / (1 + np.exp(-self.odds))
        low, high = DAMPING
        damped = np.where(self.trend == 2, low + (high - low) * phi, 1.0)
        return alpha, alpha * beta * (self.trend > 0), gamma * (1 - alpha), damped


class Filter:
    """The states of exponential smoothing, which go on from row to row."""

    def __init__(self, chosen: Parameters, values: np.ndarray, season: int) -> None:
        """Estimate the states before the first of `values` (rows, columns), of which the first few are looked at."""
        self.alpha, self.beta, gamma, self.phi = chosen.weights()
        self.season, self.row = season, 0
        starts = [_first_states(values, season, kind) for kind in (NO_SEASON, ADDED, FACTORS)]
        pick = [chosen.season == kind for kind in (NO_SEASON, ADDED, FACTORS)]
        trended, flat, slope = (np.select(pick, [start[i] for start in starts]) for i in range(3))
        self.level = np.where(chosen.trend > 0, trended, flat)
        self.slope = np.where(chosen.trend > 0, slope, 0.0)
        none = np.zeros((season, 1))
        self.added = np.where(pick[ADDED], (starts[ADDED][3] if season > 1 else none)[:, None], 0.0)
        self.factors = np.where(pick[FACTORS], (starts[FACTORS][3] if season > 1 else none + 1)[:, None], 1.0)
        self.gain, self.swing = gamma * pick[ADDED], gamma * pick[FACTORS]

    def expect(self) -> np.ndarray:
        """Return what the next row is expected to be."""
        place = self.row % self.season
        self.trend = self.level + self.phi * self.slope
        return self.trend * self.factors[place] + self.added[place]

    def update(self, error: np.ndarray) -> None:
        """Take over a row that was off by this from what was expected."""
        place = self.row % self.season
        relative = error / self.factors[place]
        self.level = self.trend + self.alpha * relative
        self.slope = self.phi * self.slope + self.beta * relative
        if self.season > 1:
            self.added[place] += self.gain * error
            self.factors[place] += self.swing * error / np.where(self.trend == 0, 1.0, self.trend)
        self.row += 1

    def forecast(self, horizon: int, columns: np.ndarray) -> np.ndarray:
        """Return what the first candidate expects of the next rows, (horizon, columns)."""
        phi, places = self.phi[0, columns], (self.row + np.arange(horizon)) % self.season
        grown = np.cumsum(phi ** np.arange(1, horizon + 1)[:, None], axis=0) * self.slope[0, columns]
        pattern = (of[places][:, 0][:, columns] for of in (self.factors, self.added))
        return np.asarray((self.level[0, columns] + grown) * next(pattern) + next(pattern))


def count_first_rows(season: int, kind: np.ndarray) -> np.ndarray:
    """Return how many rows the first states of forms with this kind of season are estimated from."""
    return np.where(kind == NO_SEASON, FEWEST_ROWS, max(FEWEST_ROWS, 2 * season))


def choose(values: np.ndarray, lengths: np.ndarray, season: int, positive: np.ndarray) -> Parameters:
    """Return the form and the parameters of each column by AICc, (1, columns); one that is too short has a form of -1.

    values: (rows, columns), of which the first `lengths` count;  positive: whether a season may be of factors
    """
    size = max(1, MAX_STATES // (season * _start(1, season).odds.shape[1]))
    pieces = [slice(first, first + size) for first in range(0, values.shape[1], size)]
    chosen = [_choose(values[:, piece], (lengths[piece], positive[piece]), season) for piece in pieces]
    trend, kind, odds = (np.concatenate(one, axis=-1) for one in zip(*((c.trend, c.season, c.odds) for c in chosen)))
    return Parameters(trend, kind, odds)


def _choose(values: np.ndarray, known: tuple[np.ndarray, np.ndarray], season: int) -> Parameters:
    tried = _start(values.shape[1], season)
    forms = tried.trend[:, 0] * 3 + tried.season[:, 0]
    kinds, columns = np.unique(forms), np.arange(values.shape[1])
    costs = _judge(tried, values, known, season)
    best = np.stack([np.flatnonzero(forms == form)[costs[forms == form].argmin(axis=0)] for form in kinds])
    lowest, odds = costs[best, columns], tried.odds[:, best, columns]
    trend, kind = np.repeat(kinds[:, None] // 3, len(columns), 1), np.repeat(kinds[:, None] % 3, len(columns), 1)
    for step in STEPS:
        moves = np.concatenate([np.eye(4), -np.eye(4)]) * step
        moved = np.clip(odds[:, None] + moves.T[:, :, None, None], -FURTHEST, FURTHEST)
        flat = Parameters(np.tile(trend, (8, 1)), np.tile(kind, (8, 1)), moved.reshape(4, -1, len(columns)))
        found = _judge(flat, values, known, season).reshape(8, *lowest.shape)
        way = found.argmin(axis=0)
        least = np.take_along_axis(found, way[None], 0)[0]
        better = np.take_along_axis(moved, way[None, None], 1)[:, 0]
        odds, lowest = np.where(least < lowest, better, odds), np.minimum(least, lowest)
    form = lowest.argmin(axis=0)
    there = np.isfinite(lowest[form, columns])
    return Parameters(
        np.where(there, trend[form, columns], -1)[None], kind[form, columns][None], odds[:, form, columns][:, None]
    )


def _start(columns: int, season: int) -> Parameters:
    """Return the coarse grid of all forms."""
    rows = [
        (trend, kind, *chosen)
        for trend, kind in FORMS
        if season > 1 or kind == NO_SEASON
        for chosen in product(
            GRID["alpha"],
            GRID["beta"][: 2 if trend else 1],
            GRID["gamma"][: 2 if kind else 1],
            GRID["phi"][: 2 if trend == 2 else 1],
        )
    ]
    table = np.array(rows)
    shares = np.repeat(table[:, 2:].T[:, :, None], columns, axis=2)
    trend, kind = (np.repeat(table[:, i, None].astype(int), columns, axis=1) for i in range(2))
    return Parameters(trend, kind, np.log(shares / (1 - shares)))


def _judge(tried: Parameters, values: np.ndarray, known: tuple[np.ndarray, np.ndarray], season: int) -> np.ndarray:
    """Return the AICc of each candidate; errors are relative where a season is of factors, infinite where undefined."""
    relative, (lengths, positive) = tried.season == FACTORS, known
    squares, logs = np.zeros(relative.shape), np.zeros(relative.shape)
    with np.errstate(all="ignore"):
        for row, mean, error in _errors(Filter(tried, values, season), values):
            there = row < lengths
            own = np.where(relative, error / mean, error)
            squares += np.where(there, own * own, 0.0)
            logs += np.where(there & relative, np.log(np.abs(mean)), 0.0)
        states = 1 + (tried.trend > 0) + (tried.season > 0) * (season - 1)
        count = 2 + states + (tried.trend > 0) + (tried.trend == 2) + (tried.season > 0)
        left = lengths - count - 1
        # Values that are all the same leave nothing: all forms are right, and the simplest is taken.
        cost = lengths * np.log(np.maximum(squares, 1e-300)) + 2 * logs
        cost += 2 * count + 2 * count * (count + 1) / np.where(left > 0, left, 1)
    usable = (left > 0) & (lengths >= count_first_rows(season, tried.season)) & (positive | ~relative)
    return np.where(usable & np.isfinite(cost), cost, np.inf)


def _errors(states: Filter, values: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    for row, actual in enumerate(values):
        mean = states.expect()
        error = actual - mean
        yield row, mean, error
        states.update(error)


def _first_states(values: np.ndarray, season: int, kind: int) -> tuple[np.ndarray, ...]:
    """Return level and level without a trend, slope, and the season (season, columns), before the first row."""
    rows = FEWEST_ROWS if kind == NO_SEASON else max(FEWEST_ROWS, 2 * season)
    known = values[:rows]
    pattern = np.zeros((season, values.shape[1]))
    with np.errstate(all="ignore"):
        if kind != NO_SEASON and season > 1 and len(known) >= 2 * season:
            pattern = _first_season(known[: 2 * season], season, kind)
            around = pattern[np.arange(len(known)) % season]
            known = known - around if kind == ADDED else known / around
        at = np.arange(1, len(known) + 1)[:, None] - (len(known) + 1) / 2
        mean, slope = known.mean(axis=0), (at * known).sum(axis=0) / max(1e-9, float((at * at).sum()))
    return mean - slope * (len(known) + 1) / 2, mean, slope, pattern


def _first_season(known: np.ndarray, season: int, kind: int) -> np.ndarray:
    """Return by how much, or by which factor, two seasons differ from the line through their means."""
    first, second = known[:season].mean(axis=0), known[season:].mean(axis=0)
    line = first + (second - first) / season * (np.arange(2 * season) - (season - 1) / 2)[:, None]
    off = known - line if kind == ADDED else known / line
    pattern = (off[:season] + off[season:]) / 2
    return pattern - pattern.mean(axis=0) if kind == ADDED else pattern / pattern.mean(axis=0)
