"""Class weights as weights of examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from rnnexp.data.dataset import Dataset
from rnnexp.data.spec import TaskSpec
from rnnexp.errors import ConfigError, did_you_mean
from rnnexp.training.batcher import Weigh

ClassWeights = Literal["balanced"] | Mapping[str, float] | None
KEY = "trainer.class_weights"


def check_weights(wanted: ClassWeights, spec: TaskSpec) -> None:
    """Refuse weights of classes where there are none."""
    if wanted is not None:
        spec.require_classes(KEY)


def make_weigher(wanted: ClassWeights, dataset: Dataset) -> Weigh | None:
    """Return the function that weighs a batch by class, or None without class weights.

    `balanced`: examples / (classes * examples of the class), over the training part; where each step has a class,
    steps count as examples, those after the end of a sequence do not. A mapping: label -> weight, labels left out
    weigh 1. Only the training loss is weighed, as in Keras, never the validation or a metric; where the data weigh
    steps, training metrics are weighed by both, Keras having one weight for them.
    """
    if wanted is None:
        return None
    check_weights(wanted, dataset.spec)
    names = dataset.spec.classes
    table = _balanced(dataset) if wanted == "balanced" else _by_name(wanted, names)

    def weigh(y: Any, weight: Any) -> Any:
        xp = y.__array_namespace__()
        of_class = xp.take(xp.asarray(table), dataset.spec.labels(y))
        return of_class if weight is None else weight * of_class

    return weigh


def _by_name(wanted: Mapping[str, float], names: tuple[str, ...]) -> np.ndarray:
    problems = [
        f"{KEY}.{name}: there is no such class; the data have {', '.join(names)}{did_you_mean(name, names)}"
        for name in wanted
        if name not in names
    ]
    problems += [
        f"{KEY}.{name}: {value} given; must be a number >= 0" for name, value in wanted.items() if not value >= 0
    ]
    if problems:
        raise ConfigError(*problems)
    return np.array([wanted.get(name, 1.0) for name in names], np.float32)


def _balanced(dataset: Dataset) -> np.ndarray:
    counts, classes = dataset.count_labels("train", weighed=True), len(dataset.spec.classes)
    missing = [name for name, count in zip(dataset.spec.classes, counts) if count == 0]
    if missing:
        raise ConfigError(
            f"{KEY}: balanced needs every class in the training set; "
            f"there is no example of {', '.join(missing)}; give a mapping of label to weight instead"
        )
    return (counts.sum() / (classes * counts)).astype(np.float32)
