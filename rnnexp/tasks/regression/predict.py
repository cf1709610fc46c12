"""Numbers that are predicted for sequences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data.quantiles import list_quantiles, name_others, take_median
from rnnexp.tasks.requests import PredictRequest, PredictResponse, TrainedModel
from rnnexp.tasks.sequence_requests import read_sequences, serve_sequences

if TYPE_CHECKING:
    from pandas import DataFrame

    from rnnexp.models.bundle import Bundle


def predict(trained: TrainedModel, request: PredictRequest) -> PredictResponse:
    """Predict the numbers of each sequence; whatever is wrong with one is said before Keras is imported."""
    found = read_sequences(trained, request)
    bundle = trained.load()
    outputs = np.asarray(_predict(bundle, found.sequences), np.float64)
    frame = _table(bundle, outputs.reshape(len(found.sequences), -1), found.sequences)
    return PredictResponse(found.insert_columns(frame), found.notes)


def answer(bundle: Bundle, rows: Any, params: Mapping[str, Any]) -> np.ndarray | DataFrame:
    """Return numbers (n, outputs) for sequences; of a model of quantiles or of windows, or of a long table, a
    table, whose columns say which is which.
    """
    asked = serve_sequences(rows, bundle.preprocessor)
    found = _predict(bundle, asked.sequences)
    if not asked.columns and not bundle.spec.quantiles and not bundle.preprocessor.window:
        return found
    return asked.insert_columns(_table(bundle, found, asked.sequences))


def _predict(bundle: Bundle, sequences: list[np.ndarray]) -> np.ndarray:
    pipeline, baseline = bundle.preprocessor, bundle.baseline
    prepared, windows = pipeline.inputs(sequences), pipeline.cut(sequences)
    if baseline is not None:
        return np.asarray(windows.vote_all(np.asarray(baseline.predict(windows.split_all(sequences)))))
    return np.asarray(windows.vote_all(np.asarray(bundle.predict(prepared))))


def _table(bundle: Bundle, outputs: np.ndarray, sequences: list[np.ndarray]) -> DataFrame:
    """Lay out outputs (n, outputs): each target, and its other quantiles after it, which a baseline does not give."""
    import pandas

    levels = bundle.spec.quantiles if bundle.baseline is None else ()
    each = list_quantiles(outputs, levels)
    windows = bundle.preprocessor.cut(sequences)
    columns: dict[str, np.ndarray] = {} if windows.size is None else {"windows": windows.count_all()}
    for i, median in enumerate(take_median(outputs, levels).T):
        columns[f"target_{i}"] = median
        columns |= {f"target_{i}_{name}": each[at][:, i] for name, at in name_others(levels).items()}
    return pandas.DataFrame(columns)
