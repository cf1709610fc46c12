"""The style of all our pictures: their colors, and an empty figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure


# Okabe and Ito, "Color Universal Design", 2008.
BLACK, ORANGE, BLUE, GREEN, VERMILION, GREY = "#000000", "#E69F00", "#0072B2", "#009E73", "#D55E00", "#999999"
PURPLE = "#CC79A7"
MAX_TARGETS = 8  # a picture of more would be taller than any screen
MAX_POINTS = 600


def new_figure(
    rows: int = 1, columns: int = 1, size: tuple[float, float] = (9, 4.5), *, searched: bool = False
) -> tuple[Figure, list[Axes]]:
    """Make a figure of its own, free of pyplot's global state; `searched` fits margins to labels of any length.

    Searching takes as long as the picture itself, so the everyday pictures of one or two panels do without.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    searched = searched or rows * columns > 2
    figure = Figure(figsize=size, layout="constrained" if searched else None, dpi=110)
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


def say_what_is_missing(figure: Figure, targets: int, series: int = 1) -> None:
    shown = [f"the first {MAX_TARGETS} of {targets} targets"] if targets > MAX_TARGETS else []
    shown += [f"the first of {series} series"] if series > 1 else []
    if shown:
        figure.suptitle(f"shown: {', '.join(shown)}", fontsize="medium", x=0.01, ha="left")
