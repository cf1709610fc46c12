"""Tagged sequences: read from columns, shared out, fed with an answer for each step; what is wrong has its line."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnexp as rx
from rnnexp.data.sources.text_tags import text_tags
from rnnexp.errors import ConfigError, DataError
from rnnexp.tasks import check_leakage, load
from rnnexp.tasks.tagging.dataset import TagDataset, TagPipeline

SIX = "".join(f"The D\n{beast} N\nran V\n\n" for beast in ("cat", "dog", "hen", "cow", "ant", "bee"))


def tags(content: str | bytes = SIX, **settings: Any) -> TagDataset:
    Path("t.conll").write_bytes(content if isinstance(content, bytes) else content.encode())
    found = load(text_tags(**{"path": "t.conll", "min_count": 1, **settings}))
    assert isinstance(found, TagDataset)
    return found


def read(content: str | bytes, **settings: Any) -> list[tuple[str, str]]:
    Path("t.conll").write_bytes(content if isinstance(content, bytes) else content.encode())
    found = text_tags(path="t.conll", **settings).read()
    return list(zip(found.words, found.tags))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_tokens_and_sequences_are_the_same_in_every_encoding(encoding: str, end: str) -> None:
    content = f"schön\tA{end}好  B{end} {end}{end}10\xa0000 A".encode(encoding)
    for packed in (content, gzip.compress(content)):
        assert read(packed, encoding=encoding) == [("schön", "A"), ("好", "B"), ("10\xa0000", "A")]
    found = text_tags(path="t.conll", encoding=encoding).read()
    assert found.offsets.tolist() == [0, 2, 3]
    assert found.place(2) == "t.conll, line 5"


def test_columns_are_chosen_from_either_end() -> None:
    content = "1\tNew York\tX\tB\n2\tis\tY\tA\n"
    assert read(content, word=1, separator="tab") == [("New York", "B"), ("is", "A")]
    assert read(content, word=-3, tag=2, separator="tab") == [("New York", "X"), ("is", "Y")]


def test_comments_and_numbers_that_are_not_whole_are_left_out_and_counted() -> None:
    content = "# text = vámonos\n1-2\tvámonos\t_\n1\tvamos\tV\n2\tnos\tP\n2.1\t_\t_\n\n"
    assert read(content, word=1, number=0, comment="#", separator="tab") == [("vamos", "V"), ("nos", "P")]
    notes = text_tags(path="t.conll", word=1, number=0, comment="#").read().notes
    assert notes == (
        "t.conll: begin with `#`: 1 line left out",
        "t.conll: have no whole number in column 0: 2 lines left out",
    )
    assert read("# A\nx B\n") == [("#", "A"), ("x", "B")]


def test_sequences_are_shared_out_whole_and_counted() -> None:
    found = tags(split={"train": 4, "val": 1, "test": 1})
    assert found.summary.sizes == {"train": 4, "val": 1, "test": 1}
    assert found.summary.rows == 18
    assert check_leakage(found) == []
    known = {word for one in found.words("train") for word in one}
    assert set(found.pipeline.encoder.vocabulary.ids) == known
    assert len(known) == 6
    assert "unknown tokens: 0.0% of train, 33.3% of val, 33.3% of test" in found.summary.notes
    assert "tokens: train 12, val 3, test 3" in found.summary.notes


def test_sequences_that_stand_in_training_too_are_counted() -> None:
    Path("test.conll").write_text("The D\ncat N\nran V\n\nThe D\ncat N\nsat V\n")
    found = tags(test_path="test.conll", split={"train": 0.99, "val": 0, "test": None})
    assert "1 sequence of the test set also stands in the training set, word for word" in found.summary.notes


def test_a_batch_has_tokens_their_tags_and_no_weight_after_the_end() -> None:
    found = tags("a X\nb Y\n\nc X\n\n", split="none")
    x, y, weight = found.batch(found.parts["train"].arrays, np.array([0, 1]))
    names = [[found.pipeline.encoder.vocabulary.tokens[i] for i in row] for row in x["past"]]
    assert names == [["a", "b"], ["c", "<padding>"]]
    assert y.tolist() == [[0, 1], [0, 0]]
    assert weight.tolist() == [[1, 1], [1, 0]]
    assert x["mask"].tolist() == [[True, True], [True, False]]
    assert found.truth("train").tolist() == [0, 1, 0]


def test_only_training_sequences_are_left_out_for_their_length() -> None:
    Path("long.conll").write_text("The D\nold N\ncat N\nran V\n")
    settings: dict[str, Any] = {"test_path": "long.conll", "split": {"train": 0.99, "val": 0, "test": None}}
    content = SIX + "a D\nb N\nc V\nd V\n"
    found = tags(content, max_length=3, **settings)
    assert found.summary.sizes == {"train": 6, "test": 1}
    assert "left out 1 training sequence of more than data.max_length=3 tokens, such as that of t.conll, line 25" in (
        found.summary.notes
    )
    assert len(found.parts["train"].arrays["steps"]) == 4
    with pytest.raises(DataError, match=r"t.conll, line 25: 1 training sequence of more .* data.on_long=drop"):
        tags(content, max_length=3, on_long="fail", **settings)
    with pytest.raises(DataError, match=r"and no shorter one; raise data.max_length"):
        tags(content, max_length=2, **settings)


def test_the_pipeline_is_the_same_after_it_was_written() -> None:
    pipeline = tags(lowercase=True, split="none").pipeline
    assert TagPipeline.from_json(pipeline.to_json()) == pipeline
    assert pipeline.cut(["The CAT, ran"]) == [["The", "CAT", ",", "ran"]]
    assert pipeline.seen(["The", "CAT"]) == ["the", "cat"]
    for damage in ({"tags": ["a"]}, {"tags": "ab"}, {"tags": ["a", 1]}, {"vocabulary": None}):
        with pytest.raises(DataError, match="is damaged"):
            TagPipeline.from_json({**pipeline.to_json(), **damage})


def test_pretrained_vectors_start_the_embedding() -> None:
    Path("v.txt").write_text("cat 1 2 3\nran 4 5 6\n")
    found = tags(vectors="v.txt", split="none")
    assert found.vectors is not None
    assert found.vectors[found.pipeline.encoder.vocabulary.ids["ran"]].tolist() == [4, 5, 6]
    assert found.spec.inputs["past"].vector == 3
    assert found.summary.digest != tags(split="none").summary.digest


@pytest.mark.parametrize(
    ("content", "settings", "message"),
    [
        ("a X\n\nb\n", {}, r"t.conll: the first token has 2 columns, other lines have not: line 3 (1 column)"),
        ("a\nb\n", {}, "t.conll, line 1: has 1 column with blanks or tabs between them; data.word=0 and data.tag=-1"),
        ("a X\n", {"separator": "tab"}, "line 1: has 1 column with one tab between them"),
        ("a X\nb Y\n", {"tag": 2}, "t.conll, line 1: has 2 columns"),
        ("a\tX\n\tY\nb\t\n", {"separator": "tab"}, "t.conll: a token, or its tag, is empty: lines 2, 3"),
        ("\n \n", {}, "t.conll: there are 0 sequences"),
        ("# a\n", {"comment": "#"}, "t.conll: there are 0 sequences"),
        ("a X\nb X\n\nc X\n", {}, "t.conll: 3 tokens with only the tag `X`"),
        (b"a X\n\xff Y\n", {}, "not valid utf-8: byte 0xff at offset 4 (line 2)"),
    ],
)
@pytest.mark.fault("E15")
def test_bad_files_are_refused_with_their_line(content: str | bytes, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        tags(content, **settings)


@pytest.mark.fault("E15")
def test_a_tag_that_no_training_token_has_is_refused() -> None:
    Path("test.conll").write_text("The D\ncat Q\n\nold Q\n")
    with pytest.raises(DataError, match=r"test.conll, line 2: the tag `Q` .* training set \(2 such tokens\)"):
        tags(test_path="test.conll", split={"train": 0.99, "val": 0, "test": None})
    with pytest.raises(DataError, match=r"t.conll: is read twice"):
        tags(test_path="t.conll")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("model=cnn_lstm",), "cnn_lstm gives one output per sequence, but the data want one per time step; gru"),
        (("model=lstm_fcn",), "lstm_fcn gives one output per sequence"),
        (("model=encoder_decoder",), "encoder_decoder gives one output per sequence"),
        (("model=lstm", "model.pooling=max"), "model.pooling: `max` given, but the data want an output per time step"),
        (("model=lstm", "model.patch_size=2"), "model.patch_size: needs windows of one length"),
        (("model=lstm", "model.tie_weights=true"), "model.tie_weights"),
        (("model=lstm", "metrics=[mse]"), "Keras cannot compute `mse` of tagging while training"),
        (("model=lstm", "metrics=[chunk_f1]"), "the report at the end has accuracy"),
        (("model=lstm", "data.tag=0"), "data.tag: 0 given"),
        (("model=lstm", "data.comment=' '"), "data.comment: is empty"),
        (("model=lstm", "data.on_long=fail"), "data.on_long: fail is given without data.max_length"),
        (("model=lstm", "data.encoding=utf-88"), "data.encoding: `utf-88` is unknown"),
    ],
)
def test_settings_that_do_not_fit_are_said(overrides: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        rx.compose("data=text_tags", "data.path=t.conll", *overrides)


def test_reading_backwards_is_allowed() -> None:
    experiment = rx.compose("data=text_tags", "data.path=t.conll", "model=lstm", "model.bidirectional=true")
    assert experiment.model.bidirectional
