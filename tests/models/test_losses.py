"""Losses give the numbers of their definitions, under Keras's averaging and with weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from rnnexp import registry

SOURCE = np.random.default_rng(3)
TRUE = SOURCE.uniform(1, 3, (5, 4, 2)).astype("float32")
PREDICTED = SOURCE.uniform(1, 3, (5, 4, 2)).astype("float32")
ERROR = TRUE.astype("float64") - PREDICTED


def huber(error: np.ndarray, delta: float) -> np.ndarray:
    size = np.abs(error)
    return np.where(size <= delta, error**2 / 2, delta * size - delta**2 / 2)


DEFINITIONS: list[tuple[str, dict[str, Any], np.ndarray]] = [
    ("mse", {}, ERROR**2),
    ("mae", {}, np.abs(ERROR)),
    ("huber", {"delta": 0.5}, huber(ERROR, 0.5)),
    ("log_cosh", {}, np.log(np.cosh(ERROR))),
    ("mape", {}, 100 * np.abs(ERROR) / TRUE),
    ("poisson", {}, PREDICTED - TRUE * np.log(PREDICTED)),
    ("quantile", {"quantile": 0.9}, np.where(ERROR > 0, 0.9 * ERROR, -0.1 * ERROR)),
]


def loss(name: str, **values: Any) -> Any:
    return registry.lookup("loss", name)(**values).build()


@pytest.mark.parametrize(("name", "values", "each"), DEFINITIONS, ids=[d[0] for d in DEFINITIONS])
def test_a_loss_is_the_mean_of_its_definition(name: str, values: dict[str, Any], each: np.ndarray) -> None:
    assert float(loss(name, **values)(TRUE, PREDICTED)) == pytest.approx(each.mean(), rel=1e-5)


@pytest.mark.parametrize(("name", "values", "each"), DEFINITIONS, ids=[d[0] for d in DEFINITIONS])
def test_weights_per_step_count_each_step(name: str, values: dict[str, Any], each: np.ndarray) -> None:
    weight = SOURCE.uniform(0, 1, (5, 4)).astype("float32")
    found = float(loss(name, **values)(TRUE, PREDICTED, sample_weight=weight))
    assert found == pytest.approx((each.mean(axis=-1) * weight).mean(), rel=1e-5)
    assert found != pytest.approx(each.mean(), rel=1e-2)


def test_weights_per_example_need_an_axis_for_the_horizon() -> None:
    weight = np.array([[0], [0], [0], [0], [1]], "float32")
    found = float(loss("mse")(TRUE, PREDICTED, sample_weight=weight))
    assert found == pytest.approx((ERROR[4] ** 2).mean() / 5, rel=1e-5)


def test_the_best_constant_under_the_quantile_loss_is_that_quantile() -> None:
    values = np.arange(1, 102, dtype="float32").reshape(-1, 1)
    pinball = loss("quantile", quantile=0.8)
    costs = [float(pinball(values, np.full_like(values, guess))) for guess in range(1, 102)]
    assert 1 + int(np.argmin(costs)) == np.quantile(values, 0.8)


PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]], "float32")
NAMES = ("cross_entropy", "token_cross_entropy")  # the second is an earlier name of the first


@pytest.mark.parametrize("name", NAMES)
def test_cross_entropy_takes_integer_labels_and_logits_of_any_level(name: str) -> None:
    expected = -np.log([0.7, 0.1]).mean()
    for level in (0, 100):
        found = float(loss(name)(np.array([0, 1]), np.log(PROBABILITIES) + np.float32(level)))
        assert found == pytest.approx(expected, rel=1e-5)
    assert float(loss(name)(np.array([0, 1]), PROBABILITIES)) != pytest.approx(expected, rel=1e-2)


@pytest.mark.parametrize("name", NAMES)
def test_cross_entropy_is_a_mean_over_sequences_or_over_the_steps_that_count(name: str) -> None:
    labels, weight, nats = np.array([0, 1]), np.array([3, 0.5], "float32"), -np.log([0.7, 0.1])
    weighed = float(loss(name)(labels, np.log(PROBABILITIES), sample_weight=weight))
    assert weighed == pytest.approx((weight * nats).sum() / 2, rel=1e-5)
    steps = float(loss(name)(labels[None], np.log(PROBABILITIES)[None], sample_weight=weight[None]))
    assert steps == pytest.approx((weight * nats).sum() / weight.sum(), rel=1e-5)
    assert steps != pytest.approx(weighed, rel=1e-2)
    total = loss(name, sum_over_time=True)(labels[None], np.log(PROBABILITIES)[None])
    assert float(total) == pytest.approx(nats.sum(), rel=1e-5)


def test_every_loss_can_be_built_and_is_described() -> None:
    for name in registry.names("loss"):
        cls = registry.lookup("loss", name)
        assert cls.__doc__
        assert all(f.description for key, f in cls.__pydantic_fields__.items() if key != "name")
        assert cls().build().name == name


@pytest.mark.parametrize("wrong", [0.0, 1.0, -0.2, "0.5"])
def test_a_quantile_lies_between_none_and_all(wrong: Any) -> None:
    with pytest.raises(ValidationError, match="quantile"):
        registry.lookup("loss", "quantile")(quantile=wrong)


def test_a_users_own_loss_stays_whenever_ours_of_its_name_is_imported(in_new_process: Any) -> None:
    script = """
from rnnexp import register, registry

@register("loss")
def huber() -> None:
    pass

own = registry.lookup("loss", "huber")
assert registry.lookup("loss", "mse").__module__ == "rnnexp.models.losses"
assert registry.lookup("loss", "huber") is own
assert own.__module__ == "__main__"
assert "delta" not in own.__dataclass_fields__
"""
    process = in_new_process(script)
    assert process.returncode == 0, process.stderr
