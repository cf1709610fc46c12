"""What a parameter is worth: shares that sum to one, seeds left out."""

from __future__ import annotations

import itertools
import math

import pytest
from test_compare import processor_time

from rnnexp.compare.importance import importance

GRID = [
    {"units": units, "rate": rate, "model": model, "seed": seed}
    for units, rate, model, seed in itertools.product((8, 16, 32), (1e-4, 1e-3, 1e-2), ("lstm", "gru"), (0, 1))
]


def test_the_parameter_that_decides_has_the_largest_share() -> None:
    found = importance(GRID, [math.log10(point["rate"]) + 0.01 * point["units"] for point in GRID])  # type: ignore[call-overload]
    assert sum(found.values()) == pytest.approx(1)
    assert list(found) == sorted(found, key=lambda name: -found[name])
    assert found["rate"] > 0.8
    assert found["model"] < 0.05


def test_a_word_counts_as_a_number_does() -> None:
    found = importance(GRID, [float(point["model"] == "gru") + 1e-3 * point["seed"] for point in GRID])  # type: ignore[operator]
    assert found["model"] > 0.8


def test_a_parameter_that_varies_alone_explains_everything() -> None:
    points = [{"rate": rate, "units": 8, "seed": seed} for rate in (1e-3, 1e-2) for seed in (0, 1)]
    assert importance(points, [1.0, 1.1, 2.0, 2.1]) == {"rate": 1.0}
    assert importance([*points, {"rate": 1e-3, "units": 16}], [1.0, 1.1, 2.0, 2.1, 3.0]) != {"rate": 1.0}


def test_seeds_are_no_parameters() -> None:
    found = importance(GRID, [float(point["seed"]) for point in GRID])  # type: ignore[arg-type]
    assert "seed" not in found


def test_a_diverged_run_does_not_drown_the_others() -> None:
    values = [float(point["rate"]) for point in GRID]  # type: ignore[arg-type]
    before = importance(GRID, values)
    after = importance(GRID, [1e12, *values[1:]])
    assert after["rate"] > 0.6
    assert before["rate"] > after["rate"]


def test_values_that_are_not_finite_are_left_out() -> None:
    values = [float(point["rate"]) for point in GRID]  # type: ignore[arg-type]
    assert importance([*GRID, {**GRID[0], "units": 64}], [*values, math.nan]) == importance(GRID, values)


@pytest.mark.parametrize(
    ("points", "values"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([{"a": 1}], [1.0], id="one-point"),
        pytest.param([{"a": 1, "seed": 0}, {"a": 1, "seed": 1}], [1.0, 2.0], id="only-seeds-vary"),
        pytest.param([{"a": 1}, {"a": 2}], [3.0, 3.0], id="the-objective-is-constant"),
        pytest.param([{"a": 1}, {"a": 2}], [3.0, math.inf], id="one-finite-value"),
    ],
)
def test_where_nothing_varies_nothing_is_claimed(points: list[dict[str, object]], values: list[float]) -> None:
    assert importance(points, values) == {}


def test_missing_and_mixed_values_are_choices() -> None:
    points: list[dict[str, object]] = [{"clip": None}, {"clip": 1.0}, {}, {"clip": [1, 2]}] * 5
    assert importance(points, [float(i % 4) for i in range(20)]) == {"clip": pytest.approx(1)}


def test_optuna_keeps_its_own_level_of_logging(capfd: pytest.CaptureFixture[str]) -> None:
    import optuna

    before = optuna.logging.get_verbosity()
    importance(GRID, [float(point["rate"]) for point in GRID])  # type: ignore[arg-type]
    assert optuna.logging.get_verbosity() == before
    assert capfd.readouterr() == ("", "")


def test_a_layer_s_size_is_a_number() -> None:
    points: list[dict[str, object]] = [{"units": [size], "words": f"w{size % 3}"} for size in range(20)]
    sizes: list[dict[str, object]] = [{**point, "units": size} for size, point in enumerate(points)]
    values = [float(size) for size in range(20)]
    assert importance(points, values) == importance(sizes, values)


@pytest.mark.end_to_end
def test_a_thousand_runs_take_little_longer_than_a_hundred() -> None:
    """Four times as long; fifteen times without the bounds on points and depth."""
    points: list[dict[str, object]] = [
        {"rate": i / 1000, "units": [i % 37, 8], "model": "ab"[i % 2], "seed": i} for i in range(1000)
    ]

    def found(count: int) -> dict[str, float]:
        return importance(points[:count], [float(i) for i in range(count)])

    assert all(next(iter(found(count))) == "rate" for count in (100, 1000))
    few, many = processor_time(lambda: found(100)), processor_time(lambda: found(1000))
    assert many < 8 * few, (few, many)
