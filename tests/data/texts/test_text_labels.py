"""Labels of texts: what stands there twice is counted, and a column of names is not taken for labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rnnexp.data.sources.labeled_texts import text_table
from rnnexp.data.sources.text_pairs import text_pairs
from rnnexp.data.sources.text_tags import text_tags
from rnnexp.errors import DataError
from rnnexp.tasks import load

ROWS = [(f"text number {i}", "ab"[i % 2]) for i in range(40)]


def table(rows: list[tuple[str, str]], **settings: Any) -> Any:
    Path("t.tsv").write_text("text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in rows))
    return load(text_table(path="t.tsv", **settings))


def test_a_text_with_two_labels_is_counted_and_named() -> None:
    notes = table([*ROWS, (ROWS[3][0], "a"), (ROWS[5][0], "b")]).summary.notes
    assert "1 text has another label than the same text before, such as t.tsv, line 5 and t.tsv, line 42" in notes
    assert not [note for note in table(ROWS).summary.notes if "another label" in note]


def test_a_label_for_each_text_raises_the_question_whether_it_is_the_column() -> None:
    with pytest.raises(DataError, match=r"40 labels for 40 texts, .*: is data.label the column of the labels\?"):
        table([(text, f"id-{i}") for i, (text, _) in enumerate(ROWS)])
    assert len(table([(text, f"id-{i % 12}") for i, (text, _) in enumerate(ROWS)]).spec.classes) == 12


def test_a_label_of_texts_in_no_part_is_none() -> None:
    split = {"train": 10, "val": 0, "test": 8}
    made = table([*ROWS[:39], (ROWS[39][0], "c")], split=split)
    assert (made.spec.classes, made.summary.rows) == (("a", "b"), 18)
    assert "22 of 40 examples belong to no set: data.split leaves them out" in made.summary.notes
    with pytest.raises(DataError, match='the label "c" has 1 text, none of them in the training set'):
        table([*ROWS[:39], (ROWS[39][0], "c")], split={"train": 10, "val": 0, "test": None})


def tags(sequences: list[str], **settings: Any) -> Any:
    Path("t.conll").write_text("\n\n".join(sequences) + "\n")
    return load(text_tags(path="t.conll", min_count=1, **settings))


SENTENCES = [f"w{i} X\nthe Y" for i in range(20)]


def test_the_same_words_with_other_tags_are_counted_and_named() -> None:
    notes = tags([*SENTENCES, "w3 X\nthe X"]).summary.notes
    assert (
        "1 sequence has other tags than the same words before, such as t.conll, line 10 and t.conll, line 61" in notes
    )
    assert not [note for note in tags(SENTENCES).summary.notes if "other tags" in note]


def test_a_tag_for_each_token_raises_the_question_whether_it_is_the_column() -> None:
    with pytest.raises(DataError, match=r"40 labels for 40 tokens, .*: is data.tag the column"):
        tags([f"w{i} a{i}\nthe b{i}" for i in range(20)])


def test_a_tag_of_sequences_that_are_left_out_as_too_long_is_none() -> None:
    Path("test.conll").write_text("the Y\nend X\n")
    files = {"test_path": "test.conll", "split": "none"}
    odd = "w1 X\nthe Y\na Y\nz Z"
    never = tags(SENTENCES, **files)
    left_out = tags([*SENTENCES, odd], max_length=3, on_long="drop", **files)
    assert left_out.pipeline.to_json() == never.pipeline.to_json()
    assert tags([*SENTENCES, odd], **files).pipeline.tags == ("X", "Y", "Z")


def pairs(rows: list[str], **settings: Any) -> Any:
    Path("train.tsv").write_text("".join(f"{row}\n" for row in rows))
    Path("test.tsv").write_text("a b\tc d\n")
    return load(text_pairs(path="train.tsv", test_path="test.tsv", split="none", **settings))


@pytest.mark.parametrize("tokens", ["word", "character"])
def test_pairs_left_out_as_too_long_teach_no_words(tokens: str) -> None:
    rows = [f"a{i} b\tc d{i}" for i in range(8)]
    long = "q r s t u v w x y z\tq r s t u v w x y z"
    limits = {"tokens": tokens, "max_length": 8, "on_long": "drop"}
    never, left_out, kept = pairs(rows, **limits), pairs([*rows, long], **limits), pairs([*rows, long], tokens=tokens)
    for side in ("source", "target"):
        words = [getattr(made.pipeline, side).vocabulary.tokens for made in (never, left_out, kept)]
        assert words[0] == words[1] != words[2]
    assert left_out.pipeline.most == never.pipeline.most < kept.pipeline.most
    assert any(note.startswith("left out 1 training pair of more than") for note in left_out.summary.notes)
