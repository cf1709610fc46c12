"""Strips of frames: what a network saw of the clips that it was most wrong about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data.dataset import Predictions
from rnnexp.evaluation.figures import BLUE, VERMILION, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STRIPS = "worst_clips"  # the name of the picture
MAX_CLIPS, MAX_FRAMES = 5, 10


def draw_worst_clips(dataset: Any, predictions: Predictions) -> Figure:
    """Draw the clips whose true labels got the lowest probability, on average over the frames where each has a label.

    predictions: of clips, or of all their frames, one after the other
    """
    names, chosen = dataset.spec.classes, predictions.predicted.argmax(axis=1)
    indices = dataset.list_examples(dataset.scored)
    lengths = dataset.sequences.lengths()[indices]
    each = np.ones_like(lengths) if len(predictions.actual) == len(indices) else lengths
    ends = np.cumsum([0, *each])
    sure = predictions.predicted[np.arange(len(chosen)), predictions.actual]
    worst = np.argsort(np.add.reduceat(sure, ends[:-1]) / each, kind="stable")[:MAX_CLIPS]
    shown = int(min(MAX_FRAMES, lengths[worst].max()))
    figure, axes = new_figure(len(worst), shown, (1.05 * shown + 0.5, 1.5 * len(worst) + 0.4), searched=True)
    for row, place in enumerate(worst):
        own = slice(ends[place], ends[place + 1])
        right = chosen[own] == predictions.actual[own]
        title = f"{dataset.sequences.place(int(indices[place]))}: "
        if each[place] == 1:
            title += f"{names[predictions.actual[own][0]]}, classified as {names[chosen[own][0]]}"
        else:
            title += f"{int(right.sum())} of {len(right)} frames right"
        _draw_strip(axes[row * shown : (row + 1) * shown], _list_images(dataset, int(indices[place])), right)
        axes[row * shown].set_title(title, loc="left", fontsize=8)
    figure.suptitle(f"The clips with the least probability of what is true, {dataset.scored} set", fontsize="medium")
    return figure


def _list_images(dataset: Any, index: int) -> np.ndarray:
    """Return the frames of a clip, (time, height, width, channels) from 0 to 1."""
    values = dataset.pipeline.scaled(dataset.sequences.one(index))
    return np.asarray(values).reshape(len(values), *dataset.sequences.frame)


def _draw_strip(axes: Sequence[Axes], images: np.ndarray, right: np.ndarray) -> None:
    """Draw frames at equal distances, each with its number; its color tells whether the label is right."""
    places = np.linspace(0, len(images) - 1, min(len(axes), len(images))).round().astype(int)
    for ax in axes:
        ax.grid(visible=False)
        ax.set_axis_off()
    for ax, place in zip(axes, places):
        image = images[place, ..., 0] if images.shape[-1] == 1 else images[place]
        ax.imshow(image, cmap="gray", vmin=0, vmax=1)
        color = BLUE if right[place if len(right) > 1 else 0] else VERMILION
        ax.text(0.5, -0.02, str(place + 1), transform=ax.transAxes, ha="center", va="top", fontsize=7, color=color)
