"""Prediction intervals by split conformal prediction: how wide they must be, from errors on rows held out.

A new error is at most the ceil((n + 1) a)-th smallest of n earlier ones with a probability of at least a, if all n + 1
are exchangeable. Those of a series are not quite: what the intervals hold is therefore measured on other rows.

Sources: Vovk, Gammerman, Shafer, Algorithmic Learning in a Random World, 2005, section 4.2; Lei et al.,
Distribution-free predictive inference for regression, JASA 113, 2018, algorithm 2.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rnnexp import strict
from rnnexp.errors import ConfigError, DataError
from rnnexp.evaluation.kept_baselines import Numbers

if TYPE_CHECKING:
    from rnnexp.tasks.forecasting.preprocess import Preprocessor

FILE = "intervals.json"
LEVELS = tuple(range(50, 100))
FEW_LEVELS = (50, 80, 90, 95, 99)
MOST_NUMBERS = 200_000  # in a file: more steps and targets than these allow get the few levels


@dataclass(frozen=True)
class Intervals:
    """Half-widths of the intervals around a forecast, for each level, step ahead and target.

    levels:   in percent, rising
    half:     (levels, horizon, targets), in the units that the network answers in, added up over differences
    examples: forecasts whose errors they are made from
    coverage: share of the values of the scored part that each level holds, () if not measured
    why:      why there are none; empty if there are
    """

    levels: tuple[int, ...] = ()
    half: Numbers = field(default_factory=lambda: np.empty((0, 0, 0)))
    examples: int = 0
    coverage: tuple[float, ...] = ()
    why: str = ""

    def of(self, level: int) -> np.ndarray:
        """Return the half-widths of a level, (horizon, targets); DataError says why there are none."""
        if level not in self.levels:
            raise DataError(f"there is no {level} % interval: {self.missing(level)}")
        return np.asarray(self.half[self.levels.index(level)])

    def held(self, level: int) -> float | None:
        """Return the share of the scored values that a level was seen to hold."""
        return self.coverage[self.levels.index(level)] if self.coverage and level in self.levels else None

    def missing(self, level: int) -> str:
        """Say why there is no interval of this level."""
        if self.why:
            return self.why
        if fewest(level) > self.examples:
            return f"it takes the errors of {fewest(level)} validation forecasts, and there are {self.examples}"
        return f"kept were {', '.join(map(str, self.levels))}"

    def measured(self, errors: np.ndarray) -> Intervals:
        """Return the same with the coverage seen among other errors (n, horizon, targets)."""
        size = np.abs(errors)
        shares = tuple(float(np.mean(size <= half)) for half in self.half)
        return Intervals(self.levels, self.half, self.examples, shares, self.why)

    def write(self, folder: Path) -> None:
        """Keep them beside a model, over those that are there."""
        shown = {
            "levels": list(self.levels),
            "examples": self.examples,
            "coverage": list(self.coverage),
            "why": self.why,
            "half": [[[float(f"{value:.9g}") for value in row] for row in level] for level in self.half.tolist()],
        }
        (folder / FILE).write_text(json.dumps(shown, allow_nan=False) + "\n", encoding="utf-8")


def fewest(level: float) -> int:
    """Return how many errors a level needs; with fewer the largest of them does not suffice."""
    return int(-(-level // (100 - level)))


def rank(examples: int, level: float) -> int:
    """Return which of the errors, from the smallest, bounds a new one with a probability of `level` percent."""
    return int(-(-(examples + 1) * level // 100))


def calibrate(errors: np.ndarray, wanted: Sequence[int] = LEVELS) -> Intervals:
    """Make intervals from the errors (n, horizon, targets) of forecasts of what the forecaster was not fitted to."""
    count, horizon, targets = errors.shape
    many = len(wanted) * horizon * targets <= MOST_NUMBERS
    levels = tuple(level for level in (wanted if many else FEW_LEVELS) if rank(count, level) <= count)
    ordered = np.sort(np.abs(errors), axis=0)
    half = ordered[[rank(count, level) - 1 for level in levels]] if levels else np.empty((0, horizon, targets))
    return Intervals(levels, half, count)


def read_for(folder: Path, preprocessor: Preprocessor) -> Intervals:
    """Read what was left beside a model with this preprocessing."""
    plan = preprocessor.pipeline.plan
    return read(folder, (plan.ahead, plan.targets))


def read(folder: Path, shape: tuple[int, int]) -> Intervals:
    """Read what `write` wrote for forecasts of this (horizon, targets); ConfigError names a damaged file."""
    path = folder / FILE
    if not os.path.lexists(path):
        return Intervals(why="the model was saved without any, by an earlier version")
    saved: _Saved = strict.checked(
        _Saved, strict.read_json(folder, FILE), f"{path}: cannot be read as prediction intervals"
    )
    try:
        half = np.array(saved.half, dtype=np.float64).reshape(len(saved.levels), *shape)
        if not np.all(half >= 0) or len(saved.coverage) not in (0, len(saved.levels)):
            raise ValueError("half-widths below 0, or another number of shares than of levels")
    except ValueError as error:
        raise ConfigError(f"{path}: cannot be read as prediction intervals: {strict.shorten(error)}") from None
    return Intervals(saved.levels, half, saved.examples, saved.coverage, strict.shorten(saved.why))


@dataclass(frozen=True)
class _Saved:
    """What `write` writes."""

    levels: tuple[int, ...]
    half: list[list[list[float]]]
    examples: int
    coverage: tuple[float, ...]
    why: str
