"""Classifiers without a network reach the figures that are published or were computed for these data sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rnnexp.config.compose import compose
from rnnexp.data.sources.ts import ts
from rnnexp.evaluation.report import Undefined
from rnnexp.tasks import load
from rnnexp.tasks.classification import report, sequence_baselines
from rnnexp.tasks.classification.sequence_baselines import Summary, fit_nearest


def accuracy(folder: Path, name: str, baseline: str) -> tuple[int, int]:
    """Return how many test examples a baseline gets right, and of how many."""
    train = folder / name / f"{name}_TRAIN.ts"
    dataset = load(ts(path=str(train), test_path=str(train).replace("TRAIN", "TEST"), split="none"))
    shares = report.baselines(dataset)[baseline]().predict(report.list_inputs(dataset, "test"))
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    return int((shares.argmax(axis=1) == dataset.truth("test")).sum()), len(shares)


@pytest.mark.parametrize(
    ("name", "right", "total"),
    [("ItalyPowerDemand", 983, 1029), ("GunPoint", 137, 150), ("ArrowHead", 140, 175), ("BasicMotions", 24, 40)],
)
def test_the_nearest_neighbor_scores_as_published(shared_data: Path, name: str, right: int, total: int) -> None:
    published = {"ItalyPowerDemand": 0.955, "GunPoint": 0.913, "ArrowHead": 0.800, "BasicMotions": 0.600}
    assert accuracy(shared_data / "ucr_uea", name, "nearest") == (right, total)
    assert round(right / total, 3) == published[name]


def test_summary_features_score_as_computed(shared_data: Path) -> None:
    folder = shared_data / "japanese_vowels"
    train = folder / "JapaneseVowels_TRAIN.ts"
    dataset = load(ts(path=str(train), test_path=str(folder / "JapaneseVowels_TEST.ts"), split="none"))
    shares = report.baselines(dataset)["summary"]().predict(report.list_inputs(dataset, "test"))
    assert round(100 * float((shares.argmax(axis=1) == dataset.truth("test")).mean()), 2) == 98.65


def test_the_header_of_japanese_vowels_has_the_figures_of_its_baselines(shared_data: Path) -> None:
    """Its scaler is `standard`, and baselines see what the network sees: unscaled, the nearest neighbor has .951."""
    dataset = load(compose("experiment=japanese_vowels", f"data.root={shared_data}").data)
    header = (Path(__file__).parents[3] / "experiments" / "japanese_vowels.yaml").read_text().replace("\n#", "")
    for name, words in (("summary", "summary features"), ("nearest", "nearest neighbor")):
        shares = report.baselines(dataset)[name]().predict(report.list_inputs(dataset, "test"))
        right = float((shares.argmax(axis=1) == dataset.truth("test")).mean())
        assert f"{words} ({right:.3f})".replace("(0.", "(.") in header


def test_sequences_of_other_length_are_stretched() -> None:
    ramp, hat = np.linspace(0, 1, 9)[:, None], np.abs(np.linspace(-1, 1, 9))[:, None]
    asked = [np.linspace(0, 1, 4)[:, None], np.abs(np.linspace(-1, 1, 5))[:, None], np.ones((1, 1))]
    shares = fit_nearest([ramp, hat], np.array([2, 0]), 3).predict(asked)
    assert shares.argmax(axis=1).tolist() == [2, 0, 0]
    assert (shares[:, 1] == 0).all()


def test_features_are_mean_deviation_first_middle_and_last() -> None:
    generator = np.random.default_rng(0)
    train = [generator.normal(size=(3 + i % 4, 2)) for i in range(60)]
    for step in (0, -1):
        labels = np.array([int(one[step, 1] > 0) for one in train])
        chosen = Summary.fit(train, labels, 2).predict(train).argmax(axis=1)
        assert (chosen == labels).mean() > 0.85
    shuffled = Summary.fit(train, generator.permutation(labels), 2).predict(train)
    assert (shuffled.argmax(axis=1) == labels).mean() < 0.75


def test_what_would_take_too_long_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [np.ones((5, 2)), np.zeros((7, 2))]
    nearest = fit_nearest(many, np.array([0, 1]), 2)
    monkeypatch.setattr(sequence_baselines, "MOST_PRODUCTS", 2 * 2 * 7 * 2)
    assert nearest.predict(many).argmax(axis=1).tolist() == [0, 1]
    monkeypatch.setattr(sequence_baselines, "MOST_PRODUCTS", 2 * 2 * 7 * 2 - 1)
    with pytest.raises(Undefined, match="it would take 6e[+]01 multiplications to compare all sequences"):
        nearest.predict(many)
