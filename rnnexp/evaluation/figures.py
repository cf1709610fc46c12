"""The pictures of a run: labelled with units, legible to the colour-blind, drawn without a display."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from rnnexp.data.dataset import Dataset, Predictions
from rnnexp.evaluation import class_figures
from rnnexp.evaluation.canvas import new_figure
from rnnexp.tasks.forecasting.dataset import SeriesDataset
from rnnexp.tasks.forecasting.intervals import USUAL
from rnnexp.tasks.language_modeling import figures as language_figures
from rnnexp.tasks.language_modeling.dataset import TextStream
from rnnexp.tasks.sequence_to_sequence import figures as translation_figures
from rnnexp.tasks.sequence_to_sequence.dataset import PairDataset

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

    from rnnexp.evaluation.report import Report
    from rnnexp.training.history import History

# Okabe and Ito, "Color Universal Design", 2008.
BLACK, ORANGE, BLUE, GREEN, VERMILION, GREY = "#000000", "#E69F00", "#0072B2", "#009E73", "#D55E00", "#999999"
MOST_TARGETS = 8  # a picture of more would be taller than any screen
MOST_POINTS = 600
CONTEXT = 0.5  # of the scored rows are shown before them
LOG_RANGE = 20  # a curve that falls by more than this factor is drawn on a logarithmic axis


def figures(
    dataset: Dataset, history: History, report: Report, loss: str | None = None
) -> Iterator[tuple[str, Figure]]:
    """Yield every picture of a run with its name; `loss` names what was minimised, for the label of its axis."""
    if history.epochs:
        yield "learning_curves", learning_curves(history, _loss_label(dataset, loss))
    if dataset.spec.classes:
        yield from class_figures.figures(dataset, report.predictions)
        return
    if isinstance(dataset, TextStream):
        yield from language_figures.figures(dataset, report.predictions)
        return
    if isinstance(dataset, PairDataset):
        yield from translation_figures.figures(dataset, report)
        return
    if isinstance(dataset, SeriesDataset):
        yield "prediction", prediction(dataset, report.predictions)
    else:
        yield "prediction", scatter(dataset, report.predictions)
    yield "residuals", residuals(dataset, report.predictions)
    if report.predictions.actual.shape[1] > 1:
        yield "error_by_horizon", error_by_horizon(dataset, report.predictions, report.baselines)


def _loss_label(dataset: Dataset, loss: str | None) -> str:
    """Say what the loss is measured in: only series are scaled, the targets of sequences never."""
    scaled = isinstance(dataset, SeriesDataset) and (
        bool(dataset.pipeline.chain.steps) or dataset.pipeline.plan.window != "none"
    )
    details = ", ".join(filter(None, [loss, "scaled units" if scaled else ""]))
    return f"loss ({details})" if details else "loss"


def learning_curves(history: History, measure: str = "loss") -> Figure:
    """Draw the loss of training and validation by epoch, with the epoch whose weights were kept."""
    figure, (ax,) = new_figure()
    epochs = np.arange(1, len(history.epochs) + 1)
    drawn = []
    for part, colour, label in (("train", BLUE, "training"), ("val", ORANGE, "validation")):
        values = np.array([epoch.get(f"{part}/loss", np.nan) for epoch in history.epochs])
        if np.isfinite(values).any():
            drawn.append(values)
            ax.plot(epochs, values, color=colour, label=label, marker="o" if len(epochs) < 3 else None)
    if history.best_epoch:
        ax.axvline(history.best_epoch, color=GREY, linestyle="--", linewidth=1)
        value = history.best.get("val/loss", history.best.get("train/loss", np.nan))
        ax.plot(history.best_epoch, value, "o", color=VERMILION, label=f"kept: epoch {history.best_epoch}")
    _log_if_wide(ax, drawn)
    _count(ax.xaxis)
    ax.set(xlabel="epoch", ylabel=measure, title="Learning curves")
    ax.legend(frameon=False)
    return figure


def _count(axis: Axis) -> None:
    """Write whole numbers at an axis of things that are counted."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True))


def _log_if_wide(ax: Axes, curves: Sequence[np.ndarray]) -> None:
    values = np.concatenate(curves) if curves else np.array([])
    values = values[np.isfinite(values)]
    if len(values) and values.min() > 0 and values.max() / values.min() > LOG_RANGE:
        ax.set_yscale("log")


def prediction(dataset: SeriesDataset, predictions: Predictions) -> Figure:
    """Draw actual and predicted values over time: a panel per target and, for several steps, the first and last."""
    horizon, targets = predictions.actual.shape[1:]
    steps = sorted({0, horizon - 1})
    panels = [(target, step) for target in range(min(targets, MOST_TARGETS)) for step in steps]
    columns = 1 if len(panels) < 4 else 2
    rows = -(-len(panels) // columns)
    figure, axes = new_figure(rows, columns, (9, 1.2 + 3.1 * rows) if columns == 1 else (13, 1.2 + 2.4 * rows))
    series = _first_series(dataset, predictions)
    for ax, (target, step) in zip(axes, panels):
        _panel(ax, dataset, predictions, (series, target, step))
    for ax in axes[len(panels) :]:
        ax.set_visible(False)
    _legend(figure, axes)
    last = axes[len(panels) - columns : len(panels)]
    _name_time(axes[: len(panels)], last, "row" if dataset.history.time is None else "time")
    _say_what_is_missing(figure, targets, len(dataset.history.ids))
    return figure


def _name_time(axes: Sequence[Axes], lowest: Sequence[Axes], label: str) -> None:
    """Name the axis below the lowest panels, and write dates so short that they do not overlap."""
    from matplotlib.dates import ConciseDateFormatter

    for ax in lowest:
        ax.set_xlabel(label)
    for ax in axes if label == "time" else []:
        ax.xaxis.set_major_formatter(ConciseDateFormatter(ax.xaxis.get_major_locator()))


def _legend(figure: Figure, axes: Sequence[Axes]) -> None:
    """Name the curves once: in a lone panel, else beside all of them."""
    if len(axes) < 4:
        axes[0].legend(frameon=False, ncols=4)
    else:
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper right", frameon=False, ncols=4)


def _say_what_is_missing(figure: Figure, targets: int, series: int = 1) -> None:
    shown = [f"the first {MOST_TARGETS} of {targets} targets"] if targets > MOST_TARGETS else []
    shown += [f"the first of {series} series"] if series > 1 else []
    if shown:
        figure.suptitle(f"shown: {', '.join(shown)}", fontsize="medium", x=0.01, ha="left")


def _first_series(dataset: SeriesDataset, predictions: Predictions) -> int:
    origins = predictions.origins if predictions.origins is not None else np.array([0])
    return int(np.searchsorted(dataset.history.offsets, origins[0], side="right") - 1)


def _panel(ax: Axes, dataset: SeriesDataset, predictions: Predictions, where: tuple[int, int, int]) -> None:
    series, target, step = where
    history = dataset.history
    first, last = history.offsets[series], history.offsets[series + 1]
    origins = predictions.origins if predictions.origins is not None else np.array([])
    chosen = np.flatnonzero((origins >= first) & (origins < last))[-MOST_POINTS:]
    rows = origins[chosen] + step + 1
    context = 0 if len(chosen) == MOST_POINTS else max(12, CONTEXT * len(rows))  # a part that is cut goes on before
    begin = max(first, int(rows[0] - context))
    shown = np.arange(begin, rows[-1] + 1)
    axis = history.time if history.time is not None else np.arange(len(history.values))
    ax.plot(axis[shown], history.values[shown, target], color=BLACK, linewidth=1.2, label="actual")
    ax.plot(
        axis[rows],
        predictions.predicted[chosen, step, target],
        color=VERMILION,
        linewidth=1.4,
        label="predicted",
    )
    if predictions.bounds is not None:
        ends = [end[chosen, step, target] for end in predictions.bounds]
        ax.fill_between(axis[rows], *ends, color=ORANGE, alpha=0.35, linewidth=0, label=f"{USUAL} % interval")
    part = {"test": "test part", "train": "training part"}[dataset.scored]
    ax.axvspan(axis[rows[0]], axis[rows[-1]], color=BLUE, alpha=0.06, label=part)
    label = f" of {history.ids[series]}" if len(history.ids) > 1 else ""
    ax.set_title(f"{_target(dataset, target)}{label}, {_ahead(step)}")
    ax.set_ylabel(dataset.summary.units or "value")


def _target(dataset: Dataset, target: int) -> str:
    """Name a target; a source with one nameless column lends its own name."""
    name, nameless = dataset.spec.targets[target], len(dataset.spec.targets) == 1 and dataset.history is None
    return dataset.summary.source if name == "value" or nameless else name


def _ahead(step: int) -> str:
    return "1 step ahead" if step == 0 else f"{step + 1} steps ahead"


def scatter(dataset: Dataset, predictions: Predictions) -> Figure:
    """Draw predicted against actual values of independent examples; on the line they agree."""
    figure, (ax,) = new_figure(size=(5.5, 5.5), searched=True)
    actual, predicted = predictions.actual.reshape(-1), predictions.predicted.reshape(-1)
    ends = [min(actual.min(), predicted.min()), max(actual.max(), predicted.max())]
    ax.plot(ends, ends, color=GREY, linewidth=1, label="perfect")
    ax.plot(actual[:5000], predicted[:5000], ".", color=BLUE, alpha=0.5, label="examples")
    unit = f" ({dataset.summary.units})" if dataset.summary.units else ""
    ax.set(
        xlabel=f"actual{unit}",
        ylabel=f"predicted{unit}",
        title=f"{dataset.summary.source}: {dataset.scored} part",
    )
    ax.legend(frameon=False)
    return figure


def residuals(dataset: Dataset, predictions: Predictions) -> Figure:
    """Draw the errors in order, and how often which error occurs: a row per target, the first and last step ahead."""
    targets = predictions.actual.shape[2]
    rows = min(targets, MOST_TARGETS)
    figure, axes = new_figure(rows, 2, (10, 4) if rows == 1 else (11, 1.0 + 2.4 * rows))
    for target, (left, right) in enumerate(zip(axes[::2], axes[1::2])):
        _residuals_of(left, right, dataset, predictions, target)
    dated = dataset.history is not None and dataset.history.time is not None
    _name_time(axes[::2], axes[-2:-1], "time" if dated else "example")
    axes[-1].set_xlabel(_residual_label(dataset))
    _say_what_is_missing(figure, targets)
    return figure


def _residuals_of(left: Axes, right: Axes, dataset: Dataset, predictions: Predictions, target: int) -> None:
    count, horizon = predictions.actual.shape[:2]
    steps = sorted({0, horizon - 1})
    errors = (predictions.predicted - predictions.actual)[:, :, target]
    bins = np.histogram_bin_edges(errors[:, steps], min(40, max(8, count // 5)))
    for step, colour in zip(steps, (BLUE, ORANGE)):
        of_step, rows = errors[:, step], np.arange(count)
        if isinstance(dataset, SeriesDataset) and predictions.origins is not None and dataset.history.time is not None:
            rows = dataset.history.time[predictions.origins + step + 1]
        label = f"{_ahead(step)}, mean" if horizon > 1 else "mean"
        left.plot(rows[-MOST_POINTS:], of_step[-MOST_POINTS:], ".", color=colour, markersize=4)
        right.hist(of_step, bins=list(bins), color=colour, alpha=0.6)
        right.axvline(float(of_step.mean()), color=colour, linewidth=1.2, label=f"{label} {of_step.mean():.3g}")
    left.axhline(0, color=GREY, linewidth=1)
    last = f", last {MOST_POINTS} of {count}" if count > MOST_POINTS else ""
    left.set(ylabel=_residual_label(dataset), title=f"{_target(dataset, target)}: residuals{last}")
    right.set(ylabel="examples", title="Distribution")
    _count(right.yaxis)
    right.margins(y=0.2 * len(steps))  # the legend lies above the bars
    right.legend(frameon=False)


def _residual_label(dataset: Dataset) -> str:
    return f"predicted - actual ({dataset.summary.units or 'value'})"


def error_by_horizon(dataset: Dataset, predictions: Predictions, baselines: Mapping[str, Predictions]) -> Figure:
    """Draw the RMSE of the model and its baselines by steps ahead."""
    figure, (ax,) = new_figure()
    styles = {"persistence": (GREY, ":"), "drift": (GREY, "-."), "seasonal_naive": (ORANGE, "--")}
    styles |= {"seasonal_growth": (ORANGE, "-."), "linear": (GREEN, "--")}
    steps = np.arange(1, predictions.actual.shape[1] + 1)
    for name, one in baselines.items():
        colour, line = styles.get(name, (GREY, "--"))
        ax.plot(steps, _rmse_by_step(one), color=colour, linestyle=line, label=name)
    ax.plot(steps, _rmse_by_step(predictions), color=VERMILION, linewidth=2, label="this model")
    _count(ax.xaxis)
    targets = predictions.actual.shape[2]
    together = f", {targets} targets together" if targets > 1 else ""
    ax.set(xlabel="steps ahead", ylabel=f"RMSE ({dataset.summary.units or 'value'})")
    ax.set_title(f"Error by horizon{together}")
    ax.legend(frameon=False, ncols=2)
    return figure


def _rmse_by_step(one: Predictions) -> np.ndarray:
    return np.asarray(np.sqrt(np.mean((one.predicted - one.actual) ** 2, axis=(0, 2))))
