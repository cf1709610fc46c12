"""The pictures of a classifier: what it takes for what, how far its probabilities can be trusted, and examples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data.dataset import Dataset, Predictions
from rnnexp.data.sequences import SequenceDataset
from rnnexp.evaluation.canvas import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, VERMILION, GREY = "#0072B2", "#D55E00", "#999999"  # Okabe and Ito, "Color Universal Design", 2008
BINS = 10
MOST_CLASSES = 12  # of more, a picture of sequences would be taller than any screen
MOST_SEQUENCES = 40  # per class: more lines hide each other
MOST_NAMED = 20  # classes whose counts can be read in a confusion matrix


def figures(dataset: Dataset, predictions: Predictions) -> Iterator[tuple[str, Figure]]:
    """Yield every picture with its name."""
    yield "confusion", confusion(dataset, predictions)
    yield "reliability", reliability(dataset, predictions)
    if isinstance(dataset, SequenceDataset) and np.issubdtype(dataset.sequences.values.dtype, np.floating):
        yield "sequences", sequences(dataset, predictions)


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
        colour = "white" if shares[row, column] > 0.5 else "black"
        text = f"{count}\n{shares[row, column]:.0%}"
        ax.text(column, row, text, ha="center", va="center", color=colour, fontsize=9)
    ax.set_xticks(range(len(names)), names, rotation=45, ha="right")
    ax.set_yticks(range(len(names)), names)
    ax.set(xlabel="predicted", ylabel="actual", title=f"Confusion, {dataset.scored} part")
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
    left.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1, label="as sure as right")
    left.plot(means, shares, "o-", color=BLUE, label="this model")
    left.set(xlabel="probability of the predicted class", ylabel="share that is right", xlim=(0, 1.02), ylim=(0, 1.05))
    left.set_title(f"Reliability, {dataset.scored} part")
    left.legend(frameon=False, loc="upper left")
    edges = np.linspace(0, 1, BINS + 1)
    for values, colour, label in ((sure[right], BLUE, "right"), (sure[~right], VERMILION, "wrong")):
        other.hist(values, bins=list(edges), color=colour, alpha=0.6, label=f"{label}: {len(values)}")
    counted = "tokens" if dataset.spec.per_step else "examples"
    other.set(xlabel="probability of the predicted class", ylabel=counted, title="Distribution")
    other.legend(frameon=False, loc="upper left")
    return figure


def sequences(dataset: SequenceDataset, predictions: Predictions) -> Figure:
    """Draw sequences of each class, the channel that varies most between classes; what was mistaken stands out."""
    names = dataset.spec.classes[:MOST_CLASSES]
    channel = _telling(dataset)
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    figure, axes = new_figure(rows, columns, (4.2 * columns, 0.8 + 2.4 * rows), searched=True)
    indices, chosen = dataset.parts[dataset.scored].indices, predictions.predicted.argmax(axis=1)
    for number, (ax, name) in enumerate(zip(axes, names)):
        own = np.flatnonzero(predictions.actual == number)
        _panel(ax, dataset, (indices[own], chosen[own] == number), channel)
        ax.set_title(f"{name}: {int((chosen[own] == number).sum())} of {len(own)} right")
    low, high = np.transpose([ax.get_ylim() for ax in axes[: len(names)]])
    for ax in axes[: len(names)]:  # one scale for all, so that classes can be compared
        ax.set_ylim(low.min(), high.max())
    for ax in axes[len(names) :]:
        ax.set_visible(False)
    _legend(figure)
    several = len(dataset.sequences.channels) > 1
    label = f"channel {dataset.sequences.channels[channel]}" if several else dataset.summary.units or "value"
    figure.supxlabel("step")
    figure.supylabel(label)
    return figure


def _legend(figure: Figure) -> None:
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], color=colour, label=label) for colour, label in ((BLUE, "right"), (VERMILION, "wrong"))]
    figure.legend(handles=lines, loc="outside upper right", ncols=2, frameon=False)


def _panel(ax: Axes, dataset: SequenceDataset, chosen: tuple[np.ndarray, np.ndarray], channel: int) -> None:
    """Draw some sequences, the mistaken ones last, so that they lie on top."""
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    indices, right = chosen
    order = np.argsort(~right, kind="stable")
    shown = np.concatenate([order[: MOST_SEQUENCES // 2], order[-(MOST_SEQUENCES // 2) :]])
    for place in dict.fromkeys(shown.tolist()):
        colour, width = (BLUE, 0.6) if right[place] else (VERMILION, 1.2)
        ax.plot(dataset.sequences.one(int(indices[place]))[:, channel], color=colour, linewidth=width, alpha=0.7)


def _telling(dataset: SequenceDataset) -> int:
    """Return the channel whose mean differs most between the classes of the training part, by its deviation."""
    train = dataset.parts["train"]
    means = np.stack([dataset.sequences.one(int(i)).mean(axis=0) for i in train.indices])
    y = dataset.truth("train")
    between = np.stack([means[y == one].mean(axis=0) for one in np.unique(y)]).std(axis=0)
    return int(np.argmax(between / (means.std(axis=0) + 1e-12)))
