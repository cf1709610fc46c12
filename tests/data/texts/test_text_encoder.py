"""From texts to ids and back: what is learned, where it is learned, and what is cut."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnexp.data.sources.labeled_texts import text_lines
from rnnexp.data.texts.corpus import Texts
from rnnexp.data.texts.encoder import Encoder
from rnnexp.data.texts.prepare import Rules, prepare
from rnnexp.data.texts.tokens import Tokenizer
from rnnexp.data.texts.vocabulary import PADDING, UNKNOWN, Vocabulary, learn
from rnnexp.errors import DataError

WORDS = st.lists(st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=9), min_size=1, max_size=8)
ENCODER = Encoder(Tokenizer("blank"), Vocabulary(("<padding>", "<unknown>", "a", "b", "c", "d")))


def corpus(*texts: str) -> Texts:
    Path("t.txt").write_text("".join(f"x {text}\n" for text in texts))
    return text_lines(path="t.txt").read()


def parts(**given: list[int]) -> dict[str, np.ndarray]:
    return {name: np.array(texts, int) for name, texts in given.items()}


def test_tokens_are_numbered_by_frequency_and_then_by_alphabet() -> None:
    vocabulary = learn([["b", "c", "a"], ["c", "a"], ["d"]]).vocabulary
    assert vocabulary.tokens == ("<padding>", "<unknown>", "a", "c", "b", "d")
    assert (PADDING, UNKNOWN) == (0, 1)
    assert vocabulary.ids == {"a": 2, "c": 3, "b": 4, "d": 5}


def test_a_vocabulary_is_limited_by_size_and_by_frequency() -> None:
    texts = [["a"] * 4 + ["b"] * 3 + ["c"] * 2 + ["d"]]
    assert learn(texts, max_tokens=4).vocabulary.tokens[2:] == ("a", "b")
    found = learn(texts, min_count=2)
    assert found.vocabulary.tokens[2:] == ("a", "b", "c")
    assert found.note == "vocabulary: 3 of the 4 tokens of the training set; the others make up 10.0% of it"


def test_the_reserved_words_are_never_looked_up() -> None:
    encoder = Encoder(Tokenizer("blank"), learn([["<unknown>", "<padding>", "a"]]).vocabulary)
    assert encoder.encode(["<unknown> <padding> a"]).ids.min() > UNKNOWN


@pytest.mark.parametrize("tokens", ["word", "character", "subword"])
def test_what_is_learned_depends_on_the_training_part_only(tokens: str) -> None:
    if tokens == "subword":
        pytest.importorskip("tokenizers")
    rules = Rules(tokens=tokens, max_tokens=300)  # type: ignore[arg-type]
    given = parts(train=[0, 1], val=[2], test=[3])
    first, second, other = (
        prepare(corpus("good film good", "bad film", *rest), given, rules).encoder.to_json()
        for rest in (("good one", "poor"), ("zzz zzz zzz", "qqq qqq"), ("good one", "poor"))
    )
    assert first == second == other
    changed = prepare(corpus("zzz zzz zzz", "bad film", "good one", "poor"), given, rules).encoder.to_json()
    assert changed != first


def test_unknown_tokens_are_counted_for_each_part() -> None:
    texts = corpus("a b", "a b", "a c", "d e")
    found = prepare(texts, parts(train=[0, 1], val=[2], test=[3]), Rules())
    assert found.notes == (
        "vocabulary: 2 of the 2 tokens of the training set; the others make up 0.0% of it",
        "unknown tokens: 0.0% of train, 50.0% of val, 100.0% of test",
    )


@pytest.mark.parametrize(("keep", "ids"), [("first", [2, 3]), ("last", [4, 5])])
def test_long_texts_are_cut_counted_and_named(keep: str, ids: list[int]) -> None:
    texts = corpus("a b c d", "a b", "a b c")
    rules = Rules(max_length=2, keep=keep)  # type: ignore[arg-type]
    found = prepare(texts, parts(train=[0, 1, 2]), rules)
    assert found.encoded.ids[:2].tolist() == ids
    assert found.encoded.offsets.tolist() == [0, 2, 4, 6]
    assert found.encoded.cut.tolist() == [0, 2]
    assert found.notes[-1] == (
        f"2 texts have more than data.max_length=2 tokens, at most 4: t.txt, lines 1, 3; only the {keep} 2 are kept"
    )


def test_a_text_of_just_the_maximum_is_not_cut() -> None:
    found = prepare(corpus("a b c", "a b c"), parts(train=[0, 1]), Rules(max_length=3, on_long="fail"))
    assert len(found.encoded.cut) == 0


def test_texts_that_stand_in_the_training_part_too_are_counted() -> None:
    texts = corpus("a b", "b a", "a b", "a b", "a c")
    found = prepare(texts, parts(train=[0, 1], val=[4], test=[2, 3]), Rules())
    assert found.notes[-1] == "2 texts of the test set also stand in the training set"


@given(WORDS)
def test_decoding_gives_back_the_known_words(texts: list[list[str]]) -> None:
    encoded = ENCODER.encode([" ".join(text) for text in texts])
    assert encoded.ids.dtype == np.int32
    assert encoded.offsets[-1] == len(encoded.ids)
    for text, first, last in zip(texts, encoded.offsets[:-1], encoded.offsets[1:]):
        expected = [word if word in "abcd" else "<unknown>" for word in text]
        assert ENCODER.decode(encoded.ids[first:last]) == expected


@given(WORDS, st.integers(1, 9), st.sampled_from(["first", "last"]))
def test_a_maximum_keeps_one_end_of_every_text(texts: list[list[str]], most: int, keep: Any) -> None:
    encoder = Encoder(ENCODER.tokenizer, ENCODER.vocabulary, most, keep)
    short = [text[:most] if keep == "first" else text[-most:] for text in texts]
    encoded, expected = encoder.encode([" ".join(t) for t in texts]), ENCODER.encode([" ".join(t) for t in short])
    assert np.array_equal(encoded.ids, expected.ids)
    assert encoded.lengths.tolist() == [len(text) for text in texts]


def test_a_text_without_tokens_is_refused_with_its_place() -> None:
    with pytest.raises(DataError, match="text 2: the text is empty"):
        ENCODER.encode(["a", " \n"])
    with pytest.raises(DataError, match="row 7: the text is empty"):
        ENCODER.encode([""], lambda text: f"row {text + 7}")


@pytest.mark.parametrize("tokens", ["word", "subword"])
def test_an_encoder_comes_back_from_json(tokens: str) -> None:
    if tokens == "subword":
        pytest.importorskip("tokenizers")
    texts = corpus("a good film", "a bad film", "good good")
    rules = Rules(tokens=tokens, max_tokens=300, max_length=4, keep="last")  # type: ignore[arg-type]
    encoder = prepare(texts, parts(train=[0, 1]), rules).encoder
    again = Encoder.from_json(json.loads(json.dumps(encoder.to_json())))
    assert again == encoder
    unseen = ["Another GOOD film, at last", "film"]
    assert np.array_equal(again.encode(unseen).ids, encoder.encode(unseen).ids)
    assert len(again.encode(unseen).cut) == 1


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("tokens", "pickle"),
        ("lowercase", 1),
        ("subwords", "{}"),
        ("max_length", 0),
        ("max_length", True),
        ("keep", "middle"),
        ("vocabulary", ["a", "a"]),
        ("vocabulary", [1]),
        ("vocabulary", None),
    ],
)
def test_a_damaged_encoder_is_refused(key: str, value: object) -> None:
    with pytest.raises(DataError, match=f"the text encoder of the model is damaged: `{key}` is "):
        Encoder.from_json({**ENCODER.to_json(), key: value})
    assert Encoder.from_json(ENCODER.to_json()) == ENCODER
