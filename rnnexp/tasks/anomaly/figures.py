"""The picture of alarms: each sensor with what was forecast, and below the score with its threshold and events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.evaluation.figures import (
    BLACK,
    MAX_TARGETS,
    ORANGE,
    VERMILION,
    name_time,
    new_figure,
    say_what_is_missing,
)
from rnnexp.tasks.anomaly.load import SensorDataset
from rnnexp.tasks.anomaly.report import SCORES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from rnnexp.evaluation.report import Report


def figures(dataset: SensorDataset, report: Report) -> Iterator[tuple[str, Figure]]:
    """Yield every picture with its name."""
    yield "alarms", draw_alarms(dataset, report)


def draw_alarms(dataset: SensorDataset, report: Report) -> Figure:
    """Draw the sensors and the score over the scored rows of the first series; shaded are faulty rows, and alarms."""
    table, targets = report.tables[SCORES], len(dataset.spec.targets)
    rows = dataset.scored_rows(dataset.scored)[: len(table)]
    own = np.flatnonzero(dataset.history.series_of(rows) == dataset.history.series_of(rows[0]))
    rows, table = rows[own], table.iloc[own]
    axis: Any = np.arange(len(rows)) if dataset.history.time is None else dataset.history.time[rows]
    shown = min(targets, MAX_TARGETS)
    figure, axes = new_figure(shown + 1, 1, (11, 1.6 + 1.5 * (shown + 1)), searched=True)
    for place, ax in enumerate(axes[:shown]):
        ax.plot(axis, dataset.table[rows, place], color=BLACK, linewidth=0.8)
        ax.plot(axis, report.predictions.predicted[own, 0, place], color=VERMILION, linewidth=0.6, alpha=0.7)
        ax.set_ylabel(dataset.spec.targets[place])
        _shade(ax, axis, table)
    axes[0].set_title("black: observed, red: forecast; shaded: rows with an alarm, below the panel: faulty rows")
    axes[-1].plot(axis, table["score"], color=BLACK, linewidth=0.8)
    axes[-1].axhline(report.intervals.threshold, color=VERMILION, linestyle="--", linewidth=1)
    axes[-1].set(yscale="log", ylabel="score")
    _shade(axes[-1], axis, table)
    name_time(axes, axes[-1:], "row" if dataset.history.time is None else "time")
    say_what_is_missing(figure, targets, len(dataset.history.ids))
    return figure


def _shade(ax: Axes, axis: Any, table: Any) -> None:
    """Shade the rows with an alarm over the whole height, and those that are labeled at the bottom."""
    transform = ax.get_xaxis_transform()
    ax.fill_between(axis, 0, 1, where=table["alarm"] == 1, transform=transform, color=ORANGE, alpha=0.4, linewidth=0)
    if "label" in table:
        where = table["label"] == 1
        ax.fill_between(axis, 0, 0.06, where=where, transform=transform, color=VERMILION, linewidth=0, step="mid")
