"""The pictures of a classifier of sequences or texts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from rnnexp.data.dataset import Predictions
from rnnexp.data.sequences import SequenceDataset
from rnnexp.evaluation import class_figures, frame_figures
from rnnexp.evaluation.figures import BLUE, VERMILION, new_figure
from rnnexp.evaluation.input_weights import draw_weights

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from rnnexp.evaluation.report import Report

MAX_CLASSES = 12  # of more, a picture of sequences would be taller than any screen
MAX_SEQUENCES = 40  # per class: more lines hide each other


def figures(dataset: SequenceDataset, report: Report) -> Iterator[tuple[str, Figure]]:
    """Yield every picture with its name; sequences of numbers are drawn, too."""
    yield from class_figures.figures(dataset, report)
    yield from draw_weights(report.tables)
    if dataset.sequences.frame:
        yield frame_figures.STRIPS, frame_figures.draw_worst_clips(dataset, report.predictions)
    elif np.issubdtype(dataset.sequences.values.dtype, np.floating):
        yield "sequences", sequences(dataset, report.predictions)


def sequences(dataset: SequenceDataset, predictions: Predictions) -> Figure:
    """Draw sequences of each class, the channel that varies most between classes; what was mistaken stands out."""
    names = dataset.spec.classes[:MAX_CLASSES]
    channel = _telling(dataset)
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    figure, axes = new_figure(rows, columns, (4.2 * columns, 0.8 + 2.4 * rows), searched=True)
    indices, chosen = dataset.list_examples(dataset.scored), predictions.predicted.argmax(axis=1)
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
    label = f"channel {dataset.sequences.channels[channel]}" if several else dataset.summary.unit or "value"
    figure.supxlabel("step")
    figure.supylabel(label)
    return figure


def _legend(figure: Figure) -> None:
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], color=color, label=label) for color, label in ((BLUE, "right"), (VERMILION, "wrong"))]
    figure.legend(handles=lines, loc="outside upper right", ncols=2, frameon=False)


def _panel(ax: Axes, dataset: SequenceDataset, chosen: tuple[np.ndarray, np.ndarray], channel: int) -> None:
    """Draw some sequences, the mistaken ones last, so that they lie on top."""
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    indices, right = chosen
    order = np.argsort(~right, kind="stable")
    shown = np.concatenate([order[: MAX_SEQUENCES // 2], order[-(MAX_SEQUENCES // 2) :]])
    for place in dict.fromkeys(shown.tolist()):
        color, width = (BLUE, 0.6) if right[place] else (VERMILION, 1.2)
        ax.plot(dataset.sequences.one(int(indices[place]))[:, channel], color=color, linewidth=width, alpha=0.7)


def _telling(dataset: SequenceDataset) -> int:
    """Return the channel whose mean differs most between the classes of the training part, by its deviation."""
    means = np.stack([dataset.sequences.one(int(i)).mean(axis=0) for i in dataset.list_examples("train")])
    y = dataset.truth("train")
    between = np.stack([means[y == one].mean(axis=0) for one in np.unique(y)]).std(axis=0)
    return int(np.argmax(between / (means.std(axis=0) + 1e-12)))
