"""Baselines of texts: the published figures of the real sets, and small cases by hand."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnexp.data.sources.labeled_texts import text_files, text_lines, text_table
from rnnexp.data.texts.corpus import Texts, classes
from rnnexp.data.texts.tokens import Tokenizer
from rnnexp.evaluation.report import Undefined
from rnnexp.tasks import load
from rnnexp.tasks.classification.report import baselines
from rnnexp.tasks.classification.text_baselines import (
    Cut,
    fit_naive_bayes,
    fit_nb_svm,
    fit_tfidf_chars,
    fit_tfidf_linear,
)

BLANK = Cut(Tokenizer("blank").split)


def sst2(root: str) -> Texts:
    return text_lines(path="sst2/stsa.binary.train", test_path="sst2/stsa.binary.test", root=root).read()


def ag_news(root: str) -> Texts:
    settings: dict[str, Any] = {"header": "none", "label": 0, "text": [1, 2], "test_every": 5}
    return text_table(path="ag_news/test.csv.gz", root=root, **settings).read()


def imdb(root: str) -> Texts:
    paths = {"path": "imdb_sample/train_1000.tsv.gz", "test_path": "imdb_sample/test_1000.tsv.gz"}
    return text_table(**paths, root=root, quoting=False).read()


def accuracy(baseline: Any, texts: Texts, test: np.ndarray, **settings: Any) -> float:
    """Return the percentage of test texts whose most probable class is theirs."""
    names = classes(texts)
    labels = np.array([names.index(label) for label in texts.labels or ()])
    train_texts, test_texts = ([texts.texts[i] for i in np.flatnonzero(part)] for part in (~test, test))
    found = baseline(train_texts, labels[~test], len(names), **settings).predict(test_texts)
    return float((found.argmax(axis=1) == labels[test]).mean() * 100)


@pytest.mark.parametrize(
    ("read", "baseline", "settings", "figure"),
    [
        (sst2, fit_naive_bayes, {"cut": BLANK}, 82.04),
        pytest.param(sst2, fit_tfidf_linear, {"cut": BLANK}, 81.00, marks=pytest.mark.end_to_end),
        pytest.param(imdb, fit_naive_bayes, {"cut": BLANK}, 77.5, marks=pytest.mark.end_to_end),
        pytest.param(imdb, fit_tfidf_linear, {"cut": BLANK}, 81.5, marks=pytest.mark.end_to_end),
        pytest.param(ag_news, fit_naive_bayes, {"once": False}, 87.24, marks=pytest.mark.end_to_end),
        pytest.param(ag_news, fit_tfidf_linear, {}, 87.17, marks=pytest.mark.end_to_end),
        # No figures are published for these parts; the network of sst2 has 81.3, that of ag_news 87.0.
        (sst2, fit_nb_svm, {"cut": BLANK}, 81.66),
        pytest.param(sst2, fit_tfidf_chars, {"cut": BLANK}, 83.69, marks=pytest.mark.end_to_end),
        pytest.param(imdb, fit_tfidf_chars, {"cut": BLANK}, 87.9, marks=pytest.mark.end_to_end),
        pytest.param(ag_news, fit_tfidf_chars, {}, 88.49, marks=pytest.mark.end_to_end),
    ],
)
def test_the_figures_of_the_real_sets_come_out(
    read: Any, baseline: Any, settings: dict[str, Any], figure: float, shared_data: Path
) -> None:
    texts = read(str(shared_data))
    test = np.array(texts.parts) == "test"
    assert accuracy(baseline, texts, test, **settings) == pytest.approx(figure, abs=0.005)


@pytest.mark.end_to_end
@pytest.mark.parametrize(
    ("baseline", "settings", "folds", "figure"),
    [
        (fit_naive_bayes, {}, 10, 77.7),
        (fit_tfidf_linear, {"sublinear": False}, 10, 77.9),
        (fit_nb_svm, {}, 10, 78.8),  # published for NBSVM-bi, with folds of its own: 79.4
        (fit_tfidf_chars, {}, 2, 79.4),
    ],
)
def test_the_figures_of_folds_of_mr_polarity_come_out(
    baseline: Any, settings: dict[str, Any], folds: int, figure: float, shared_data: Path
) -> None:
    from sklearn.model_selection import StratifiedKFold

    paths = {label: f"mr_polarity/rt-polarity.{label}" for label in ("pos", "neg")}
    texts = text_files(path=paths, root=str(shared_data)).read()
    scores = []
    parts = StratifiedKFold(10, shuffle=True, random_state=0).split(texts.texts, texts.labels)
    for _, held_out in islice(parts, folds):
        test = np.isin(np.arange(len(texts)), held_out)
        scores.append(accuracy(baseline, texts, test, cut=BLANK, **settings))
    assert np.mean(scores) == pytest.approx(figure, abs=0.05)


TRAIN = ["good fine film", "bad poor film", "fine fine", "poor work"]
LABELS = np.array([0, 2, 0, 2])


@pytest.mark.parametrize("baseline", [fit_naive_bayes, fit_tfidf_linear, fit_nb_svm, fit_tfidf_chars])
def test_a_class_without_training_texts_has_probability_0_in_its_own_column(baseline: Any) -> None:
    found = baseline(TRAIN, LABELS, 4).predict(["fine film", "poor film", "unseen"])
    assert found.shape == (3, 4)
    assert found[:, [1, 3]].tolist() == [[0, 0]] * 3
    assert found.sum(axis=1) == pytest.approx([1, 1, 1])
    assert found.argmax(axis=1)[:2].tolist() == [0, 2]


def test_naive_bayes_is_the_rule_of_bayes_with_one_added_to_each_count() -> None:
    found = fit_naive_bayes(["yes yes no", "no"], np.array([0, 1]), 2, once=False).predict(["yes"])
    likely, unlikely = (2 + 1) / (3 + 2), (0 + 1) / (1 + 2)
    assert found[0, 0] == pytest.approx(likely / (likely + unlikely))
    once = fit_naive_bayes(["yes yes no", "no"], np.array([0, 1]), 2).predict(["yes"])
    assert once[0, 0] == pytest.approx(1 / 2 / (1 / 2 + 1 / 3))


def test_a_rule_of_ones_own_cuts_the_words() -> None:
    texts, labels = ["a !", "a ?"], np.array([0, 1])
    assert fit_naive_bayes(texts, labels, 2, cut=Cut(str.split)).predict(["! b"])[0, 0] > 0.6
    with pytest.raises(Undefined, match="the training texts have no words"):
        fit_naive_bayes(texts, labels, 2)


def test_one_class_leaves_nothing_to_fit_a_line_to() -> None:
    for fit in (fit_tfidf_linear, fit_nb_svm, fit_tfidf_chars):
        with pytest.raises(Undefined, match="the training set has one class only"):
            fit(TRAIN, np.zeros(4, int), 2)
    assert fit_naive_bayes(TRAIN, np.zeros(4, int), 2).predict(TRAIN)[:, 0].tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("tokens", ["word", "blank", "character", "subword"])
def test_baselines_of_texts_see_the_tokens_that_the_network_sees(tokens: str) -> None:
    """The label is in which order letters follow each other within one long word, of which each text has its own."""
    generator = np.random.default_rng(0)
    pieces = {"up": ("ab", "cd"), "down": ("ac", "bd")}
    words = [(label, "".join(generator.choice(two, size=12))) for label, two in pieces.items() for _ in range(50)]
    Path("lines.txt").write_text("".join(f"{label} {word}\n" for label, word in words))
    settings: dict[str, Any] = {"tokens": tokens, "min_count": 1, "max_tokens": 24 if tokens == "subword" else None}
    dataset = load(text_lines(path="lines.txt", split={"train": 0.6, "val": 0, "test": 0.4}, **settings))
    part, made = dataset.parts["test"], baselines(dataset)
    asked = [dataset.texts[i] for i in part.indices]
    for name in ("naive_bayes", "tfidf_linear", "nb_svm"):
        right = float((made[name]().predict(asked).argmax(axis=1) == part.arrays["y"][part.indices]).mean())
        assert (right > 0.9) == (tokens in ("character", "subword"))


def test_a_word_that_only_its_characters_know_is_told_by_them() -> None:
    found = fit_tfidf_chars(TRAIN, LABELS, 3).predict(["goodness", "poorly"])
    assert found.argmax(axis=1).tolist() == [0, 2]
    assert np.array_equal(*fit_tfidf_linear(TRAIN, LABELS, 3).predict(["goodness", "poorly"]))


def test_nb_svm_weighs_a_word_by_its_log_count_ratio() -> None:
    model = fit_nb_svm(["up so", "up so", "down so", "down so"], np.array([0, 0, 1, 1]), 2)
    weights = dict(zip(model.terms, model.model.weights[:, 0]))
    assert weights["up"] == pytest.approx(-weights["down"], rel=1e-3)
    assert weights["up"] > 0.1
    assert weights["so"] == pytest.approx(0, abs=1e-9)


def test_there_is_a_limit_to_the_runs_of_characters_that_are_counted() -> None:
    long = ["ab" * 4_000_000, "ba"]
    with pytest.raises(Undefined, match="runs of tokens to count; the most is"):
        fit_naive_bayes(long, np.array([0, 1]), 2, Cut(list, 4))
    with pytest.raises(Undefined, match="runs of characters to count; the most is"):
        fit_tfidf_chars(long, np.array([0, 1]), 2)
