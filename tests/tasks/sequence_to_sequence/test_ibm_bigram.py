"""Which translation of a word is taken is decided by the words beside it."""

from __future__ import annotations

from itertools import product
from math import log

import pytest

from rnnexp.evaluation.report import Undefined
from rnnexp.tasks.sequence_to_sequence import ibm_bigram
from rnnexp.tasks.sequence_to_sequence.ibm_bigram import EDGE, BigramDictionary, Bigrams, fit_bigram_dictionary

SOURCES = [text.split() for text in ["the bank", "the river bank", "the money bank", "the river", "the money"] * 4]
TARGETS = [text.split() for text in ["die bank", "die fluss ufer", "die geld bank", "die fluss", "die geld"] * 4]


def test_a_word_with_two_translations_gets_the_one_that_follows_the_word_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ibm_bigram, "WEIGHT", 1.0)
    model = fit_bigram_dictionary(SOURCES, TARGETS)
    assert list(model.translations["bank"])[:1] == ["bank"]
    assert "ufer" in model.translations["bank"]
    assert model.predict([["the", "river", "bank"], ["the", "money", "bank"]]) == [
        ["die", "fluss", "ufer"],
        ["die", "geld", "bank"],
    ]
    monkeypatch.setattr(ibm_bigram, "WEIGHT", 0.0)
    assert model.predict([["the", "river", "bank"]]) == [["die", "fluss", "bank"]]


def test_a_word_that_training_does_not_have_stays_and_no_words_are_no_words() -> None:
    model = fit_bigram_dictionary(SOURCES, TARGETS)
    assert model.predict([["the", "Rhine", "bank"], []])[0][:2] == ["die", "Rhine"]
    assert model.predict([[]]) == [[]]


def test_the_best_of_all_ways_is_found() -> None:
    table = {"a": {"x": 0.6, "y": 0.4}, "b": {"x": 0.5, "z": 0.5}, "c": {"y": 0.7, "z": 0.3}}
    follows = {EDGE: {"x": 2, "y": 1}, "x": {"z": 3, "y": 1}, "y": {"z": 2, EDGE: 4}, "z": {"y": 2, EDGE: 1}}
    model, bigrams = BigramDictionary(table, follows), Bigrams(follows)
    tokens = ["a", "b", "c", "a"]

    def score(path: tuple[str, ...]) -> float:
        steps = zip([EDGE, *path], [*path, EDGE])
        chances = sum(log(table[token][word]) for token, word in zip(tokens, path))
        return chances + sum(bigrams.score(before, after) for before, after in steps)

    ways = list(product(*(table[token] for token in tokens)))
    assert tuple(model.predict([tokens])[0]) == max(ways, key=score)
    assert len({score(way) for way in ways}) > 4


def test_bigrams_are_those_of_witten_and_bell() -> None:
    bigrams = Bigrams({"a": {"b": 3, "c": 1}, "b": {"c": 2}})
    alone = 3 / 6  # of c
    assert bigrams.score("a", "c") == pytest.approx(ibm_bigram.WEIGHT * log((1 + 2 * alone) / (4 + 2)))
    assert bigrams.score("unseen", "c") == pytest.approx(ibm_bigram.WEIGHT * log(alone))


def test_too_many_tokens_are_left_out_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ibm_bigram, "MAX_TRIED", 100)
    with pytest.raises(Undefined, match="2 tokens take too long to choose among their translations"):
        fit_bigram_dictionary(SOURCES, TARGETS).predict([["the", "bank"]])
