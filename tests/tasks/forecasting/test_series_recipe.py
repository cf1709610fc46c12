"""What is proposed for a series, from its rows: measured on series whose correlations are known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from autoregression import draw

import rnnexp as rx
from rnnexp.tasks import load
from rnnexp.tasks.forecasting.series_recipe import (
    choose_calendar,
    choose_linear_path,
    choose_logarithms,
    choose_scaler,
    choose_training,
    find_growth,
    suggest,
)
from rnnexp.tasks.forecasting.window_length import find_longest_lag

PLAIN, OWN, LAST = "standard", ["standard", "instance"], ["standard", "last"]
ROWS = 30  # of a window


def scaler(train: np.ndarray, val: np.ndarray | None = None) -> Any:
    """Return the scaler that is proposed; validation rows are like those of training if there are none."""
    return choose_scaler([train], [train if val is None else val], ROWS).value


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("share", "expected"), [(0.0, PLAIN), (0.5, PLAIN), (0.85, PLAIN), (0.94, OWN), (1.0, OWN)])
def test_levels_that_last_are_taken_from_each_window(share: float, expected: Any, seed: int) -> None:
    assert scaler(draw(share, seed=seed)) == expected


def test_so_is_a_level_that_training_has_not_seen() -> None:
    rows = draw(0.3, rows=600)
    deviation = rows.std()
    assert scaler(rows, rows + 0.8 * deviation) == PLAIN
    assert scaler(rows, rows + 1.2 * deviation) == OWN
    assert scaler(rows, rows - 1.2 * deviation) == OWN


def test_it_is_said_which_of_the_two_it_was() -> None:
    noise = draw(0.0, rows=400)
    why = choose_scaler([noise], [noise + 5], ROWS).why
    assert why.startswith("the mean of the validation rows is 4.9 training deviations away")
    why = choose_scaler([draw(0.97)], [], ROWS).why
    assert why.startswith("the lag-1 autocorrelation of the training rows is 0.97:")


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("share", "expected"), [(0.005, LAST), (0.3, OWN)])
def test_windows_that_hardly_vary_are_not_divided_by_their_deviation(share: float, expected: Any, seed: int) -> None:
    dice = np.random.default_rng(seed)
    jumps = dice.normal(size=(4_000, 1)) * (dice.random((4_000, 1)) < share)
    found = choose_scaler([jumps.cumsum(axis=0)], [], ROWS)
    assert found.value == expected
    assert ("some of them hardly vary" in found.why) == (expected == LAST)


@pytest.mark.parametrize("seed", range(5))
def test_logarithms_are_taken_where_the_spread_grows_with_the_level(seed: int) -> None:
    dice, rows = np.random.default_rng(seed), np.arange(400)
    season = np.sin(2 * np.pi * rows / 12) + dice.normal(size=400) / 4
    growing, even = np.exp(rows / 200 + season / 5)[:, None], (50 + rows / 5 + 5 * season)[:, None]
    own = choose_scaler([growing], [], ROWS)
    found = choose_logarithms(own, [growing], 12)
    assert (found.value, found.others) == (["log", *LAST], [own.value])
    assert found.why.startswith("the deviation of 12 rows grows with their mean, to the power of 1.")
    assert choose_logarithms(choose_scaler([even], [], ROWS), [even], 12).value == choose_scaler([even], [], ROWS).value
    walk = 100 + dice.normal(size=(600, 1)).cumsum(axis=0)
    plain = choose_scaler([draw(0.0, seed=seed)], [], ROWS)
    assert choose_logarithms(plain, [growing], 12) == plain
    assert choose_logarithms(own, [walk], 12) == own


def test_levels_of_different_series_are_no_growth() -> None:
    apart = [(10 + draw(0.0, rows=200, seed=seed)) * 10**seed for seed in range(4)]
    assert find_growth(apart, 10)[0] < 0.5 < find_growth([np.concatenate(apart)], 10)[0]


@pytest.mark.parametrize("rows", [np.ones((30, 1)), np.full((30, 1), -1.0), np.ones((3, 1)), np.ones((0, 1))])
def test_what_does_not_vary_or_is_short_does_not_grow(rows: np.ndarray) -> None:
    assert find_growth([rows], 12) == (0.0, np.inf)


def test_logarithms_are_not_proposed_for_what_has_none() -> None:
    rows = np.exp(np.arange(400) / 100)[:, None] * (2 + draw(0.0, rows=400).clip(-1.5, 1.5))
    found = {one.key: one.value for one in suggest(dataset(rows))}
    assert found["data.scaler"][0] == "log"
    rows[370] = 0
    assert "log" not in {one.key: one.value for one in suggest(dataset(rows))}["data.scaler"]


def test_series_of_different_levels_under_one_scaler_are_scaled_window_by_window() -> None:
    noise = [draw(0.0, rows=100, seed=seed) for seed in range(6)]
    assert choose_scaler(noise, noise, ROWS).value == PLAIN
    assert choose_scaler([rows + 20 * level for level, rows in enumerate(noise)], [], ROWS).value == OWN


def test_series_that_are_scaled_by_themselves_have_no_levels_to_last() -> None:
    levels = [draw(0.0, rows=100, seed=seed) + 20 * seed for seed in range(6)]
    assert choose_scaler(levels, levels, ROWS, per_series=True).value == PLAIN
    assert choose_scaler(levels, [rows + 5 for rows in levels], ROWS, per_series=True).value == OWN


def test_two_rows_that_lie_off_by_chance_are_no_new_level() -> None:
    rows = draw(0.0, rows=40)
    high = np.full((2, 1), rows.mean() + 1.5 * rows.std())
    assert scaler(rows, high) == PLAIN
    assert scaler(rows, np.repeat(high, 5, axis=0)) == OWN


@pytest.mark.parametrize(
    "rows", [np.zeros((1, 1)), np.full((20, 1), 3.0), np.arange(2.0)[:, None], np.full((9, 2), 1e300)]
)
def test_rows_that_tell_nothing_leave_the_usual_scaler(rows: np.ndarray) -> None:
    with np.errstate(all="ignore"):
        assert choose_scaler([rows], [], ROWS).value == PLAIN
        assert find_longest_lag([rows], 5) == 0


def test_the_other_scaler_is_worth_a_try() -> None:
    noise = draw(0.0, rows=700)
    assert choose_scaler([noise], [], ROWS).others == [OWN]
    assert choose_scaler([draw(1.0)], [], ROWS).others == [LAST]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("frequency", "season", "part"),
    [("D", 7, "dayofweek"), ("B", 5, "dayofweek"), ("h", 24, "hour"), ("MS", 12, "month"), ("ME", 12, "month")],
)
def test_the_part_of_the_date_is_given_on_which_the_rows_depend(
    frequency: str, season: int, part: str, seed: int
) -> None:
    dice, rows = np.random.default_rng(seed), np.arange(40 * season)
    wave = 3 * np.sin(2 * np.pi * rows / season) + 0.05 * rows + dice.normal(size=len(rows))
    [found] = choose_calendar([wave[:, None]], frequency)
    assert (found.key, found.value) == ("data.calendar", [part])
    assert found.why == f"changes of rows go together with those {season} rows before"
    assert choose_calendar([dice.normal(size=(len(rows), 1))], frequency) == []
    assert choose_calendar([wave[:, None]], None) == []
    other = "W-SUN" if frequency != "h" else "2h"
    assert choose_calendar([wave[:, None]], other) == []


def test_few_examples_are_learned_by_several_networks() -> None:
    few, many = (choose_training(examples, is_validated=True) for examples in (90, 5_000))
    assert (few[0].key, few[0].value) == ("ensemble", 5)
    assert few[0].why == "90 training examples: the mean of 5 networks errs less and takes seconds"
    assert (few[1].key, few[1].value) == ("optimizer.learning_rate", 0.003)
    assert [one.key for one in many] == ["trainer.batch_size", "trainer.epochs", "callbacks.early_stopping.patience"]


def test_the_last_epoch_is_made_a_good_one_where_no_validation_part_chooses_one() -> None:
    found = {one.key: one.value for one in choose_training(5_000, is_validated=False)}
    assert found["schedule"] == "cosine"


def dataset(values: np.ndarray, *lines: str) -> Any:
    np.savetxt("rows.csv", values, header="y", comments="", fmt="%.6f")
    return load(rx.compose("data=csv", "data.path=rows.csv", "data.target=y", *lines).data)


def test_a_table_of_twenty_rows_gets_a_recipe() -> None:
    found = {one.key: one.value for one in suggest(dataset(draw(0.2, rows=20), "data.sequence_length=2"))}
    assert (found["data.sequence_length"], found["trainer.batch_size"]) == (2, 8)
    assert "callbacks.early_stopping.patience" in found


def test_neither_the_test_part_nor_a_part_that_is_absent_decides() -> None:
    rows = draw(0.3, rows=400)
    later = rows.copy()
    later[340:] += 50
    assert suggest(dataset(later)) == suggest(dataset(rows))
    whole = [one.key for one in suggest(dataset(rows, "data.split={train: 0.8, val: 0, test: 0.2}"))]
    assert "callbacks.early_stopping.patience" not in whole


def test_the_network_learns_what_a_regression_leaves_unless_that_is_too_large() -> None:
    plan = replace(dataset(draw(0.3, rows=400)).pipeline.plan, columns=3, horizon=5, known=1)
    assert choose_linear_path(plan, 998, []).value == "ridge"
    wide = choose_linear_path(plan, 999, [])
    assert (wide.value, wide.why[:47]) == (False, "the network alone: a linear model of 3,002 inpu")
    assert choose_linear_path(plan, 600, ["month"]).why.startswith("the network alone: a linear model of 3,015 inputs")


def test_a_whole_sequence_is_not_scaled_by_windows() -> None:
    walk = draw(1.0, rows=400)
    assert "data.scaler" in [one.key for one in suggest(dataset(walk))]
    whole = [one.key for one in suggest(dataset(walk, "data.layout=sequence"))]
    assert not {"data.scaler", "model.skip_connection"} & set(whole)
