"""The outputs of a network for a whole part."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnexp.data.dataset import Dataset
from rnnexp.data.forecasting import SeriesDataset


def outputs(model: Any, dataset: Dataset, part: str, batch_size: int) -> np.ndarray:
    """Return raw outputs (n, *output) for all examples of a part, in order.

    With `strategy: recursive` the network is rolled over the horizon. The last batch runs at its true size.
    """
    chosen = dataset.parts[part]
    batches = [chosen.indices[i : i + batch_size] for i in range(0, len(chosen), batch_size)]
    return np.concatenate([_batch(model, dataset, part, indices) for indices in batches])


def _batch(model: Any, dataset: Dataset, part: str, indices: np.ndarray) -> np.ndarray:
    arrays = dataset.parts[part].arrays
    if isinstance(dataset, SeriesDataset) and dataset.steps > 1:
        return dataset.roll(lambda x: _numpy(model.predict_on_batch(x)), arrays, indices)
    return _numpy(model.predict_on_batch(dataset.batch(arrays, indices)[0]))


def _numpy(values: Any) -> np.ndarray:
    return np.asarray(values, dtype=np.float32)
