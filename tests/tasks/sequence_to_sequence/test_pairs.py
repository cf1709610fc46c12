"""Pairs of texts: read, shared out by their source, fed with what came before, and what is wrong said with its line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnexp as rx
from rnnexp.data.sources.synthetic import reverse_digits
from rnnexp.data.sources.text_pairs import text_pairs
from rnnexp.errors import ConfigError, DataError
from rnnexp.tasks import check_leakage, load
from rnnexp.tasks.sequence_to_sequence.dataset import PairDataset, PairPipeline

TABLE = "".join(f"go {name}\tva {name}\n" for name in "abcdefghij") + "go a\tallez a\ngo b\tallez b\n"


def table(text: str | bytes = TABLE, **settings: Any) -> PairDataset:
    Path("pairs.tsv").write_bytes(text if isinstance(text, bytes) else text.encode())
    found = load(text_pairs(path="pairs.tsv", **settings))
    assert isinstance(found, PairDataset)
    return found


def test_pairs_with_the_same_source_are_never_in_two_parts() -> None:
    for seed in range(6):
        found = table(seed=seed)
        sources = [set(found.texts(part)[0]) for part in ("train", "val", "test")]
        assert not sources[0] & sources[1]
        assert not sources[0] & sources[2]
        assert not sources[1] & sources[2]
        assert sum(map(len, found.parts.values())) == 12
        assert check_leakage(found) == []


def test_a_training_pair_whose_source_is_tested_is_left_out_and_counted() -> None:
    Path("train.tsv").write_text("a\tx\nb\ty\nc\tz\n")
    Path("val.tsv").write_text("d\tx\n")
    Path("test.tsv").write_text("a\ty\n")
    found = load(text_pairs(path="train.tsv", val_path="val.tsv", test_path="test.tsv", split="none"))
    assert found.texts("train") == (["b", "c"], ["y", "z"])
    assert found.texts("test") == (["a"], ["y"])
    assert any(note.startswith("1 pair left out: the source is in a held-out set") for note in found.summary.notes)


@pytest.mark.parametrize("part", ["val", "test"])
def test_a_part_with_files_of_its_own_has_no_pair_of_others(part: str) -> None:
    Path("train.tsv").write_text("".join(f"s{i}\tt{i}\n" for i in range(20)) + "held\tof the split\n" * 2)
    Path("own.tsv").write_text("held\tofficial\nother\tone\n")
    given: dict[str, Any] = {f"{part}_path": "own.tsv"}
    found = load(text_pairs(path="train.tsv", **given))
    assert isinstance(found, PairDataset)
    assert found.references(part) == {"held": ["official"], "other": ["one"]}
    assert sum(map(len, found.parts.values())) == 22
    assert any(note.startswith("2 pairs left out: the source is in a held-out set") for note in found.summary.notes)
    (rest,) = {"val", "test"} - {part}
    assert len(found.parts[rest]) > 0  # pairs of no file of its own are there still


@pytest.mark.parametrize(
    ("settings", "other"),
    [
        ({"tokens": "word"}, "  cafe\u0301  {} !"),
        ({"tokens": "blank"}, "CAFE\u0301   {}!"),
        ({"tokens": "character"}, " cafe\u0301 {}! "),
        ({"tokens": "subword", "max_tokens": 300}, " cafe\u0301 {}! "),
    ],
)
def test_sources_that_the_network_cannot_tell_apart_are_the_same(settings: dict[str, Any], other: str) -> None:
    pytest.importorskip("tokenizers")
    text = "".join(f"Caf\u00e9 {c}!\tx {c}\n{other.format(c)}\ty {c}\n" for c in "abcdefghijklmnop")
    found = table(text, **settings)
    for part, own in found.parts.items():
        references = found.references(part)
        assert len(references) == len(own) / 2
        assert all(source.startswith("Caf\u00e9") and len(both) == 2 for source, both in references.items())
    assert "16 sources tokenized like another spelling: taken as one" in found.summary.notes
    told = table(text, **settings, lowercase=False, split="none")
    assert len(told.references("train")) == 32
    assert not [note for note in told.summary.notes if "spelling" in note]


def test_a_batch_has_the_sources_the_targets_and_what_came_before() -> None:
    found = table("a b\tx\nc\ty z\n" * 10, split="none")
    part, (source, target) = found.parts["train"], (found.pipeline.source, found.pipeline.target)
    x, y, weight = found.batch(part.arrays, np.array([0, 1]))
    read = [[source.vocabulary.tokens[i] for i in row] for row in x["past"]]
    before = [[target.vocabulary.tokens[i] for i in row] for row in x["previous"]]
    after = [[target.vocabulary.tokens[i] for i in row] for row in y]
    assert read == [["a", "b", "<padding>"], ["c", "<padding>", "<padding>"]]
    assert before == [["<start>", "x", "<padding>"], ["<start>", "y", "z"]]
    assert after == [["x", "<end>", "<padding>"], ["y", "z", "<end>"]]
    assert weight.tolist() == [[1, 1, 0], [1, 1, 1]]
    assert x["mask"].tolist() == [[True, True, False], [True, False, False]]


def test_both_vocabularies_are_of_the_training_part_alone() -> None:
    found = table(split={"train": 0.5, "val": 0.25, "test": 0.25})
    sources, targets = found.texts("train")
    assert set(found.pipeline.source.vocabulary.ids) == {word for text in sources for word in text.split()}
    assert set(found.pipeline.target.vocabulary.ids) - {"<start>", "<end>"} == {w for t in targets for w in t.split()}


LETTERS = "".join(f"aabb{i}\taabbccddeeff{i}\n" for i in range(20))


@pytest.mark.parametrize(
    ("text", "settings", "words"),
    [
        (LETTERS, {"tokens": "character", "max_tokens": 6}, {"a", "b"}),
        (LETTERS, {"tokens": "character", "min_count": 40}, set("abcdef")),
        (TABLE, {"max_tokens": 6}, {"va", "a"}),
    ],
)
def test_no_limit_drops_the_ends_of_targets(text: str, settings: dict[str, Any], words: set[str]) -> None:
    found = table(text, split="none", **settings)
    known = found.pipeline.target.vocabulary.ids
    assert set(known) == {*words, "<start>", "<end>"}
    _, after, weight = found.batch(found.parts["train"].arrays, np.array([0]))
    assert after[0, int(weight[0].sum()) - 1] == known["<end>"]
    (note,) = [note for note in found.summary.notes if note.startswith("target vocabulary")]
    assert note.startswith(f"target vocabulary: {len(words)} of the ")


def test_the_ends_of_targets_stand_where_words_as_frequent_do() -> None:
    found = table("a b\tthe x\nc\tthe y the\n", split="none").pipeline.target.vocabulary.tokens
    assert found == ("<padding>", "<unknown>", "the", "<end>", "<start>", "x", "y")


def test_the_ends_of_targets_are_no_words_of_them() -> None:
    with pytest.raises(DataError, match=r'only the token "x".*needs at least 2.*<start> and <end> come on top'):
        table("a b\tx\n" * 5, split="none")
    with pytest.raises(DataError, match=r"pairs\.tsv, line 2: the target has the token <start> or <end>.*2 such pairs"):
        table("a\tx y\nb\tx <END>\nc\t<start> y\n", tokens="blank", split="none")
    cut = table("a\tx y\nb\tx <end>\n<start>\t<start> y\n", split="none").pipeline.target.vocabulary.ids
    assert {"start", "<", ">", "end", "<start>", "<end>"} <= set(cut)  # words leave none of them whole


def test_the_pipeline_is_the_same_after_it_was_written() -> None:
    pipeline = table(beam=3, length_penalty=0.2).pipeline
    again = PairPipeline.from_json(pipeline.to_json())
    assert again == pipeline
    assert again.write([again.target.vocabulary.ids[word] for word in ("va", "<end>", "va")]) == "va"
    with pytest.raises(DataError, match="is damaged"):
        PairPipeline.from_json({**pipeline.to_json(), "most": 0})


def test_two_files_are_read_line_by_line() -> None:
    Path("a.de").write_text("ein\nzwei\ndrei\n" * 4)
    Path("a.en").write_text("one\ntwo\nthree\n" * 4)
    found = load(text_pairs(path={"source": "a.de", "target": "a.en"}, split="none"))
    assert found.texts("train")[0][:3] == ["ein", "zwei", "drei"]
    assert found.texts("train")[1][:3] == ["one", "two", "three"]


def test_files_of_two_globs_are_read_two_by_two() -> None:
    for number in (1, 2):
        Path(f"g{number}.de").write_text(f"ein {number}\nzwei {number}\n")
        Path(f"g{number}.en").write_text(f"one {number}\ntwo {number}\n")
    found = load(text_pairs(path={"source": "g*.de", "target": "g*.en"}, split="none"))
    assert found.texts("train")[0] == ["ein 1", "zwei 1", "ein 2", "zwei 2"]
    assert found.texts("train")[1] == ["one 1", "two 1", "one 2", "two 2"]
    assert found.pairs.places[2] == "g2.de, line 1"
    same = load(text_pairs(path={"source": "g1.de", "target": "g1.de"}, split="none"))
    assert same.texts("train") == (["ein 1", "zwei 1"],) * 2
    with pytest.raises(DataError, match=r"g\*\.de is 2 files and g1\.en 1 file: each needs the one of its"):
        load(text_pairs(path={"source": "g*.de", "target": "g1.en"}, split="none"))


def test_long_training_pairs_are_left_out_with_a_count_and_long_test_pairs_are_scored() -> None:
    Path("train.tsv").write_text("a\tx\nb c d\ty\ne\tz\n")
    Path("test.tsv").write_text("f g h i\tx\n")
    given = {
        "path": "train.tsv",
        "test_path": "test.tsv",
        "split": {"train": 1.0, "val": 0, "test": 0},
        "max_length": 2,
    }
    found = load(text_pairs(**given))
    assert found.texts("train")[0] == ["a", "e"]
    assert len(found.parts["test"]) == 1
    assert (
        "left out 1 training pair of more than data.max_length=2 tokens, such as that of train.tsv, line 2"
        in found.summary.notes
    )
    with pytest.raises(DataError, match=r"train\.tsv, line 2: 1 training pair of more than data\.max_length=2"):
        load(text_pairs(**given, on_long="fail"))
    with pytest.raises(DataError, match=r"line 1: 3 training pairs of more than .*=1 tokens, and no shorter one"):
        table("a b\tx\nc\ty z\nd e\tz\n", split="none", max_length=1)


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        (
            "a\tx\nb\nc\tz\n",
            {},
            "pairs.tsv: data.columns=[0, 1], but there are fewer, separated by tabs: line 2 (1 column)",
        ),
        ("a\tx\nb\t \nc\tz\n", {}, "1 pair with an empty side: pairs.tsv, line 2. Correct the files"),
        (b"a\tcaf\xe9\n", {}, "pairs.tsv: not valid utf-8: byte 0xe9 at offset 5 (line 1)"),
        ("\t\n\t\n", {"on_empty": "drop"}, "there are 0 usable pairs"),
    ],
)
def test_bad_pairs_are_said(text: str | bytes, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        table(text, **settings)


def test_files_of_different_length_are_said() -> None:
    Path("a.de").write_text("ein\nzwei\n")
    Path("a.en").write_text("one\n")
    with pytest.raises(DataError, match=r"a\.de has 2 lines and a\.en has 1 line: each line needs its translation"):
        load(text_pairs(path={"source": "a.de", "target": "a.en"}))


def test_the_file_of_an_empty_side_is_named() -> None:
    Path("a.tsv").write_text("a\tb\n" * 3 + "\tx\n")
    Path("b.tsv").write_text("c\td\n" * 2 + "q\t\n")
    message = r"2 pairs with an empty side: a\.tsv, line 4; b\.tsv, line 3\. Correct the files"
    with pytest.raises(DataError, match=message):
        load(text_pairs(path="a.tsv", test_path="b.tsv"))
    Path("a.de").write_text("a\nb\n\n")
    Path("a.en").write_text("1\n\n3\n")
    with pytest.raises(DataError, match=r"2 pairs with an empty side: a\.en, line 2; a\.de, line 3\. Correct"):
        load(text_pairs(path={"source": "a.de", "target": "a.en"}))


def test_a_part_needs_files_of_its_own_with_pairs_in_them() -> None:
    Path("a.tsv").write_text("".join(f"a {i}\tb {i}\n" for i in range(20)))
    with pytest.raises(DataError, match=r"a\.tsv: is read twice; data\.path, val_path, test_path"):
        load(text_pairs(path="a.tsv", test_path="a.tsv"))
    Path("b.tsv").write_text("\n")
    with pytest.raises(DataError, match=r"b\.tsv: there are 0 usable pairs"):
        load(text_pairs(path="a.tsv", test_path="b.tsv", on_empty="drop"))
    Path("b.tsv").write_text("\nc\td\n")
    assert len(load(text_pairs(path="a.tsv", test_path="b.tsv", on_empty="drop")).parts["test"]) == 1


def test_digits_are_drawn_by_the_seed_and_written_backwards() -> None:
    first, again, other = (reverse_digits(examples=20, seed=seed).read() for seed in (0, 0, 1))
    assert first == again
    assert first.sources != other.sources
    assert all(target == source[::-1] and 3 <= len(source) <= 6 for source, target in zip(first.sources, first.targets))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ("data=reverse_digits", "model=gru"),
            "gives outputs for what it reads; to write another sequence set model=encoder_decoder",
        ),
        (
            ("data=adding", "model=encoder_decoder"),
            "model: encoder_decoder writes texts and forecasts; the data are regression",
        ),
        (
            ("data=reverse_digits", "model=encoder_decoder", "data.shortest=7"),
            "data.shortest: 7 is more than data.longest",
        ),
        (("data=text_pairs", "data.path=a", "model=encoder_decoder", "data.columns=[0,0]"), "must be two different"),
        (("data=text_pairs", "data.path={source: a, goal: b}", "model=encoder_decoder"), "data.path"),
    ],
)
def test_settings_that_do_not_fit_are_said(overrides: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        rx.compose(*overrides)
