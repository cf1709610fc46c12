"""A small forecasting problem and network for the tests of training; runs on any backend."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rnnexp.config.settings import Trainer
from rnnexp.data.dataset import Dataset, Part, Predictions, Summary
from rnnexp.data.spec import InputSpec, TaskSpec
from rnnexp.training.plan import TrainingPlan


@dataclass(frozen=True)
class Windows(Dataset):
    """Windows of a sine: `series` is held once, an index is where a window starts."""

    def restore(self, part: str, outputs: np.ndarray) -> Predictions:
        return Predictions(outputs, outputs)

    def example(self) -> None:
        return None


def windows(examples: int = 50, window: int = 4, val: int = 0, weight: bool = False) -> Windows:
    rows = examples + val + window
    series = np.sin(np.arange(rows) / 3).astype("float32")[:, None]

    def batch(arrays: Any, indices: Any) -> tuple[Any, Any, Any]:
        at = indices[:, None]
        weights = (indices % 3).astype("float32") if weight else None
        return arrays["series"][at + np.arange(window)], arrays["series"][at + window], weights

    parts = {"train": np.arange(examples)} | ({"val": np.arange(examples, examples + val)} if val else {})
    return Windows(
        spec=TaskSpec("forecasting", {"past": InputSpec((window, 1))}, (1, 1)),
        parts={name: Part({"series": series}, indices) for name, indices in parts.items()},
        batch=batch,
        summary=Summary("toy", rows, 1, {name: len(indices) for name, indices in parts.items()}, "toy"),
    )


def worsening(val: int = 8) -> Windows:
    """A dataset whose validation targets are the negated truth, so that learning makes validation worse."""
    dataset = windows(24, val=val)
    signs = {"train": np.float32(1), "val": np.float32(-1)}
    parts = {
        name: replace(part, arrays={"series": np.abs(part.arrays["series"]), "sign": signs[name]})
        for name, part in dataset.parts.items()
    }

    def batch(arrays: Any, indices: Any) -> tuple[Any, Any, Any]:
        x, y, weight = dataset.batch(arrays, indices)
        return x, y * arrays["sign"], weight

    return replace(dataset, batch=batch, parts=parts)


def network(window: int = 4, units: int = 3, dropout: float = 0.0, cell: str = "SimpleRNN") -> Any:
    """Build an uncompiled network; its weights follow from nothing but its shape."""
    import keras

    past = keras.Input((window, 1), name="past")
    hidden = getattr(keras.layers, cell)(units, name="rnn", dropout=dropout)(past)
    output = keras.layers.Dense(1, name="head")(hidden)
    model = keras.Model(past, keras.layers.Reshape((1, 1), name="output")(output))
    generator = np.random.default_rng(0)
    model.set_weights([generator.normal(0, 0.3, weight.shape) for weight in model.get_weights()])
    return model


def plan(
    optimizer: Any = None,
    metrics: tuple[str, ...] = (),
    seed: int = 0,
    plan: dict | None = None,
    **trainer: Any,
) -> TrainingPlan:
    """Plan a training with `trainer` settings; `plan` overrides any other field."""
    import keras

    fields = {
        "loss": keras.losses.MeanSquaredError(),
        "metrics": list(metrics),
        "optimizer": optimizer or keras.optimizers.Adam(0.01),
        "trainer": Trainer(**{"epochs": 3, "batch_size": 8, **trainer}),
        "seed": seed,
    }
    return TrainingPlan(**{**fields, **(plan or {})})
