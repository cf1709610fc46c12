"""The outputs of a network for a whole part."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from rnnexp.data.dataset import Dataset
from rnnexp.data.forecasting import SeriesDataset

BatchSize = int | Literal["full"]
FULL = 1024  # the outputs of an example do not depend on what is computed beside it, but memory does


def outputs(model: Any, dataset: Dataset, part: str, batch_size: BatchSize) -> np.ndarray:
    """Return raw outputs (n, *output) for all examples of a part, in order.

    With `strategy: recursive` the network is rolled over the horizon. The last batch runs at its true size.
    """
    chosen, size = dataset.parts[part], FULL if batch_size == "full" else batch_size
    batches = [chosen.indices[i : i + size] for i in range(0, len(chosen), size)]
    return np.concatenate([_batch(model, dataset, part, indices) for indices in batches])


def _batch(model: Any, dataset: Dataset, part: str, indices: np.ndarray) -> np.ndarray:
    arrays = dataset.parts[part].arrays
    if isinstance(dataset, SeriesDataset) and dataset.steps > 1:
        return dataset.roll(lambda x: _numpy(model.predict_on_batch(x)), arrays, indices)
    return _numpy(model.predict_on_batch(dataset.batch(arrays, indices)[0]))


def _numpy(values: Any) -> np.ndarray:
    return np.asarray(values, dtype=np.float32)
