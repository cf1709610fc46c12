"""The pictures of forecasts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from rnnexp.data.dataset import USUAL, Dataset, Predictions
from rnnexp.data.large import SAMPLE, is_large
from rnnexp.data.quantiles import name_level
from rnnexp.evaluation.data_figures import PARTS
from rnnexp.evaluation.figures import (
    BLACK,
    BLUE,
    GRAY,
    GREEN,
    MAX_POINTS,
    MAX_TARGETS,
    ORANGE,
    VERMILION,
    ahead,
    count_on,
    name_time,
    new_figure,
    residuals,
    say_what_is_missing,
    target_name,
)
from rnnexp.tasks.forecasting.dataset import SeriesDataset

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from rnnexp.evaluation.report import Report

MAX_SERIES = 3  # that are drawn whole
CONTEXT = 0.5  # of the scored rows are shown before them


def figures(dataset: SeriesDataset, report: Report) -> Iterator[tuple[str, Figure]]:
    """Yield every picture with its name."""
    yield "prediction", prediction(dataset, report.predictions)
    yield "whole_series", draw_whole(dataset, report.predictions)
    yield "residuals", residuals(dataset, report.predictions)
    if report.predictions.actual.shape[1] > 1:
        yield "error_by_horizon", error_by_horizon(dataset, report.predictions, report.baselines)


def draw_data(dataset: SeriesDataset) -> Iterator[tuple[str, Figure]]:
    """Yield the picture of the series with the borders of their parts."""
    yield "whole_series", draw_whole(dataset)


def prediction(dataset: SeriesDataset, predictions: Predictions) -> Figure:
    """Draw actual and predicted values over time: a panel per target and, for several steps, the first and last."""
    horizon, targets = predictions.actual.shape[1:]
    steps = sorted({0, horizon - 1})
    panels = [(target, step) for target in range(min(targets, MAX_TARGETS)) for step in steps]
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
    name_time(axes[: len(panels)], last, "row" if dataset.history.time is None else "time")
    say_what_is_missing(figure, targets, len(dataset.history.ids))
    return figure


def draw_whole(dataset: SeriesDataset, predictions: Predictions | None = None) -> Figure:
    """Draw the targets of the first few series from end to end: the borders of the parts, and one step ahead."""
    history, targets = dataset.history, len(dataset.spec.targets)
    shown = min(len(history.ids), max(1, MAX_SERIES // targets))
    panels = [(series, target) for series in range(shown) for target in range(min(targets, MAX_TARGETS))]
    height = 3.1 if len(panels) == 1 else 2.2
    figure, axes = new_figure(len(panels), 1, (9, 1.2 + height * len(panels)), searched=True)
    for ax, (series, target) in zip(axes, panels):
        _draw_series(ax, dataset, predictions, (series, target))
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", frameon=False, ncols=5)
    name_time(axes, axes[-1:], "row" if history.time is None else "time")
    say_what_is_missing(figure, targets, len(history.ids), shown)
    return figure


def _draw_series(ax: Axes, dataset: SeriesDataset, predictions: Predictions | None, panel: tuple[int, int]) -> None:
    series, target = panel
    history, first = dataset.history, int(dataset.history.offsets[series])
    axis = np.arange(-first, len(history.values) - first, dtype=np.int32) if history.time is None else history.time
    last = int(history.offsets[series + 1]) - 1
    rows = slice(first, last + 1, -(-(last + 1 - first) // SAMPLE) if is_large(last + 1 - first) else 1)
    ax.plot(axis[rows], history.values[rows, target], color=BLACK, linewidth=0.9, label="actual")
    for part, bounds in dataset.borders.items():
        begin, end = map(int, bounds[series])
        if end > begin:
            name, color = PARTS[part]
            ax.axvspan(axis[begin], axis[min(end, last)], color=color, alpha=0.15, linewidth=0, label=name)
            ax.axvline(axis[begin], color=GRAY, linestyle="--", linewidth=0.8)
    label = f" of {history.ids[series]}" if len(history.ids) > 1 else ""
    name = target_name(dataset, target)
    ax.set(title=f"{name}{label}", ylabel=dataset.summary.unit or name)
    if predictions is None:
        return
    origins = predictions.origins if predictions.origins is not None else np.array([], dtype=int)
    own = np.flatnonzero(history.series_of(origins) == series)
    ahead_one = predictions.predicted[own, 0, target]
    ax.plot(axis[origins[own] + 1], ahead_one, color=VERMILION, linewidth=1, label="predicted")
    ax.set_title(f"{ax.get_title()}, {ahead(0)}")


def _legend(figure: Figure, axes: Sequence[Axes]) -> None:
    """Name the curves once: in a lone panel, else beside all of them."""
    if len(axes) < 4:
        axes[0].legend(frameon=False, ncols=4)
    else:
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper right", frameon=False, ncols=4)


def _first_series(dataset: SeriesDataset, predictions: Predictions) -> int:
    origins = predictions.origins if predictions.origins is not None else np.array([0])
    return int(dataset.history.series_of(origins[0]))


def _panel(ax: Axes, dataset: SeriesDataset, predictions: Predictions, where: tuple[int, int, int]) -> None:
    series, target, step = where
    history = dataset.history
    first, last = history.offsets[series], history.offsets[series + 1]
    origins = predictions.origins if predictions.origins is not None else np.array([])
    chosen = np.flatnonzero((origins >= first) & (origins < last))[-MAX_POINTS:]
    rows = origins[chosen] + step + 1
    context = 0 if len(chosen) == MAX_POINTS else max(12, CONTEXT * len(rows))  # a part that is cut goes on before
    begin = max(first, int(rows[0] - context))
    shown = np.arange(begin, rows[-1] + 1)
    axis = history.time if history.time is not None else np.arange(len(history.values), dtype=np.int32)
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
    if predictions.quantiles is not None:
        ends = [predictions.quantiles[chosen, step, target, end] for end in (0, -1)]
        name = " to ".join(name_level(dataset.spec.quantiles[end]) for end in (0, -1))
        ax.fill_between(axis[rows], *ends, color=ORANGE, alpha=0.35, linewidth=0, label=name)
    part = {"test": "test set", "train": "training set"}[dataset.scored]
    ax.axvspan(axis[rows[0]], axis[rows[-1]], color=BLUE, alpha=0.06, label=part)
    label = f" of {history.ids[series]}" if len(history.ids) > 1 else ""
    ax.set_title(f"{target_name(dataset, target)}{label}, {ahead(step)}")
    ax.set_ylabel(dataset.summary.unit or target_name(dataset, target))


def error_by_horizon(dataset: Dataset, predictions: Predictions, baselines: Mapping[str, Predictions]) -> Figure:
    """Draw the RMSE of the model and its baselines by steps ahead."""
    figure, (ax,) = new_figure()
    styles = {"persistence": (GRAY, ":"), "drift": (GRAY, "-."), "seasonal_naive": (ORANGE, "--")}
    styles |= {"seasonal_growth": (ORANGE, "-."), "linear": (GREEN, "--")}
    steps = np.arange(1, predictions.actual.shape[1] + 1)
    for name, one in baselines.items():
        color, line = styles.get(name, (GRAY, "--"))
        ax.plot(steps, _rmse_by_step(one), color=color, linestyle=line, label=name)
    ax.plot(steps, _rmse_by_step(predictions), color=VERMILION, linewidth=2, label="this model")
    count_on(ax.xaxis)
    targets = predictions.actual.shape[2]
    together = f", {targets} targets together" if targets > 1 else ""
    ax.set(xlabel="steps ahead", ylabel=f"RMSE ({dataset.summary.unit or 'value'})")
    ax.set_title(f"Error by horizon{together}")
    ax.legend(frameon=False, ncols=2)
    return figure


def _rmse_by_step(one: Predictions) -> np.ndarray:
    return np.asarray(np.sqrt(np.mean((one.predicted - one.actual) ** 2, axis=(0, 2))))
