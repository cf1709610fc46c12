"""The pictures of a run: labelled with units, legible to the colour-blind, drawn without a display."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data.dataset import Dataset, Predictions
from rnnexp.data.forecasting import SeriesDataset

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from rnnexp.evaluation.report import Report
    from rnnexp.training.history import History

# Okabe and Ito, "Color Universal Design", 2008.
BLACK, ORANGE, BLUE, GREEN, VERMILION, GREY = "#000000", "#E69F00", "#0072B2", "#009E73", "#D55E00", "#999999"
MOST_PANELS = 6
MOST_POINTS = 600
CONTEXT = 0.5  # of the scored rows are shown before them
LOG_RANGE = 20  # a curve that falls by more than this factor is drawn on a logarithmic axis


def figures(dataset: Dataset, history: History, report: Report) -> Iterator[tuple[str, Figure]]:
    """Yield every picture of a run with its name."""
    if history.epochs:
        yield "learning_curves", learning_curves(history)
    if dataset.spec.task == "classification":
        yield "confusion", confusion(dataset, report.predictions)
        return
    if isinstance(dataset, SeriesDataset):
        yield "prediction", prediction(dataset, report.predictions)
    else:
        yield "prediction", scatter(dataset, report.predictions)
    yield "residuals", residuals(dataset, report.predictions)
    if report.predictions.actual.shape[1] > 1:
        yield "error_by_horizon", error_by_horizon(dataset, report.predictions, report.baselines)


def _figure(rows: int = 1, columns: int = 1, size: tuple[float, float] = (9, 4.5)) -> tuple[Figure, list[Axes]]:
    """Make a figure of its own, free of pyplot's global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained", dpi=110)
    FigureCanvasAgg(figure)
    axes = list(np.ravel(figure.subplots(rows, columns, squeeze=False)))
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(alpha=0.25, linewidth=0.6)
    return figure, axes


def learning_curves(history: History) -> Figure:
    """Draw the loss of training and validation by epoch, with the epoch whose weights were kept."""
    figure, (ax,) = _figure()
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
    ax.set(xlabel="epoch", ylabel="loss (scaled units)", title="Learning curves")
    ax.legend(frameon=False)
    return figure


def _log_if_wide(ax: Axes, curves: Sequence[np.ndarray]) -> None:
    values = np.concatenate(curves) if curves else np.array([])
    values = values[np.isfinite(values)]
    if len(values) and values.min() > 0 and values.max() / values.min() > LOG_RANGE:
        ax.set_yscale("log")


def prediction(dataset: SeriesDataset, predictions: Predictions) -> Figure:
    """Draw actual and predicted values over time: a panel per target and, for several steps, per step ahead."""
    horizon, targets = predictions.actual.shape[1:]
    steps = [0] if horizon == 1 else [0, horizon - 1]
    panels = [(target, step) for target in range(targets) for step in steps][:MOST_PANELS]
    figure, axes = _figure(len(panels), 1, (9, 1.2 + 3.1 * len(panels)))
    series = _first_series(dataset, predictions)
    for ax, (target, step) in zip(axes, panels):
        _panel(ax, dataset, predictions, (series, target, step))
    axes[0].legend(frameon=False, ncols=3)
    axes[-1].set_xlabel("time" if dataset.history.time is not None else "row")
    return figure


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
    part = {"test": "test part", "train": "training part"}[dataset.scored]
    ax.axvspan(axis[rows[0]], axis[rows[-1]], color=BLUE, alpha=0.06, label=part)
    name = history.columns[target] if history.columns[target] != "value" else dataset.summary.source
    ahead = f", {step + 1} steps ahead" if predictions.actual.shape[1] > 1 else ", one step ahead"
    label = f" of {history.ids[series]}" if len(history.ids) > 1 else ""
    ax.set_title(f"{name}{label}{ahead}")
    ax.set_ylabel(dataset.summary.units or "value")


def scatter(dataset: Dataset, predictions: Predictions) -> Figure:
    """Draw predicted against actual values of independent examples; on the line they agree."""
    figure, (ax,) = _figure(size=(5.5, 5.5))
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
    """Draw the errors in order, and how often which error occurs."""
    figure, (left, right) = _figure(1, 2, (10, 4))
    errors = (predictions.predicted - predictions.actual)[:, 0, 0]
    unit = dataset.summary.units or "value"
    axis = np.arange(len(errors))
    if isinstance(dataset, SeriesDataset) and dataset.history.time is not None and predictions.origins is not None:
        axis = dataset.history.time[predictions.origins + 1]
        left.set_xlabel("time")
    else:
        left.set_xlabel("example")
    left.axhline(0, color=GREY, linewidth=1)
    left.plot(axis[-MOST_POINTS:], errors[-MOST_POINTS:], ".", color=BLUE, markersize=4)
    left.set(ylabel=f"predicted - actual ({unit})", title="Residuals")
    right.hist(errors, bins=min(40, max(8, len(errors) // 5)), color=BLUE, alpha=0.8)
    right.axvline(float(errors.mean()), color=VERMILION, label=f"mean {errors.mean():.3g}")
    right.set(xlabel=f"predicted - actual ({unit})", ylabel="examples", title="Distribution")
    right.legend(frameon=False)
    for label in left.get_xticklabels():
        label.set_rotation(30)
    return figure


def error_by_horizon(dataset: Dataset, predictions: Predictions, baselines: Mapping[str, Predictions]) -> Figure:
    """Draw the RMSE of the model and its baselines by steps ahead."""
    figure, (ax,) = _figure()
    styles = {"persistence": (GREY, ":"), "drift": (GREY, "-."), "seasonal_naive": (ORANGE, "--")}
    styles |= {"seasonal_growth": (ORANGE, "-."), "linear": (GREEN, "--")}
    steps = np.arange(1, predictions.actual.shape[1] + 1)
    for name, one in baselines.items():
        colour, line = styles.get(name, (GREY, "--"))
        ax.plot(steps, _rmse_by_step(one), color=colour, linestyle=line, label=name)
    ax.plot(steps, _rmse_by_step(predictions), color=VERMILION, linewidth=2, label="this model")
    ax.set(xlabel="steps ahead", ylabel=f"RMSE ({dataset.summary.units or 'value'})", title="Error by horizon")
    ax.legend(frameon=False, ncols=2)
    return figure


def _rmse_by_step(one: Predictions) -> np.ndarray:
    return np.asarray(np.sqrt(np.mean((one.predicted - one.actual) ** 2, axis=(0, 2))))


def confusion(dataset: Dataset, predictions: Predictions) -> Figure:
    """Draw how often each class was taken for which: counts, and shares of each actual class."""
    from sklearn.metrics import confusion_matrix

    names = dataset.spec.classes
    counts = confusion_matrix(predictions.actual, predictions.predicted.argmax(axis=1), labels=range(len(names)))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = max(4.0, 1.5 + 0.8 * len(names))
    figure, (ax,) = _figure(size=(side + 1, side))
    image: Any = ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    ax.grid(visible=False)
    figure.colorbar(image, ax=ax, label="share of the actual class")
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if shares[row, column] > 0.5 else "black"
        text = f"{count}\n{shares[row, column]:.0%}"
        ax.text(column, row, text, ha="center", va="center", color=colour, fontsize=9)
    ax.set_xticks(range(len(names)), names, rotation=45, ha="right")
    ax.set_yticks(range(len(names)), names)
    ax.set(xlabel="predicted", ylabel="actual", title=f"Confusion, {dataset.scored} part")
    return figure
