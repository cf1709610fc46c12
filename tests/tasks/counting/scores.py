"""What is said of a network that counts: its scores beside the mean count, a picture, and its predictions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from counting.lines import LineDataset, counts, read_lines
from rnnexp.data.dataset import Predictions
from rnnexp.evaluation.outputs import outputs, require_finite
from rnnexp.evaluation.report import Report, Scoring
from rnnexp.tasks.requests import PredictRequest, PredictResponse, RequestSchema, TrainedModel

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame


def report(model: Any, dataset: LineDataset, scoring: Scoring) -> Report:
    import pandas

    found = outputs(model, dataset, [dataset.scored], scoring.batch_size)[dataset.scored]
    predictions = dataset.restore(dataset.scored, found)
    require_finite(predictions)
    metrics = _scores(dataset.scored, predictions.actual, predictions.predicted)
    made = {}
    if (own := dataset.trained_on) is not None:
        train = own.parts["train"]
        mean = np.round(train.arrays["y"][train.indices].mean())
        made["mean"] = Predictions(np.full_like(predictions.predicted, mean), predictions.actual)
        metrics |= _scores("baseline/mean", predictions.actual, made["mean"].predicted)
        best = metrics["baseline/mean/exact_share"]
        metrics["skill/exact_share"] = (metrics[f"{dataset.scored}/exact_share"] - best) / max(1 - best, 1e-9)
    lines = [dataset.lines[index] for index in dataset.parts[dataset.scored].indices]
    columns = {"marks": lines, "actual": predictions.actual, "predicted": predictions.predicted}
    beats = metrics["skill/exact_share"] > 0 if made else None
    table = {"predictions": pandas.DataFrame(columns)}
    best_baseline = "mean" if made else None
    return Report(metrics, predictions, table, [], made, best_baseline=best_baseline, beats_baseline=beats)


def _scores(prefix: str, actual: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    error = float(np.abs(actual - predicted).mean())
    return {f"{prefix}/exact_share": float(np.mean(actual == predicted)), f"{prefix}/count_error": error}


def figures(dataset: LineDataset, report: Report) -> Iterator[tuple[str, Figure]]:
    from rnnexp.evaluation.figures import new_figure

    figure, (ax,) = new_figure()
    ax.plot(report.predictions.actual, report.predictions.predicted, "o")
    ax.set(xlabel="marks", ylabel="counted")
    yield "counts", figure


def predict(trained: TrainedModel, request: PredictRequest) -> PredictResponse:
    lines = read_lines(str(request.path))
    x = trained.preprocessor.inputs(lines)
    return PredictResponse(_frame(lines, trained.load().predict(x)))


def answer(bundle: Any, rows: Any, params: Mapping[str, Any]) -> DataFrame:
    lines = list(rows["marks"])
    return _frame(lines, bundle.predict(bundle.preprocessor.inputs(lines)))


def request_schema(saved: Mapping[str, Any], folder: Path) -> RequestSchema:
    return RequestSchema(("marks",))


def _frame(lines: list[str], found: np.ndarray) -> DataFrame:
    import pandas

    return pandas.DataFrame({"marks": lines, "count": counts(found)})
