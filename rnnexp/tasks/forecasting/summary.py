"""What is said of forecasts beside the score that heads them: errors in scaled units, and what intervals are worth."""

from __future__ import annotations

from collections.abc import Iterator

from rnnexp.data.dataset import USUAL
from rnnexp.evaluation import breakdown, quantile_scores
from rnnexp.evaluation.report import Scores


def summary(scores: Scores) -> Iterator[str]:
    """Yield further lines of the summary."""
    yield from breakdown.say_scores(scores.report.tables.get(breakdown.SCORES))
    yield from breakdown.say_largest_errors(scores.report.tables)
    yield from _scaled(scores)
    yield from _intervals(scores)
    yield from quantile_scores.say_quantiles(scores)


def explain_score(scores: Scores) -> str:
    """Say what a score is of where that is more than one series, and whether each has units of its own."""
    table = scores.report.tables.get(breakdown.SCORES)
    series = 1 if table is None else table["series"].nunique()
    if series < 2:
        return ""
    return f", {series} series together{', each in its own unit' if find_unit(scores) is None else ''}"


def find_unit(scores: Scores) -> str | None:
    """Return the unit of an error over all that is forecast; None where columns have each their own."""
    one_table = scores.source is not None and getattr(scores.source, "columns_as_series", False)
    several = scores.report.predictions.actual.shape[2] > 1 or (one_table and breakdown.SCORES in scores.report.tables)
    return None if several else scores.unit


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
    made = scores.report.intervals
    held, width = (scores.metrics.get(f"{scores.part}/{name}_{USUAL}") for name in ("coverage", "interval_width"))
    if made is None or held is None or width is None:
        return
    part = "" if scores.part == "all" else f" {scores.part}"
    unit = find_unit(scores)
    wide = "" if unit is None else f", {width:.4g}{f' {unit}' if unit else ''} wide on average"
    yield f"  {USUAL} % intervals, from {made.examples} validation forecasts: hold {held:.1%} of the{part} values{wide}"
