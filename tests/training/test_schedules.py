"""Factors on the learning rate, epoch by epoch."""

from __future__ import annotations

from typing import Any

import pytest

from rnnexp.registry import lookup, names


def factors(name: str, epochs: int = 5, **settings: Any) -> list[float]:
    schedule = lookup("schedule", name)(**settings)
    return [schedule.factor(epoch, epochs) for epoch in range(1, epochs + 1)]


def test_the_schedules_are_those_of_the_package() -> None:
    assert names("schedule") == ["constant", "cosine", "exponential", "step", "warm_up"]


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [
        ("constant", {}, [1, 1, 1, 1, 1]),
        ("exponential", {"rate": 0.25, "every": 2}, [1, 0.5, 0.25, 0.125, 0.0625]),
        ("step", {"gamma": 0.1, "every": 2}, [1, 1, 0.1, 0.1, 0.01]),
        ("step", {"gamma": 0.5, "at": [1, 4]}, [1, 0.5, 0.5, 0.5, 0.25]),
        ("cosine", {"final": 0.2}, [1, 0.92361, 0.72361, 0.47639, 0.27639]),
        ("warm_up", {"warmup_epochs": 3}, [0.25, 0.5, 0.75, 1, 1]),
        ("cosine", {"warmup_epochs": 2}, [1 / 3, 2 / 3, 1, 0.75, 0.25]),
    ],
)
def test_factors_are_those_of_the_formula(name: str, settings: dict[str, Any], expected: list[float]) -> None:
    assert factors(name, **settings) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("name", ["constant", "cosine", "exponential", "step", "warm_up"])
def test_a_single_epoch_has_a_factor(name: str) -> None:
    assert 0 < factors(name, epochs=1)[0] <= 1
