"""The style of all our pictures, and those that several tasks have: legible to the color-blind, without a display."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rnnexp.data.dataset import Dataset, Predictions

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

    from rnnexp.training.plan import History

# Okabe and Ito, "Color Universal Design", 2008.
BLACK, ORANGE, BLUE, GREEN, VERMILION, GRAY = "#000000", "#E69F00", "#0072B2", "#009E73", "#D55E00", "#999999"
PURPLE = "#CC79A7"
MAX_TARGETS = 8  # a picture of more would be taller than any screen
MAX_POINTS = 600
LOG_RANGE = 20  # a curve that falls by more than this factor is drawn on a logarithmic axis


def new_figure(
    rows: int = 1, columns: int = 1, size: tuple[float, float] = (9, 4.5), *, searched: bool = False
) -> tuple[Figure, list[Axes]]:
    """Make a figure of its own, free of pyplot's global state; `searched` fits margins to labels of any length.

    Searching takes as long as the picture itself, so the everyday pictures of one or two panels do without.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from rnnexp.evaluation.legible import make_figure

    searched = searched or rows * columns > 2
    figure = make_figure(figsize=size, layout="constrained" if searched else None, dpi=110)
    FigureCanvasAgg(figure)
    axes = list(np.ravel(figure.subplots(rows, columns, squeeze=False)))
    if not searched:
        width, height = size
        figure.subplots_adjust(
            left=0.85 / width,
            right=1 - 0.25 / width,
            bottom=0.6 / height,
            top=1 - 0.45 / height,
            wspace=0.28,
            hspace=0.35,
        )
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(alpha=0.25, linewidth=0.6)
    return figure, axes


def draw_losses(losses: Sequence[float], title: str) -> Figure:
    """Draw the loss of a training by epoch, from 1."""
    figure, (ax,) = new_figure()
    ax.plot(range(1, len(losses) + 1), losses, color=BLUE)
    ax.set(title=title, xlabel="epoch", ylabel="training loss")
    count_on(ax.xaxis)
    return figure


def count_on(axis: Axis) -> None:
    """Write whole numbers at an axis of things that are counted."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True))


def name_time(axes: Sequence[Axes], lowest: Sequence[Axes], label: str) -> None:
    """Name the axis below the lowest panels, and write dates so short that they do not overlap."""
    from matplotlib.dates import ConciseDateFormatter

    for ax in lowest:
        ax.set_xlabel(label)
    for ax in axes if label == "time" else []:
        ax.xaxis.set_major_formatter(ConciseDateFormatter(ax.xaxis.get_major_locator()))


def say_what_is_missing(figure: Figure, targets: int, series: int = 1, drawn: int = 1) -> None:
    shown = [f"the first {MAX_TARGETS} of {targets} targets"] if targets > MAX_TARGETS else []
    shown += [f"the first {f'{drawn} ' if drawn > 1 else ''}of {series} series"] if series > drawn else []
    if shown:
        figure.suptitle(f"shown: {', '.join(shown)}", fontsize="medium", x=0.01, ha="left")


def learning_curves(history: History, measure: str = "loss") -> Figure:
    """Draw the loss of training and validation by epoch, with the epoch whose weights were kept."""
    figure, (ax,) = new_figure()
    epochs = np.arange(1, len(history.epochs) + 1)
    drawn = []
    for part, color, label in (("train", BLUE, "training"), ("val", ORANGE, "validation")):
        values = np.array([epoch.get(f"{part}/loss", np.nan) for epoch in history.epochs])
        if np.isfinite(values).any():
            drawn.append(values)
            ax.plot(epochs, values, color=color, label=label, marker="o" if len(epochs) < 3 else None)
    if history.best_epoch:
        ax.axvline(history.best_epoch, color=GRAY, linestyle="--", linewidth=1)
        value = history.best.get("val/loss", history.best.get("train/loss", np.nan))
        kept = "kept: mean of all networks" if history.members else f"kept: epoch {history.best_epoch}"
        ax.plot(history.best_epoch, value, "o", color=VERMILION, label=kept)
    _log_if_wide(ax, drawn)
    count_on(ax.xaxis)
    ax.set(xlabel="epoch", ylabel=measure, title="Learning curves")
    ax.legend(frameon=False)
    return figure


def _log_if_wide(ax: Axes, curves: Sequence[np.ndarray]) -> None:
    values = np.concatenate(curves) if curves else np.array([])
    values = values[np.isfinite(values)]
    if len(values) and values.min() > 0 and values.max() / values.min() > LOG_RANGE:
        ax.set_yscale("log")


def residuals(dataset: Dataset, predictions: Predictions) -> Figure:
    """Draw the errors in order, and how often which error occurs: a row per target, the first and last step ahead."""
    targets = predictions.actual.shape[2]
    rows = min(targets, MAX_TARGETS)
    figure, axes = new_figure(rows, 2, (10, 4) if rows == 1 else (11, 1.0 + 2.4 * rows))
    for target, (left, right) in enumerate(zip(axes[::2], axes[1::2])):
        _residuals_of(left, right, dataset, predictions, target)
    dated = dataset.history is not None and dataset.history.time is not None
    name_time(axes[::2], axes[-2:-1], "time" if dated else "example")
    axes[-1].set_xlabel(_residual_label(dataset))
    say_what_is_missing(figure, targets)
    return figure


def _residuals_of(left: Axes, right: Axes, dataset: Dataset, predictions: Predictions, target: int) -> None:
    count, horizon = predictions.actual.shape[:2]
    time = None if dataset.history is None or predictions.origins is None else dataset.history.time
    steps = sorted({0, horizon - 1})
    errors = (predictions.predicted - predictions.actual)[:, :, target]
    bins = np.histogram_bin_edges(errors[:, steps], min(40, max(8, count // 5)))
    for step, color in zip(steps, (BLUE, ORANGE)):
        of_step, rows = errors[:, step], np.arange(count)
        if time is not None and predictions.origins is not None:
            rows = time[predictions.origins + step + 1]
        label = f"{ahead(step)}, mean" if horizon > 1 else "mean"
        left.plot(rows[-MAX_POINTS:], of_step[-MAX_POINTS:], ".", color=color, markersize=4)
        right.hist(of_step, bins=list(bins), color=color, alpha=0.6)
        right.axvline(float(of_step.mean()), color=color, linewidth=1.2, label=f"{label} {of_step.mean():.3g}")
    left.axhline(0, color=GRAY, linewidth=1)
    last = f", last {MAX_POINTS} of {count}" if count > MAX_POINTS else ""
    left.set(ylabel=_residual_label(dataset), title=f"{target_name(dataset, target)}: residuals{last}")
    right.set(ylabel="examples", title="Distribution")
    count_on(right.yaxis)
    right.margins(y=0.2 * len(steps))  # the legend lies above the bars
    right.legend(frameon=False)


def _residual_label(dataset: Dataset) -> str:
    return f"predicted - actual ({dataset.summary.unit or 'value'})"


def target_name(dataset: Dataset, target: int) -> str:
    """Name a target; a source with one nameless column lends its own name."""
    name, nameless = dataset.spec.targets[target], len(dataset.spec.targets) == 1 and dataset.history is None
    return name_source(dataset) if name == "value" or nameless else name


def name_source(dataset: Dataset) -> str:
    """Name the source of data, files without their folders."""
    return ", ".join(name.rpartition("/")[2] for name in dataset.summary.source.split(", "))


def ahead(step: int) -> str:
    return "1 step ahead" if step == 0 else f"{step + 1} steps ahead"
