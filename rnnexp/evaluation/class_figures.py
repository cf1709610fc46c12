"""The pictures of a classifier: what it takes for what, how far its probabilities can be trusted, and examples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data.dataset import Dataset, Predictions
from rnnexp.evaluation.figures import BLUE, GRAY, VERMILION, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnexp.evaluation.report import Report

BINS = 10
MOST_NAMED = 20  # classes whose counts can be read in a confusion matrix


def figures(dataset: Dataset, report: Report) -> Iterator[tuple[str, Figure]]:
    """Yield every picture with its name."""
    yield "confusion", confusion(dataset, report.predictions)
    yield "reliability", reliability(dataset, report.predictions)


def confusion(dataset: Dataset, predictions: Predictions) -> Figure:
    """Draw how often each class was taken for which: counts, and shares of each actual class."""
    from sklearn.metrics import confusion_matrix

    names = dataset.spec.classes
    counts = confusion_matrix(predictions.actual, predictions.predicted.argmax(axis=1), labels=range(len(names)))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = float(np.clip(1.5 + 0.8 * len(names), 4.0, 14.0))
    figure, (ax,) = new_figure(size=(side + 1, side), searched=True)
    image: Any = ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    ax.grid(visible=False)
    figure.colorbar(image, ax=ax, label="share of the actual class")
    for (row, column), count in np.ndenumerate(counts) if len(names) <= MOST_NAMED else ():
        color = "white" if shares[row, column] > 0.5 else "black"
        text = f"{count}\n{shares[row, column]:.0%}"
        ax.text(column, row, text, ha="center", va="center", color=color, fontsize=9)
    ax.set_xticks(range(len(names)), names, rotation=45, ha="right")
    ax.set_yticks(range(len(names)), names)
    ax.set(xlabel="predicted", ylabel="actual", title=f"Confusion, {dataset.scored} set")
    return figure


def reliability(dataset: Dataset, predictions: Predictions) -> Figure:
    """Draw how often the predicted class is right, by the probability it was given.

    Source: Guo et al., On calibration of modern neural networks, 2017, figure 1.
    """
    sure = predictions.predicted.max(axis=1)
    right = predictions.predicted.argmax(axis=1) == predictions.actual
    place = np.minimum((sure * BINS).astype(int), BINS - 1)
    counts = np.bincount(place, minlength=BINS)
    there = counts > 0
    shares = np.bincount(place, right, minlength=BINS)[there] / counts[there]
    means = np.bincount(place, sure, minlength=BINS)[there] / counts[there]
    figure, (left, other) = new_figure(1, 2)
    left.plot([0, 1], [0, 1], color=GRAY, linestyle="--", linewidth=1, label="perfectly calibrated")
    left.plot(means, shares, "o-", color=BLUE, label="this model")
    left.set(xlabel="probability of the predicted class", ylabel="share that is right", xlim=(0, 1.02), ylim=(0, 1.05))
    left.set_title(f"Reliability, {dataset.scored} set")
    left.legend(frameon=False, loc="upper left")
    edges = np.linspace(0, 1, BINS + 1)
    for values, color, label in ((sure[right], BLUE, "right"), (sure[~right], VERMILION, "wrong")):
        other.hist(values, bins=list(edges), color=color, alpha=0.6, label=f"{label}: {len(values)}")
    other.set(xlabel="probability of the predicted class", ylabel=dataset.spec.counted, title="Distribution")
    other.legend(frameon=False, loc="upper left")
    return figure
