"""One text as tokens: parts in order, each token where it stood, and what is wrong said with file and line."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnexp as rx
from rnnexp.data.sources.corpus import corpus
from rnnexp.errors import ConfigError, DataError
from rnnexp.tasks import check_leakage, load
from rnnexp.tasks.language_modeling.dataset import Language, TextStream, apply

TEXT = "one two three\n\nfour five six\nseven eight nine\none two ten\n"


def loaded(text: str | bytes, **settings: Any) -> TextStream:
    Path("a.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
    given = {"path": "a.txt", "sequence_length": 2, "split": {"train": 0.6, "val": 0.2, "test": 0.2}, **settings}
    found = load(corpus(**given))
    assert isinstance(found, TextStream)
    return found


def test_characters_are_cut_into_parts_in_order_and_none_is_lost() -> None:
    text = "abc\ncab\n" * 5
    found = loaded(text)
    parts = [found.language.text(found.ids(part)) for part in ("train", "val", "test")]
    assert "".join(parts) == text
    assert [len(part) for part in parts] == [24, 8, 8]
    assert check_leakage(found) == []


def test_parts_that_reach_into_each_other_are_a_leak() -> None:
    found = loaded("abcabcab" * 5)
    bad = replace(found, parts={**found.parts, "test": replace(found.parts["test"], first=20)})
    assert "4 tokens are in train and in test" in check_leakage(bad)


def test_shakespeare_is_cut_as_published(shared_data: Path) -> None:
    file = shared_data / "tiny_shakespeare" / "input.txt"
    found = load(corpus(path=str(file), split={"train": 0.9, "val": 0, "test": 0.1}))
    assert {part: len(found.ids(part)) for part in found.borders} == {"train": 1_003_854, "test": 111_540}
    assert found.language.text(found.ids("test")) == file.read_text()[1_003_854:]


def test_penn_treebank_has_the_published_sizes(shared_data: Path) -> None:
    paths = {key: str(shared_data / "ptb" / f"ptb.{part}.txt.gz") for key, part in PTB.items()}
    found = load(corpus(**paths, tokens="blank", sequence_length=20))
    assert {part: len(found.ids(part)) for part in found.borders} == {"train": 929_589, "val": 73_760, "test": 82_430}
    assert len(found.language.vocabulary) == 10_002  # 10,000 with <eos>, and those for padding and unknown
    assert not (found.values == 1).any()


PTB = {"path": "train", "val_path": "valid", "test_path": "test"}


def test_words_are_cut_between_lines_and_each_line_has_its_end() -> None:
    found = loaded(TEXT, tokens="blank", on_empty="drop", split={"train": 2, "val": 1, "test": 1})
    words = found.language.vocabulary.tokens
    assert [words[i] for i in found.ids("train")] == ["one", "two", "three", "<eos>", "four", "five", "six", "<eos>"]
    assert [words[i] for i in found.ids("test")] == ["one", "two", "<unknown>", "<eos>"]
    assert found.language.text(found.ids("train")) == "one two three\nfour five six\n"


@pytest.mark.parametrize("tokens", ["character", "blank", "subword"])
def test_text_becomes_tokens_and_text_again(tokens: str) -> None:
    more = {"max_tokens": 300} if tokens == "subword" else {}
    found = loaded(TEXT * 3, tokens=tokens, split="none", **more)
    again = Language.from_json(found.language.to_json())
    assert again.text(again.ids("one two three\nfour")) == "one two three\nfour"
    assert again.text(again.ids("one two")) != "one two three"


@pytest.mark.parametrize(
    ("tokens", "prompt", "added"),
    [
        ("character", "one ", "two"),
        ("blank", "one", " two"),
        ("blank", "one\n", "two"),
        ("subword", "one", " two"),
        ("subword", "on", "e two"),
        ("subword", "one\n", "two"),
    ],
)
def test_a_continuation_is_what_a_text_goes_on_with(tokens: str, prompt: str, added: str) -> None:
    more = {"max_tokens": 259} if tokens == "subword" else {}  # bytes alone: a word is several pieces
    language = loaded(TEXT * 3, tokens=tokens, split="none", **more).language
    before, after = language.ids(prompt), language.ids(prompt + added)
    assert after[: len(before)].tolist() == before.tolist()
    assert language.continuation(before, after[len(before) :]) == added


def test_the_vocabulary_is_of_the_training_part_alone() -> None:
    found = loaded("aaaabbbbaaaabbbbcdcdcd")
    assert set(found.language.vocabulary.tokens[2:]) == {"a", "b"}
    assert (found.ids("test") == 1).all()
    assert "unknown tokens: 0.00% of train" in found.summary.notes[-1]
    assert not loaded("aaaabbbbaaaacdcdcdcdcd").summary.notes[-1].endswith("100.00% of test")


def test_subwords_can_write_what_the_training_part_does_not_have() -> None:
    found = loaded(TEXT * 3, tokens="subword", max_tokens=300, split="none")
    assert (found.language.ids("Zebras cost 7 €\nin ☃") > 1).all()
    assert (loaded(TEXT * 3, tokens="blank", split="none").language.ids("Zebras") == 1).all()
    rare = loaded(TEXT * 3, tokens="subword", max_tokens=300, split="none", min_count=2)
    assert (rare.language.ids("Zebras") == 1).any()
    tokens, counts = found.language.vocabulary.tokens[2:], np.bincount(found.values, minlength=300)[2:]
    assert len(tokens) == 256 + len([token for token in tokens if len(token) > 1])
    ranks = [(-number, token) for number, token in zip(counts.tolist(), tokens)]
    assert ranks == sorted(ranks)
    assert " of the training set; the others make up 0.0% of it; and 2" in found.summary.notes[-2]


def test_empty_lines_are_kept_dropped_or_refused_and_always_counted() -> None:
    kept, dropped = loaded(TEXT, tokens="blank"), loaded(TEXT, tokens="blank", on_empty="drop")
    assert len(kept.values) == len(dropped.values) + 1
    assert kept.summary.notes[0] == "kept 1 empty line: a.txt, line 2"
    assert dropped.summary.notes[0] == "left out 1 empty line: a.txt, line 2"
    with pytest.raises(DataError, match=r"1 empty line: a\.txt, line 2\. Correct the files, or set data\.on_empty"):
        loaded(TEXT, tokens="blank", on_empty="fail")


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        (b"caf\xe9\n" * 9, {}, "a.txt: not valid utf-8: byte 0xe9 at offset 3 (line 1)"),
        ("\n\n\n", {"split": "none"}, "a.txt: the train set has no text"),
        ("aaaaaaaaaaaa", {}, 'leave only the token "a"'),
        ("abcabcabcabcab", {"sequence_length": 5}, "the val set has 2 tokens, too few for one batch: 1 streams"),
        ("ab" * 9, {"split": {"train": 10, "val": 8, "test": 4}}, "data.split asks for 22 examples; there are 18"),
    ],
)
def test_a_bad_text_is_said(text: str | bytes, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        loaded(text, **settings)


def test_a_test_part_may_be_shorter_than_a_batch_but_needs_a_token_to_score() -> None:
    split = {"train": 26, "val": 12, "test": 2}
    found = loaded("abcabcab" * 5, sequence_length=9, split=split)
    assert found.language.text(found.ids("test")) == "ab"
    assert len(found.parts["test"]) == 1
    with pytest.raises(DataError, match=r"a\.txt: the test set has 1 token; at least 2 are needed, the second is"):
        loaded("abcabcab" * 5, sequence_length=9, split={**split, "val": 13, "test": 1})
    Path("b.txt").write_text("a")
    with pytest.raises(DataError, match=r"b\.txt: 1 token; at least 2 are needed"):
        apply(corpus(path="b.txt"), found.language, "all")


@pytest.mark.parametrize(("first", "notes"), [("ab\ncd", 1), ("ab\ncd\n", 0), ("ab\r\ncd\r\n", 0)])
def test_each_file_of_a_glob_begins_a_line_of_its_own(first: str, notes: int) -> None:
    for name, text in (("1.txt", first), ("2.txt", "ef\ngh")):
        Path(name).write_bytes(text.encode())
    found = load(corpus(path="[12].txt", split="none", sequence_length=2))
    assert isinstance(found, TextStream)
    assert found.language.text(found.ids("train")) == "ab\ncd\nef\ngh"
    said = [note for note in found.summary.notes if "last line" in note]
    assert said == ["ended 1 last line of a file: 1.txt, line 2"] * notes


def test_a_file_that_is_not_there_is_said() -> None:
    with pytest.raises(DataError, match=r"nowhere\.txt: there is no file `nowhere\.txt`"):
        load(corpus(path="nowhere.txt"))


@pytest.mark.parametrize(
    "paths",
    [
        {"path": "a.txt", "test_path": "a.txt"},
        {"path": "b.txt", "val_path": "a.txt", "test_path": "./a.txt"},
        {"path": "*.txt", "test_path": "b.txt"},
    ],
)
def test_a_file_is_not_read_for_two_parts(paths: dict[str, str]) -> None:
    for name in ("a.txt", "b.txt"):
        Path(name).write_text("abcab\n" * 20)
    with pytest.raises(DataError, match=r"[ab]\.txt: is read twice; data\.path, val_path, test_path and labels need"):
        load(corpus(**paths))
    apart = load(corpus(path="a.txt", test_path="b.txt", sequence_length=4))
    assert set(apart.parts) == {"train", "val", "test"}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.encoding=utf-9", "data.encoding: `utf-9` is unknown"),
        ("data.line_end='two words'", "data.line_end: 'two words' given; must be one word, or null"),
        ("data.tokens=subword", "data.max_tokens: subwords need a size above 258"),
        ("data.split={train: 2000-01-01, val: 2001-01-01, test: 2002-01-01}", "a text has no dates"),
        ("model.bidirectional=true", "reads backwards sees the future"),
        ("model.tie_weights=true", "the last layer has 64 units and the embedding 100; set model.embedding_dim=64"),
        ("model=lstm_fcn", "gives one output per sequence, but the data want one per time step"),
        ("model.patch_size=2", "model.patch_size: needs windows of one length"),
    ],
)
def test_settings_that_do_not_fit_are_found_before_any_text_is_read(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        rx.compose("data=corpus", "data.path=nowhere.txt", override)


def test_tied_weights_need_tokens_to_predict() -> None:
    with pytest.raises(ConfigError, match="the data have no tokens to predict"):
        rx.compose("data=sine", "model.tie_weights=true")


def test_lanes_go_on_where_they_ended_and_move_by_what_they_can_spare() -> None:
    found = loaded("abcdefgh" * 10, split="none", sequence_length=4)
    lanes = found.parts["train"].side_by_side(3)
    batches = lanes.indices.reshape(-1, 3)
    assert batches.tolist() == [[0, 26, 52], [4, 30, 56], [8, 34, 60], [12, 38, 64], [16, 42, 68], [20, 46, 72]]
    moved = {int(lanes.order(0, epoch, 3)[0]) for epoch in range(30)}
    assert moved == {0, 1, 2}
    assert (np.diff(lanes.order(0, 5, 3).reshape(-1, 3), axis=0) == 4).all()


def test_too_few_tokens_for_all_lanes_is_said() -> None:
    part = loaded("abcdefgh" * 10, split="none", sequence_length=4).parts["train"]
    message = "the train set has 80 tokens, too few for one batch: 20 streams (trainer.batch_size) of 4 steps"
    with pytest.raises(DataError, match=re.escape(message)):
        part.side_by_side(20)
