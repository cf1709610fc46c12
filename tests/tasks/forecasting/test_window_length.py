"""How many rows a network is proposed to see, measured on series whose correlations are known."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from autoregression import draw

from rnnexp.tasks.forecasting.window_length import (
    choose_length,
    choose_longer,
    choose_patches,
    find_longest_lag,
    find_longest_window,
    find_partial,
    list_wider,
    measure_linear,
)


def test_partial_autocorrelations_are_those_of_the_process() -> None:
    found = find_partial([draw(1.2, -0.5, rows=20_000)], 6)
    np.testing.assert_allclose(found, [1.2 / 1.5, -0.5, 0, 0, 0, 0], atol=0.03)
    assert abs(found[1]) > 0.4  # which an autocorrelation, .46 at lag 2, would not be below 0


@pytest.mark.parametrize(("weights", "lag"), [((0.0,), 0), ((0.6,), 1), ((0.3, 0.0, 0.0, 0.4), 4)])
def test_the_longest_lag_is_the_order_of_the_process(weights: tuple[float, ...], lag: int) -> None:
    assert find_longest_lag([draw(*weights)], 40) == lag


def length(rows: int, season: int | None = None, series: np.ndarray | None = None) -> int:
    known = [draw(0.5, rows=rows) if series is None else series]
    choice = choose_length(known, find_longest_window(known, [rows], 1), season, differenced=False)
    assert choice.why
    return int(choice.value)


def test_a_window_is_long_enough_for_the_season_and_no_longer_than_the_rows_allow() -> None:
    assert length(700, season=7) == 30  # four weeks of days
    assert length(700, season=24) == 30
    assert length(700, season=52) == 53
    assert length(300, season=52) == 30  # too few rows for a year of weeks
    assert length(144, season=12) == 13
    assert [length(rows) for rows in (20, 59, 100, 300)] == [2, 7, 10, 30]
    assert length(3) == 1


def test_a_correlation_far_back_asks_for_a_longer_window() -> None:
    far = draw(*[0.0] * 39, 0.6, rows=2_000)
    assert length(2_000, series=far) == 40
    assert length(240, series=far[:240]) == 30  # an eighth of the rows


def test_many_short_series_allow_a_window_that_one_of_them_would_not() -> None:
    rows = [np.zeros((80, 1))] * 100
    assert find_longest_window(rows, [93] * 100, 13) == 33
    assert find_longest_window(rows[:1], [93], 13) == 11
    assert find_longest_window(rows[:2], [93] * 2, 13) == 23
    assert find_longest_window([*rows, np.zeros((20, 1))], [93] * 100 + [33], 13) == 4


def remember(season: int, seed: int) -> np.ndarray:
    """Return rows of which four seasons tell better than one what each part of a season is like, (rows, 1)."""
    dice, rows, past = np.random.default_rng(seed), np.zeros((3_000, 1)), 4 * season
    for row in range(past, len(rows)):
        rows[row] = rows[row - past : row : season].mean() * 0.98 + dice.normal()
    return rows


@pytest.mark.parametrize("seed", range(3))
def test_several_seasons_are_taken_where_a_linear_model_gains_by_them(seed: int) -> None:
    rows = remember(12, seed)
    short = replace(choose_length([rows[:2_000]], 300, None, differenced=False), value=30)
    found = choose_longer(short, [rows[:2_000]], [rows[2_000:]], 300, list_wider(12), horizon=1)
    assert (found.value, found.others) == (49, [13])
    assert found.why.startswith("ridge regression on 4 seasons of rows, and one, has an error of validation ")
    assert found.why.endswith("% lower than on 30")
    noise = np.random.default_rng(seed).normal(size=(3_000, 1))
    for known, later, most, season in [
        (noise[:2_000], noise[2_000:], 300, 12),
        (rows[:2_000], rows[2_000:], 48, 12),
        (rows[:2_000], rows[2_000:], 300, 7),  # 29 rows
        (rows[:2_000], rows[2_000:], 300, None),
    ]:
        assert choose_longer(short, [known], [later], most, list_wider(season), horizon=1) == short
    held_out = choose_longer(short, [rows], [rows[:0]], 300, list_wider(12), horizon=1)  # of the training rows
    assert held_out.value == 49
    assert [one.rows for one in list_wider(24, in_patches=False)] == [97]


@pytest.mark.parametrize("before", [30, 97])
def test_days_are_read_one_in_each_step_where_a_linear_model_does_not_lose_by_it(before: int) -> None:
    rows = remember(24, seed=0)
    proposed = replace(choose_length([rows[:2_000]], 300, None, differenced=False), value=before)
    found = choose_longer(proposed, [rows[:2_000]], [rows[2_000:]], 300, list_wider(24), horizon=1)
    assert (found.value, found.others) == (96, [48])
    told = rf"4 seasons of rows has an error of validation [0-9.]+% (lower|higher) than on {before}"
    assert re.search(f"{told}$", found.why)
    assert choose_longer(proposed, [rows[:2_000]], [rows[2_000:]], 95, list_wider(24), horizon=1) == proposed


def test_days_are_not_read_where_too_few_rows_tell_what_they_are_worth() -> None:
    rows = draw(0.9, rows=400)
    proposed = choose_length([rows[:200]], 300, 24, differenced=False)
    assert choose_longer(proposed, [rows[:200]], [rows[200:]], 300, list_wider(24), horizon=1) == proposed


def test_a_week_is_seen_where_days_of_the_week_differ() -> None:
    dice, hours = np.random.default_rng(0), np.arange(4_000)
    day = np.sin(2 * np.pi * hours / 24)
    rows = (day * (1 + (hours // 24 % 7 < 5)) + 0.1 * dice.normal(size=len(hours)))[:, None]
    short = choose_length([rows], 500, 24, differenced=False)
    for known, later in ((rows[:3_000], rows[3_000:]), (rows, rows[:0])):
        found = choose_longer(short, [known], [later], 500, list_wider(24), horizon=24)
        assert (found.value, found.others) == (192, [96])
        assert found.why.startswith("ridge regression on 8 seasons of rows has an error of validation ")
        assert found.why.endswith("% lower than on 96")
    assert choose_longer(short, [rows], [rows[:0]], 191, list_wider(24), horizon=24).value == 96
    alike = (day + 0.1 * dice.normal(size=len(hours)))[:, None]
    assert choose_longer(short, [alike], [alike[:0]], 500, list_wider(24), horizon=24).value == 96


def test_a_step_is_a_season_of_a_window_of_several_long_ones() -> None:
    [patches] = choose_patches(192, 24)
    assert (patches.key, patches.value) == ("model.patch_size", 24)
    assert patches.why == "a step of the network is a season: 8 in place of 192"
    others = [(97, 24), (72, 24), (56, 7), (192, None)]
    assert [choose_patches(length, season) for length, season in others] == [[], [], [], []]


def test_a_shorter_window_is_worth_a_try() -> None:
    noise = draw(0.0, rows=700)
    assert choose_length([noise], 87, 7, differenced=False).others == [8]
    assert choose_length([noise], 87, None, differenced=False).others == [10]
    assert choose_length([noise[:9]], 1, None, differenced=False).others == []


def test_the_error_of_a_linear_model_is_that_of_the_process() -> None:
    rows = draw(0.6, 0.3, rows=6_000)
    deviation = rows[:4_000].std()
    assert measure_linear([rows[:4_000]], [rows[4_000:]], 5, 9, 1) == pytest.approx(1 / deviation, rel=0.05)
    assert measure_linear([rows[:9]], [rows[9:]], 5, 9, 1) == np.inf
