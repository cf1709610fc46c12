"""Perplexity of a network and of n-grams, on the same tokens."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

import rnnexp as rx
from rnnexp.tasks import load
from rnnexp.tasks.language_modeling.ngrams import log_probabilities
from rnnexp.tasks.language_modeling.report import scores


def test_ngrams_computed_by_hand() -> None:
    train, asked = np.array([0, 1, 0, 1, 0, 2]), np.array([0, 1, 2])
    one, two = log_probabilities(train, asked, vocabulary=4, order=2)
    unigram = {1: (2 + 3 / 4) / 9, 2: (1 + 3 / 4) / 9}  # 6 tokens, of 3 kinds, mixed with 1 / 4
    np.testing.assert_allclose(np.exp(one), [unigram[1], unigram[2]])
    after = {
        1: (2 + 2 * unigram[1]) / 5,
        2: (0 + 1 * unigram[2]) / 3,
    }  # 0 is followed 3 times, 1 twice, by 2 and 1 kinds
    np.testing.assert_allclose(np.exp(two), [after[1], after[2]])


def test_the_probabilities_of_all_tokens_add_up_to_one() -> None:
    generator = np.random.default_rng(0)
    train = generator.integers(0, 5, 60)
    for order in (1, 2, 3):
        total = 0.0
        for token in range(6):
            asked = np.array([3, 1, token])
            total += float(np.exp(log_probabilities(train, asked, vocabulary=6, order=order)[-1][-1]))
        assert total == pytest.approx(1)


def test_no_context_reaches_from_one_text_into_another() -> None:
    train = np.array([0, 1, 2] * 5)
    first = log_probabilities(train, np.array([0, 1, 2]), 3, 3)[-1]
    longer = log_probabilities(np.concatenate([train, [2]]), np.array([0, 1, 2]), 3, 3)[-1]
    assert np.abs(first - longer).max() < 0.2  # only counts change
    again = log_probabilities(train, np.array([0, 1, 2, 0, 1, 2]), 3, 3)[-1]
    np.testing.assert_allclose(again[:2], first)
    assert again[3] > first[0]  # now the context is known


def test_published_figures_of_shakespeare_are_reproduced(shared_data: Path) -> None:
    text = np.array(list((shared_data / "tiny_shakespeare" / "input.txt").read_text()))
    ids, cut = np.unique(text, return_inverse=True)[1], int(0.9 * len(text))
    nats = [-values.mean() for values in log_probabilities(ids[:cut], ids[cut:], 65, 5)]
    np.testing.assert_allclose(nats, [3.347, 2.486, 2.049, 1.774, 1.669], atol=5e-4)


def test_published_figures_of_penn_treebank_are_reproduced(shared_data: Path) -> None:
    def words(part: str) -> list[str]:
        with gzip.open(shared_data / "ptb" / f"ptb.{part}.txt.gz", "rt") as file:
            return [word for line in file for word in [*line.split(), "<eos>"]]

    train, test = words("train"), words("test")
    known, ids = np.unique(np.array(train + test), return_inverse=True)
    found = log_probabilities(ids[: len(train)], ids[len(train) :], len(known), 3)
    np.testing.assert_allclose(np.exp([-values.mean() for values in found]), [639.8, 199.8, 188.7], atol=0.05)


def test_perplexity_is_exp_of_nats() -> None:
    assert scores(np.log([0.5, 0.125])) == {"nats": pytest.approx(2 * np.log(2)), "perplexity": pytest.approx(4)}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> rx.RunResult:
    folder = tmp_path_factory.mktemp("counted")
    file = folder / "count.txt"
    file.write_text("abcdefgh" * 200)
    light = ("tracking=off", "tracking.figures=false", "tracking.log_model=false")
    lanes = ("data.sequence_length=8", "trainer.batch_size=10", "trainer.epochs=60", "optimizer.learning_rate=0.02")
    experiment = rx.compose("data=corpus", f"data.path={file}", "model=gru", "model.units=[12]", *lanes, *light)
    return rx.run(experiment, folder, quiet=True)


def test_a_run_is_scored_beside_ngrams(run: rx.RunResult) -> None:
    assert run.report.best_baseline == "ngram"
    assert run.metrics["baseline/unigram/perplexity"] == pytest.approx(8, rel=0.05)
    assert run.metrics["test/perplexity"] < 1.2
    expected = 1 - run.metrics["test/perplexity"] / run.metrics["baseline/ngram/perplexity"]
    assert run.metrics["skill/perplexity"] == pytest.approx(expected)
    assert len(run.predictions.predicted) == run.metrics["data/n_test"] - 1


def test_the_table_says_where_the_nats_go(run: rx.RunResult) -> None:
    table = run.report.tables["tokens"]
    assert set(table["token"]) == set("abcdefgh")
    assert table["share"].sum() == pytest.approx(1)
    assert table["count"].sum() == len(run.predictions.predicted)
    assert (table["count"] * table["nats"]).sum() == pytest.approx(-run.predictions.predicted.sum())
    assert table["share"].is_monotonic_decreasing


def test_the_picture_shows_the_text_with_each_token_in_its_color(run: rx.RunResult) -> None:
    from rnnexp.data.dataset import Predictions
    from rnnexp.tasks.language_modeling.figures import laid_out, surprise

    dataset = load(run.experiment.data)
    placed = laid_out(dataset, run.predictions)
    assert "".join(text for _, _, text, _ in placed).startswith("bcdefgha")
    assert [nats for *_, nats in placed[:5]] == pytest.approx(list(-run.predictions.predicted[:5]))
    axis = surprise(dataset, run.predictions).axes[0]
    assert len(axis.texts) == len(placed)

    def colors(nats: np.ndarray) -> int:
        drawn = surprise(dataset, Predictions(-nats, run.predictions.actual)).axes[0]
        return len({patch.get_facecolor() for patch in drawn.patches})

    def inks(nats: float) -> set[str]:
        drawn = surprise(dataset, Predictions(np.full(tokens, -nats), run.predictions.actual)).axes[0]
        return {text.get_color() for text in drawn.texts}

    tokens = len(run.predictions.actual)
    assert (inks(0.1), inks(8.0)) == ({"black"}, {"white"})
    assert colors(np.ones(tokens)) == 1
    assert colors(np.arange(tokens) % 4 * 2.0) == 4
