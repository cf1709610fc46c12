"""The encoder of a network: its recurrent layers, as they learn without labels, and what they give to the output."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.models.inference import predict
from rnnexp.models.layers import OUTPUT

if TYPE_CHECKING:
    import keras

    from rnnexp.data.dataset import Dataset

BATCH = 256

# What belongs to an output for the whole sequence, and is left out where each step has one.
_PLAIN: dict[str, Any] = {
    "pooling": "last",
    "dense": [],
    "output_activation": None,
    "tie_weights": False,
    "skip_connection": False,
    "start": None,
    "freeze_epochs": 0,
}


def make_plain_encoder(architecture: Any) -> Any:
    """Return the settings of the same recurrent layers with an output per step; None if there are no such layers."""
    if not getattr(type(architecture), "per_step", False) or not _PLAIN.keys() <= vars(architecture).keys():
        return None
    return replace(architecture, **_PLAIN)


def compute_features(model: keras.Model, dataset: Dataset, part: str) -> np.ndarray:
    """Return what a network gives to its output layer for all examples of a part, (n, features)."""
    import keras

    encoder = keras.Model(model.inputs, model.get_layer(OUTPUT).input)
    if isinstance(model.input, dict):
        encoder = keras.Model(model.input, model.get_layer(OUTPUT).input)
    own = dataset.parts[part]
    batches = [own.indices[i : i + BATCH] for i in range(0, len(own), BATCH)]
    return np.concatenate([predict(encoder, dataset.batch(own.arrays, batch)[0]) for batch in batches])
