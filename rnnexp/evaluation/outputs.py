"""The outputs of a network for whole parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from rnnexp.data.dataset import Dataset, Predictions
from rnnexp.errors import DivergedError

BatchSize = int | Literal["full"]
FULL = 1024  # the outputs of an example do not depend on what is computed beside it, but memory does


def outputs(model: Any, dataset: Dataset, parts: Sequence[str], batch_size: BatchSize) -> dict[str, np.ndarray]:
    """Return raw outputs (n, *output) for all examples of each part, in order.

    With `strategy: recursive` the network is rolled over the horizon. The last batch runs at its true size. Parts that
    are cut from the same arrays are computed as one: a network is compiled anew for every size of a batch.
    """
    first, *others = parts
    together = [first, *(part for part in others if _share(dataset, first, part))]
    indices = [dataset.parts[part].indices for part in together]
    found = _outputs(model, dataset, first, np.concatenate(indices), batch_size)
    cuts = np.cumsum([len(own) for own in indices])[:-1]
    done = dict(zip(together, np.split(found, cuts)))
    left = [part for part in others if part not in together]
    return done | outputs(model, dataset, left, batch_size) if left else done


def _share(dataset: Dataset, one: str, other: str) -> bool:
    """Say whether the indices of two parts are of the same arrays."""
    first, second = dataset.parts[one].arrays, dataset.parts[other].arrays
    return first.keys() == second.keys() and all(first[key] is second[key] for key in first)


def _outputs(model: Any, dataset: Dataset, part: str, indices: np.ndarray, batch_size: BatchSize) -> np.ndarray:
    def predict(x: Any) -> np.ndarray:
        return np.asarray(model.predict_on_batch(x), dtype=np.float32)

    size = FULL if batch_size == "full" else batch_size
    batches = [indices[i : i + size] for i in range(0, len(indices), size)]
    return np.concatenate([dataset.roll(predict, dataset.parts[part].arrays, batch) for batch in batches])


def require_finite(predictions: Predictions) -> None:
    """Raise DivergedError for predictions that are not finite."""
    if not np.isfinite(predictions.predicted).all():
        raise DivergedError("the model's predictions are not finite; lower optimizer.learning_rate or clip gradients")
