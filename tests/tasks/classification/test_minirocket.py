"""MiniRocket reaches the figures of its authors, and its kernels answer what the formula says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_sequence_baselines import accuracy

from rnnexp.evaluation.report import Undefined
from rnnexp.tasks.classification import minirocket
from rnnexp.tasks.classification.minirocket import KERNELS, fit_minirocket


@pytest.mark.parametrize(
    ("name", "published", "most"),
    [("GunPoint", 0.993333, 0), ("ArrowHead", 0.862857, 0), ("ItalyPowerDemand", 0.968902, 2)],
)
def test_it_scores_as_its_authors_published(shared_data: Path, name: str, published: float, most: int) -> None:
    """Resample 0, the split of the archive, of results/accuracy_ucr109_resamples.csv in angus924/minirocket."""
    right, total = accuracy(shared_data / "ucr_uea", name, "minirocket")
    assert abs(right - round(published * total)) <= most


def waves(count: int, lengths: tuple[int, int] = (30, 31), channels: int = 2) -> tuple[list[np.ndarray], np.ndarray]:
    """Make sequences of noise, of which every other one has a wave in one channel, at a place of its own."""
    rng, labels = np.random.default_rng(0), np.arange(count) % 2
    made = []
    for label in labels:
        steps = np.arange(rng.integers(*lengths))[:, None]
        wave = np.sin(steps * 1.3 + rng.uniform(0, 6)) * (np.arange(channels) == 0) * label
        made.append(wave + 0.5 * rng.normal(size=(len(steps), channels)))
    return made, labels


def test_kernels_answer_the_sum_of_the_channels_that_they_see() -> None:
    values = np.random.default_rng(0).normal(size=(2, 3, 20)).astype(np.float32)
    seen = np.tile([1.0, 0.0, 1.0], (len(KERNELS), 1))
    (kernel, answer) = list(minirocket._convolve(values, 2, seen, 0))[5]
    weights = np.full(9, -1.0)
    weights[KERNELS[kernel]] = 2
    summed = values[:, [0, 2]].sum(axis=1)
    padded = np.pad(summed, ((0, 0), (8, 8)))
    by_hand = [[weights @ row[step : step + 17 : 2] for step in range(20)] for row in padded]
    assert answer == pytest.approx(np.array(by_hand), abs=1e-4)


@pytest.mark.parametrize("lengths", [(30, 31), (12, 40)])
def test_a_wave_in_noise_is_told_wherever_it_begins_and_whatever_the_length(lengths: tuple[int, int]) -> None:
    made, labels = waves(120, lengths)
    found = fit_minirocket(made[:60], labels[:60], 2).predict(made[60:])
    assert (found.argmax(axis=1) == labels[60:]).mean() > 0.8
    shuffled = np.random.default_rng(1).permutation(labels[:60])
    other = fit_minirocket(made[:60], shuffled, 2).predict(made[60:])
    assert (other.argmax(axis=1) == labels[60:]).mean() < 0.75


def test_the_same_sequences_give_the_same_classifier_and_a_class_without_examples_has_probability_0() -> None:
    made, labels = waves(20)
    first, again = (fit_minirocket(made, labels * 2, 4).predict(made) for _ in range(2))
    assert np.array_equal(first, again)
    assert not first[:, [1, 3]].any()
    assert first.sum(axis=1) == pytest.approx(np.ones(20))


def test_what_takes_too_long_or_cannot_be_fitted_is_left_out_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    made, labels = waves(12)
    with pytest.raises(Undefined, match="the training set has one class only"):
        fit_minirocket(made, labels * 0, 2)
    with pytest.raises(Undefined, match="the longest training sequence has 8 steps, and a kernel 9"):
        fit_minirocket([one[:8] for one in made], labels, 2)
    model = fit_minirocket(made, labels, 2)
    monkeypatch.setattr(minirocket, "MAX_VALUES", 600)
    with pytest.raises(Undefined, match=r"training sequences of 7e\+02 values take too long; the most is 6e\+02"):
        fit_minirocket(made, labels, 2)
    with pytest.raises(Undefined, match="sequences of 7e"):
        model.predict(made)
    monkeypatch.setattr(minirocket, "MAX_EXAMPLES", 10)
    with pytest.raises(Undefined, match="there are 12 training sequences; the most is 10"):
        fit_minirocket(made, labels, 2)
