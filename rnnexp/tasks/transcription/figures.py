"""The pictures of transcripts: which letter a network saw where, and how it copes with long texts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from rnnexp.evaluation.figures import BLUE, GRAY, new_figure
from rnnexp.tasks.transcription.dataset import TranscriptDataset
from rnnexp.tasks.transcription.edit_distance import count_edits
from rnnexp.tasks.transcription.report import POSTERIOR

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnexp.evaluation.report import Report

MOST_GROUPS = 12
LEAST_PROBABILITY = 0.2  # of a letter that is named in the picture


def figures(dataset: TranscriptDataset, report: Report) -> Iterator[tuple[str, Figure]]:
    """Yield every picture with its name."""
    yield "posterior", draw_posterior(dataset, report)
    yield "errors_by_length", draw_errors_by_length(report)


def draw_posterior(dataset: TranscriptDataset, report: Report) -> Figure:
    """Draw the probability of each letter at each step of one sequence, with its name where it is highest."""
    table = report.tables[POSTERIOR]
    row, names = int(table["example"].iloc[0]), [name for name in map(str, table) if name.startswith("p(")]
    figure, (ax,) = new_figure(size=(11, 4))
    ax.plot(table["step"], table["blank"], color=GRAY, linewidth=1, linestyle="--", label="blank")
    best = np.stack([table["blank"], *(table[name] for name in names)]).argmax(axis=0)
    for number, name in enumerate(names, start=1):
        ax.plot(table["step"], table[name], linewidth=1.4)
        own = np.flatnonzero(best == number)
        for run in np.split(own, np.flatnonzero(np.diff(own) > 1) + 1) if len(own) else []:
            at = run[np.argmax(table[name].to_numpy()[run])]
            if table[name][at] >= LEAST_PROBABILITY:
                ax.annotate(
                    name[2:-1], (table["step"][at], table[name][at]), ha="center", va="bottom", parse_math=False
                )
    written, true = report.predictions.predicted[row], report.predictions.actual[row]
    title = f'predicted "{_shorten(written)}", true "{_shorten(true)}"'
    ax.set_title(title, parse_math=False)
    ax.set(xlabel="step", ylabel="probability", ylim=(0, 1.12))
    ax.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1))  # clear of the letters
    return figure


def _shorten(text: str, most: int = 60) -> str:
    return text if len(text) <= most else f"{text[:most]}..."


def draw_errors_by_length(report: Report) -> Figure:
    """Draw the character error rate by the number of true letters."""
    figure, (ax,) = new_figure()
    actual, predicted = report.predictions.actual, report.predictions.predicted
    lengths, errors = np.array([*map(len, actual)]), count_edits(actual, predicted)
    groups = np.array_split(np.unique(lengths), min(MOST_GROUPS, len(np.unique(lengths))))
    for group in groups:
        inside = np.isin(lengths, group)
        name = str(group[0]) if len(group) == 1 else f"{group[0]}-{group[-1]}"
        rate = errors[inside].sum() / lengths[inside].sum()
        ax.bar(name, rate, color=BLUE)
        ax.annotate(f"{inside.sum():,}", (name, rate), ha="center", va="bottom", fontsize="small")
    ax.yaxis.set_major_formatter("{x:.1%}")
    ax.set(xlabel="letters of the text", ylabel="character error rate", title="Errors by length (above: texts)")
    return figure
