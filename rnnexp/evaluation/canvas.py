"""An empty figure in the style of all our pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


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
