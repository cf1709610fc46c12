"""The picture of a language model: a text, colored by how surprising each token of it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from rnnexp.data.dataset import Predictions
from rnnexp.evaluation.figures import new_figure
from rnnexp.tasks.language_modeling.dataset import TextStream

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnexp.evaluation.report import Report

WIDTH, LINES = 76, 22  # characters of a line, and lines of a picture
MOST_NATS = 8.0
LUMINANCE = np.array([0.299, 0.587, 0.114])  # of red, green and blue (ITU-R BT.601)


def figures(dataset: TextStream, report: Report) -> Iterator[tuple[str, Figure]]:
    """Yield every picture of a language model with its name."""
    yield "surprise", surprise(dataset, report.predictions)


def surprise(dataset: TextStream, predictions: Predictions) -> Figure:
    """Write the beginning of the scored part, the background of each token as dark as it was unexpected."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    figure, (ax,) = new_figure(size=(11, 6.5))
    colors = ScalarMappable(Normalize(0, MOST_NATS), "Oranges")
    placed = laid_out(dataset, predictions)
    shades = colors.to_rgba(np.array([nats for *_, nats in placed]))
    for (line, column, text, _), shade in zip(placed, shades):
        ax.barh(line, len(text), left=column, height=0.9, color=shade)
        ink = "black" if shade[:3] @ LUMINANCE > 0.5 else "white"
        drawn = ax.text(column, line, text, color=ink, family="monospace", fontsize=8.5, va="center", ha="left")
        drawn.set_parse_math(False)
    ax.set(xlim=(0, WIDTH), ylim=(placed[-1][0] + 0.7, -0.7), xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    part = {"test": "test set", "train": "training set"}[dataset.scored]
    ax.set_title(f"{dataset.summary.source}: surprise at the first tokens of the {part}")
    figure.colorbar(colors, ax=ax, label="nats (-log of the probability)", extend="max", shrink=0.8)
    return figure


def laid_out(dataset: TextStream, predictions: Predictions) -> list[tuple[int, int, str, float]]:
    """Place tokens on lines: (line, column, text, nats) of each, as many as a picture holds."""
    language = dataset.language
    gap = 0 if language.tokenizer.kind == "character" else 1
    placed, line, column = [], 0, 0
    for token, log_probability in zip(predictions.actual, predictions.predicted):
        text = language.vocabulary.tokens[token]
        ends = text in ("\n", language.line_end)
        shown = "¶" if ends else _visible(text)[:WIDTH]
        if column + len(shown) > WIDTH:
            line, column = line + 1, 0
        if line >= LINES:
            break
        placed.append((line, column, shown, -float(log_probability)))
        line, column = (line + 1, 0) if ends else (line, column + len(shown) + gap)
    return placed


def _visible(text: str) -> str:
    """Write what fonts have no sign for, or what moves the pen, as one dot."""
    return "".join(sign if sign.isprintable() else "·" for sign in text)
