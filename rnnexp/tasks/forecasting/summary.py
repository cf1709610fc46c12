"""What is said of forecasts beside the score that heads them: errors in scaled units, and what intervals are worth."""

from __future__ import annotations

from collections.abc import Iterator

from rnnexp.data.dataset import USUAL
from rnnexp.evaluation.report import Scores


def summary(scores: Scores) -> Iterator[str]:
    """Yield further lines of the summary."""
    yield from _scaled(scores)
    yield from _intervals(scores)


def _scaled(scores: Scores) -> Iterator[str]:
    """Yield the errors in scaled units, in which papers report several columns at once."""
    columns = scores.report.predictions.actual.shape[2:]
    one_table = scores.source is not None and scores.source.columns_as_series  # for which papers give one score
    if columns in ((), (1,)) and not one_table:
        return
    for name, prefix in ((scores.name, scores.part), ("linear", "baseline/linear")):
        if f"{prefix}/mse_scaled" in scores.metrics:
            mse, mae = scores.metrics[f"{prefix}/mse_scaled"], scores.metrics[f"{prefix}/mae_scaled"]
            yield f"  scaled MSE / MAE of {name}: {mse:.4f} / {mae:.4f}"


def _intervals(scores: Scores) -> Iterator[str]:
    """Yield what the prediction intervals are worth."""
    made, width = scores.report.intervals, scores.metrics.get(f"{scores.part}/interval_width_{USUAL}")
    held = made.held(USUAL) if made else None
    if made is None or held is None or width is None:
        return
    unit = f" {scores.unit}" if scores.unit else ""
    part = "" if scores.part == "all" else f" {scores.part}"
    yield (
        f"  {USUAL} % intervals, from {made.examples} validation forecasts: "
        f"hold {held:.1%} of the{part} values, {width:.4g}{unit} wide on average"
    )
