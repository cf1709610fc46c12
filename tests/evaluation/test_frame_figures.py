"""The strips show the clips that a network was most wrong about, the worst first."""

from __future__ import annotations

import numpy as np

from rnnexp.data.dataset import Predictions
from rnnexp.data.sources.moving_digits import moving_digits
from rnnexp.evaluation.frame_figures import MAX_CLIPS, draw_worst_clips
from rnnexp.tasks import load


def test_the_worst_clips_come_first_with_what_they_were_taken_for() -> None:
    dataset = load(moving_digits(pairs=40, size=12))
    actual = dataset.truth("test")
    right = np.linspace(0.05, 0.9, len(actual))[::-1]
    shares = np.where(np.eye(2)[actual] > 0, right[:, None], 1 - right[:, None])
    figure = draw_worst_clips(dataset, Predictions(shares, actual))
    titles = [ax.get_title(loc="left") for ax in figure.axes if ax.get_title(loc="left")]
    assert len(titles) == MAX_CLIPS
    worst = dataset.sequences.place(int(dataset.parts["test"].indices[-1]))
    assert titles[0].startswith(f"{worst}: ")
    taken = dataset.spec.classes[1 - actual[-1]]
    assert titles[0].endswith(f"{dataset.spec.classes[actual[-1]]}, classified as {taken}")
