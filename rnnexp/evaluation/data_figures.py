"""Pictures of data before anything is trained: how much is in each part, which classes, how long."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from rnnexp.data.dataset import Dataset, Part
from rnnexp.evaluation.figures import BLUE, GRAY, ORANGE, count_on, name_source, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PARTS = {"train": ("training", GRAY), "val": ("validation", ORANGE), "test": ("test", BLUE), "all": ("all", BLUE)}
MAX_CLASSES = 30  # the names of more would cover each other
BINS = 30


def draw_data(dataset: Dataset) -> Iterator[tuple[str, Figure]]:
    """Yield each picture with its name: lengths where they differ, and sizes."""
    lengths = {name: part.arrays["length"][part.indices] for name, part in dataset.parts.items() if _differs(part)}
    if lengths:
        yield "lengths", draw_lengths(lengths)
    yield "parts", draw_parts(dataset)


def draw_labeled(dataset: Dataset) -> Iterator[tuple[str, Figure]]:
    """Yield each picture of data with labels."""
    yield "classes", draw_classes(dataset)
    yield from draw_data(dataset)


def _differs(part: Part) -> bool:
    return "length" in part.arrays and len(np.unique(part.arrays["length"][part.indices])) > 1


def draw_parts(dataset: Dataset) -> Figure:
    """Draw how many examples each part has, of a text how many tokens."""
    figure, (ax,) = new_figure(size=(6, 4))
    for name, part in dataset.parts.items():
        label, color = PARTS[name]
        ax.bar(label, part.samples, color=color)
        ax.annotate(f"{part.samples:,}", (label, part.samples), ha="center", va="bottom")
    count_on(ax.yaxis)
    what = "examples" if all(part.samples == len(part) for part in dataset.parts.values()) else "tokens"
    ax.set(ylabel=what, title=f"{name_source(dataset)}: {what} by set")
    return figure


def draw_classes(dataset: Dataset) -> Figure:
    """Draw the share of each class in each part: a class that a part lacks cannot be learned or scored there."""
    every = dataset.spec.classes
    names, of_all = every[:MAX_CLASSES], f", the first {MAX_CLASSES} of {len(every)}"
    figure, (ax,) = new_figure(size=(max(7.0, 0.5 * len(names) + 2), 4.5), searched=True)
    width = 0.8 / len(dataset.parts)
    for number, name in enumerate(dataset.parts):
        counts = dataset.count_labels(name)
        label, color = PARTS[name]
        shares = counts[: len(names)] / max(counts.sum(), 1)
        ax.bar(np.arange(len(names)) + number * width, shares, width, color=color, label=label)
    ax.set_xticks(np.arange(len(names)) + width * (len(dataset.parts) - 1) / 2, names)
    ax.tick_params(axis="x", rotation=90 if max(map(len, names)) > 8 and len(names) > 5 else 0)
    ax.yaxis.set_major_formatter("{x:.0%}")
    ax.set(ylabel="share of the set", title=f"Classes by set{of_all if len(every) > MAX_CLASSES else ''}")
    figure.legend(loc="outside upper right", frameon=False, ncols=len(dataset.parts))
    return figure


def draw_lengths(lengths: Mapping[str, np.ndarray]) -> Figure:
    """Draw how long the sequences of each part are."""
    figure, (ax,) = new_figure()
    longest = max(int(values.max()) for values in lengths.values())
    width = -(-(longest + 1) // BINS)  # whole steps: else some bins would hold one length more than others
    edges = np.arange(0, longest + 1 + width, width)
    for name, values in lengths.items():
        label, color = PARTS[name]
        share = np.full(len(values), 1 / len(values))
        ax.hist(values, list(edges), weights=share, histtype="step", linewidth=1.6, color=color, label=label)
    count_on(ax.xaxis)
    ax.yaxis.set_major_formatter("{x:.0%}")
    ax.set(xlabel="steps of a sequence", ylabel="share of the set", title="Lengths by set")
    ax.legend(frameon=False)
    return figure
