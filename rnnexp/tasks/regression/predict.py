"""Numbers that are predicted for sequences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.tasks.requests import PredictRequest, PredictResponse, TrainedModel
from rnnexp.tasks.sequence_requests import read_sequences, served_sequences

if TYPE_CHECKING:
    from rnnexp.models.bundle import Bundle


def predict(trained: TrainedModel, request: PredictRequest) -> PredictResponse:
    """Predict the numbers of each sequence; whatever is wrong with one is said before Keras is imported."""
    import pandas

    found = read_sequences(trained, request)
    outputs = np.asarray(_predict(trained.load(), found.sequences), np.float64).reshape(len(found.places), -1)
    frame = pandas.DataFrame(outputs, columns=[f"target_{i}" for i in range(outputs.shape[1])])
    frame.insert(0, "example", found.places)
    return PredictResponse(frame)


def answer(bundle: Bundle, rows: Any, params: Mapping[str, Any]) -> np.ndarray:
    """Return numbers (n, outputs) for sequences."""
    return _predict(bundle, served_sequences(rows))


def _predict(bundle: Bundle, sequences: list[np.ndarray]) -> np.ndarray:
    prepared = bundle.preprocessor.inputs(sequences)
    return np.asarray(bundle.predict(prepared) if bundle.baseline is None else bundle.baseline.predict(sequences))
