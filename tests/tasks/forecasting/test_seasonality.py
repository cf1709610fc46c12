"""The season of series without dates: found where there is one, whatever trend it lies on, and never in noise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import rnnexp as rx
from rnnexp.tasks import load
from rnnexp.tasks.forecasting.seasonality import season_among, season_of

Draw = Callable[[np.random.Generator, int], np.ndarray]


def autoregressive(share: float) -> Draw:
    def draw(generator: np.random.Generator, rows: int) -> np.ndarray:
        values = generator.normal(size=rows)
        for row in range(1, rows):
            values[row] += share * values[row - 1]
        return values

    return draw


NOISE: dict[str, Draw] = {
    "white": lambda g, n: g.normal(size=n),
    "at a high level": lambda g, n: 1e9 + g.normal(size=n),
    "tiny": lambda g, n: 1e-9 * g.normal(size=n),
    "random walk": lambda g, n: g.normal(size=n).cumsum(),
    "smooth walk": lambda g, n: g.normal(size=n).cumsum().cumsum(),
    "autoregressive": autoregressive(0.9),
    "alternating": autoregressive(-0.5),
    "heavy tails": lambda g, n: g.standard_cauchy(n),
    "trend": lambda g, n: 0.1 * np.arange(n) + g.normal(size=n),
    "growth": lambda g, n: np.exp(np.arange(n) / n * 3) * (1 + 0.1 * g.normal(size=n)),
    "ramp": lambda g, n: np.arange(n) * 1.0,
    "parabola": lambda g, n: np.arange(n) ** 2.0,
    "counts": lambda g, n: g.poisson(0.5, n),
    "spikes": lambda g, n: 10.0 * (g.random(n) < 0.05),
    "levels": lambda g, n: np.repeat(5 * g.normal(size=n // 10 + 1), 10)[:n] + g.normal(size=n),
    "moving average": lambda g, n: np.convolve(g.normal(size=n + 9), np.ones(10), "valid"),
    "constant": lambda g, n: np.full(n, 3.0),
}


@pytest.mark.parametrize("kind", NOISE)
def test_no_season_is_found_in_noise(kind: str) -> None:
    """Of 400 series of each kind at most 2, which a test of so many lags cannot exclude."""
    generator = np.random.default_rng(0)
    found = [season_of(NOISE[kind](generator, rows)) for rows in (3, 13, 24, 60, 150, 400) for _ in range(80)]
    assert sum(season is not None for season in found) <= 2


PATTERN = np.array([-2.0, -3, 0.5, -0.5, 0, 2, 4, 3.5, 1, -1, -3.5, -1])  # of the months of a year
SEASONAL: dict[str, Draw] = {
    "plain": lambda g, t: PATTERN[t % 12] + 0.3 * g.normal(size=len(t)),
    "on a trend": lambda g, t: PATTERN[t % 12] + 0.5 * t + 0.3 * g.normal(size=len(t)),
    "on a falling parabola": lambda g, t: PATTERN[t % 12] - 0.01 * t**2 + 0.3 * g.normal(size=len(t)),
    "growing": lambda g, t: (6 + PATTERN[t % 12]) * np.exp(t / 50) * (1 + 0.02 * g.normal(size=len(t))),
    "on a walk": lambda g, t: 3 * PATTERN[t % 12] + g.normal(size=len(t)).cumsum(),
    "with outliers": lambda g, t: PATTERN[t % 12] + 100.0 * (g.random(len(t)) < 0.03),
    "at a high level": lambda g, t: 1e9 + PATTERN[t % 12] + 0.3 * g.normal(size=len(t)),
    "tiny": lambda g, t: 1e-9 * (PATTERN[t % 12] + 0.3 * g.normal(size=len(t))),
}


@pytest.mark.parametrize("kind", SEASONAL)
def test_a_season_is_found_whatever_it_lies_on(kind: str) -> None:
    generator = np.random.default_rng(1)
    found = [season_of(SEASONAL[kind](generator, np.arange(rows))) for rows in (96, 150, 400) for _ in range(20)]
    assert found.count(12) >= 0.95 * len(found)
    assert all(season is None or season % 12 == 0 for season in found)


@pytest.mark.parametrize("season", [4, 7, 24, 52])
def test_a_season_of_any_length_is_found(season: int) -> None:
    pattern = np.random.default_rng(season).normal(size=season)
    assert season_of(np.tile(pattern, 10)) == season


def test_of_many_rows_what_is_sure_but_faint_is_no_season() -> None:
    generator, row = np.random.default_rng(3), np.arange(20_000)
    noise = generator.normal(size=len(row))
    assert season_of(np.sin(row * 2 * np.pi / 96) + noise / 5 + 5) is None  # it was 479: differences hide a slow wave
    assert season_of(PATTERN[row % 12] + noise) == 12


def test_a_season_is_that_of_more_than_half_of_the_series() -> None:
    generator = np.random.default_rng(2)
    seasonal = [np.tile(PATTERN, 8)[:, None] for _ in range(3)]
    noise = [generator.normal(size=(96, 1)) for _ in range(3)]
    assert season_among([*seasonal, *noise[:2]]) == 12
    assert season_among([*seasonal, *noise]) is None


def test_the_airline_series_without_dates_has_the_season_of_the_one_with_them(shared_data: Path) -> None:
    path = shared_data / "airline_passengers" / "airline-passengers.csv"
    text = path.read_text().splitlines()
    undated = "\n".join(line.partition(",")[2] for line in text)
    Path("undated.csv").write_text(undated)
    words = ("data=csv", "data.path=undated.csv", "data.sequence_length=2", "data.target=Passengers")
    split = "data.split={train: 96, val: 0, test: 46, gap: 1}"
    dataset = load(rx.compose(*words, split).data)
    assert dataset.season == 12
    assert any("12 rows are a season; data.season says otherwise" in note for note in dataset.summary.notes)
    assert load(rx.compose(*words, split, "data.season=6").data).season == 6
