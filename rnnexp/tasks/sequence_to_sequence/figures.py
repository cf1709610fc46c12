"""The pictures of an encoder-decoder: where it looked, and how it copes with long texts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from rnnexp.evaluation.figures import BLUE, new_figure
from rnnexp.tasks.sequence_to_sequence.dataset import PairDataset
from rnnexp.tasks.sequence_to_sequence.report import right

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from rnnexp.evaluation.report import Report

SHOWN, MOST_TOKENS = 4, 24  # texts whose attention is drawn, and tokens of the longest
MOST_GROUPS = 12


def figures(dataset: PairDataset, report: Report) -> Iterator[tuple[str, Figure]]:
    """Yield every picture with its name; that of the attention only where there is any."""
    looks = [(row, look) for row, look in enumerate(report.attention) if look is not None]
    if looks:
        yield "attention", attention(dataset, report, chosen(looks))
    yield "exact_by_length", exact_by_length(dataset, report)


def chosen(looks: list[tuple[int, np.ndarray]]) -> list[tuple[int, np.ndarray]]:
    """Return the longest texts that can be read in a picture."""
    legible = [one for one in looks if max(one[1].shape) <= MOST_TOKENS]
    return sorted(legible or looks[:1], key=lambda one: -one[1].shape[0])[:SHOWN]


def attention(dataset: PairDataset, report: Report, looks: list[tuple[int, np.ndarray]]) -> Figure:
    """Draw which source token each written token was looking at."""
    rows = -(-len(looks) // 2)
    figure, axes = new_figure(rows, min(2, len(looks)), (13 if len(looks) > 1 else 7, 5.5 * rows))
    sources = list(dataset.references(dataset.scored))
    for ax, (row, look) in zip(axes, looks):
        tokens = dataset.pipeline.source.tokenizer.split(sources[row])
        text = str(report.predictions.predicted[row])
        ends = [*dataset.pipeline.target.tokenizer.split(text), "■"] if text else ["■"]
        _look(ax, look, tokens, ends)
    for ax in axes[len(looks) :]:
        ax.set_visible(False)
    figure.colorbar(axes[0].images[0], ax=list(axes), label="weight of the attention", shrink=0.6)
    figure.suptitle(
        f"{dataset.summary.source}: attention of each written token (left) over the source (below); ■ is the end"
    )
    return figure


def _look(ax: Axes, look: np.ndarray, source: list[str], target: list[str]) -> None:
    ax.imshow(look, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    ax.grid(visible=False)
    ax.set_xticks(np.arange(look.shape[1]), _plain(source[: look.shape[1]]), rotation=60, ha="right", parse_math=False)
    ax.set_yticks(np.arange(look.shape[0]), _plain(target[: look.shape[0]]), parse_math=False)


def _plain(tokens: list[str]) -> list[str]:
    return ["".join(sign if sign.isprintable() else "·" for sign in token) for token in tokens]


def exact_by_length(dataset: PairDataset, report: Report) -> Figure:
    """Draw the share of texts that are exactly right by the number of tokens of their source."""
    figure, (ax,) = new_figure()
    known = dataset.references(dataset.scored)
    sources, target = list(known), dataset.pipeline.target.tokenizer
    exact = [right(target, str(text), own) for text, own in zip(report.predictions.predicted, known.values())]
    lengths = np.array([len(dataset.pipeline.source.tokenizer.split(text)) for text in sources])
    groups = np.array_split(np.unique(lengths), min(MOST_GROUPS, len(np.unique(lengths))))
    names, shares, counts = [], [], []
    for group in groups:
        inside = np.isin(lengths, group)
        names.append(str(group[0]) if len(group) == 1 else f"{group[0]}-{group[-1]}")
        shares.append(np.array(exact)[inside].mean())
        counts.append(int(inside.sum()))
    ax.bar(names, shares, color=BLUE)
    for place, (share, count) in enumerate(zip(shares, counts)):
        ax.text(place, share + 0.01, f"{count:,}", ha="center", fontsize="small")
    part = {"test": "test set", "train": "training set"}.get(dataset.scored, "texts")
    ax.set(xlabel="tokens of the source", ylabel="share exactly right", ylim=(0, 1.08))
    ax.set_title(f"{dataset.summary.source}: exact matches by length, {part} (above: number of texts)")
    return figure
