"""The pictures of numbers that are predicted for independent sequences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rnnexp.data.dataset import Dataset, Predictions
from rnnexp.data.quantiles import name_level
from rnnexp.evaluation.figures import BLUE, GRAY, ORANGE, new_figure, residuals
from rnnexp.evaluation.input_weights import draw_weights

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnexp.evaluation.report import Report


def figures(dataset: Dataset, report: Report) -> Iterator[tuple[str, Figure]]:
    """Yield every picture with its name."""
    yield "prediction", scatter(dataset, report.predictions)
    yield "residuals", residuals(dataset, report.predictions)
    yield from draw_weights(report.tables)


def scatter(dataset: Dataset, predictions: Predictions) -> Figure:
    """Draw predicted against actual values of independent examples; on the line they agree."""
    figure, (ax,) = new_figure(size=(5.5, 5.5), searched=True)
    actual, predicted = predictions.actual.reshape(-1), predictions.predicted.reshape(-1)
    ends = [min(actual.min(), predicted.min()), max(actual.max(), predicted.max())]
    ax.plot(ends, ends, color=GRAY, linewidth=1, label="perfect")
    ax.plot(actual[:5000], predicted[:5000], ".", color=BLUE, alpha=0.5, label="examples")
    if predictions.quantiles is not None:
        low, high = (predictions.quantiles[..., end].reshape(-1)[:5000] for end in (0, -1))
        ends_of = " to ".join(name_level(dataset.spec.quantiles[end]) for end in (0, -1))
        ax.vlines(actual[:5000], low, high, color=ORANGE, alpha=0.35, linewidth=1, label=ends_of)
    unit = f" ({dataset.summary.unit})" if dataset.summary.unit else ""
    ax.set(
        xlabel=f"actual{unit}",
        ylabel=f"predicted{unit}",
        title=f"{dataset.summary.source}: {dataset.scored} set",
    )
    ax.legend(frameon=False)
    return figure
