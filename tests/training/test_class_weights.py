"""Classes weighed in the loss."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import toy

from rnnexp.data.dataset import Part
from rnnexp.data.spec import InputSpec, TaskSpec
from rnnexp.errors import ConfigError
from rnnexp.registry import lookup
from rnnexp.training.class_weights import make_weigher
from rnnexp.training.fit import fit


def classes(labels: list[int], names: tuple[str, ...] = ("calm", "storm")) -> toy.Windows:
    """Sequences whose label is given and has nothing to do with them."""
    arrays = {
        "y": np.array(labels, dtype=np.int32),
        "x": np.linspace(0, 1, 4 * len(labels)).astype("float32").reshape(-1, 4, 1),
    }

    def batch(arrays: Any, indices: Any) -> tuple[Any, Any, Any]:
        return arrays["x"][indices], arrays["y"][indices], None

    return dataclasses.replace(
        toy.windows(),
        spec=TaskSpec("classification", {"past": InputSpec((4, 1))}, (len(names),), "logits", classes=names),
        parts={"train": Part(arrays, np.arange(len(labels)))},
        batch=batch,
    )


def weights(wanted: Any, dataset: toy.Windows, y: np.ndarray, weight: Any = None) -> list[float]:
    weigh = make_weigher(wanted, dataset)
    assert weigh is not None
    return weigh(y, weight).tolist()


def test_balanced_weights_make_every_class_count_alike() -> None:
    assert weights("balanced", classes([0, 0, 0, 1]), np.array([0, 1])) == pytest.approx([4 / 6, 2.0])


def test_weights_by_label_leave_the_others_at_one() -> None:
    assert weights({"storm": 5.0}, classes([0, 1]), np.array([0, 1])) == [1.0, 5.0]


def test_class_weights_multiply_the_weights_of_the_data() -> None:
    assert weights({"storm": 5.0}, classes([0, 1]), np.array([1, 1]), np.array([1.0, 0.0])) == [5.0, 0.0]


def test_one_hot_and_column_targets_are_understood() -> None:
    dataset = classes([0, 1])
    assert weights({"storm": 5.0}, dataset, np.eye(2)) == [1.0, 5.0]
    assert weights({"storm": 5.0}, dataset, np.array([[1], [0]])) == [5.0, 1.0]


def test_an_unknown_label_is_refused_with_the_labels_of_the_data() -> None:
    with pytest.raises(ConfigError, match=r"class_weights.strom: .* calm, storm; did you mean `storm`"):
        make_weigher({"strom": 2.0}, classes([0, 1]))


def test_balanced_needs_every_class() -> None:
    with pytest.raises(ConfigError, match=r"there is no example of storm"):
        make_weigher("balanced", classes([0, 0]))


def test_class_weights_without_classes_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"the task is forecasting"):
        make_weigher("balanced", toy.windows())


def test_training_minimizes_the_weighed_loss_and_measures_without() -> None:
    import keras

    def first_epoch(wanted: Any) -> tuple[float, float]:
        model = keras.Sequential(
            [keras.Input((4, 1)), keras.layers.Flatten(), keras.layers.Dense(2, kernel_initializer="zeros")]
        )
        loss = lookup("loss", "cross_entropy")().build()
        plan = toy.plan(metrics=("accuracy",), class_weights=wanted, batch_size="full", plan={"loss": loss})
        epoch = fit(model, classes([0, 0, 0, 1]), plan).epochs[0]
        return epoch["train/loss"], epoch["train/accuracy"]

    assert first_epoch(None) == pytest.approx((np.log(2), 0.75), rel=1e-5)
    assert first_epoch({"storm": 5.0}) == pytest.approx((2 * np.log(2), 0.75), rel=1e-5)  # weighed it would be 3 of 8
