"""Reading texts from every layout, and from the four real sets."""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections import Counter
from dataclasses import fields
from pathlib import Path

import pytest

from rnnexp.data.sources.labeled_texts import text_files, text_lines, text_table
from rnnexp.data.texts.corpus import Texts
from rnnexp.tasks import load


def written(content: str | bytes, name: str) -> str:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return name


def sizes(texts: Texts) -> dict[tuple[str, str], int]:
    return dict(Counter(zip(texts.parts, texts.labels or ())))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "gb18030"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_the_same_in_every_encoding(encoding: str, packed: bool, end: str) -> None:
    content = f"1 schön 好\x85 film{end}0 bad{end}".encode(encoding)
    path = written(gzip.compress(content) if packed else content, "t.gz" if packed else "t.txt")
    texts = text_lines(path=path, encoding=encoding).read()
    assert texts.texts == ("schön 好\x85 film", "bad")
    assert texts.labels == ("1", "0")
    assert texts.place(1) == f"{path}, line 2"


def test_parts_come_from_files_and_leave_nothing_to_a_split_if_all_are_given() -> None:
    paths = {key: written(f"a {key}\n", f"{key}.txt") for key in ("path", "val_path", "test_path")}
    assert text_lines(**paths).read().parts == ("train", "val", "test")
    del paths["val_path"]
    assert text_lines(**paths).read().parts == ("", "test")


def test_labels_are_counted_and_those_of_few_texts_are_named_with_their_places() -> None:
    lines = [f"{label} word {i}" for i in range(12) for label in ("0", "1")]
    notes = load(text_lines(path=written("\n".join([*lines, "story of two"]), "t.txt"))).summary.notes
    assert "labels: 0 (12), 1 (12), story (1); rare ones: story: t.txt, line 25" in notes
    assert "labels: 0 (12), 1 (12)" in load(text_lines(path=written("\n".join(lines), "t.txt"))).summary.notes


def test_rows_between_the_test_rows_are_for_training_if_validation_has_files() -> None:
    source = text_lines(path=written("1 a\n0 b\n", "t.txt"), val_path=written("1 c\n", "v.txt"), test_every=2)
    assert source.read().parts == ("test", "train", "val")


def test_every_second_row_of_a_group_is_a_test_row() -> None:
    written("a\nb\nc\n", "pos.txt")
    written("d\n", "neg.txt")
    texts = text_files(path={"pos": "pos.txt", "neg": "neg.txt"}, test_every=2).read()
    assert texts.parts == ("test", "", "test", "test")


def test_rows_that_are_left_out_are_counted_and_do_not_move_the_test_rows() -> None:
    path = written("1 a\n1\n0 c\n0 d\n e\n", "t.txt")
    texts = text_lines(path=path, test_every=2, on_empty="drop").read()
    assert texts.texts == ("a", "c", "d")
    assert texts.parts == ("test", "test", "")
    assert texts.notes == (
        "left out 1 row without a text: t.txt, line 2",
        "left out 1 row without a label: t.txt, line 5",
    )


def test_a_folder_per_label_holds_a_text_per_file() -> None:
    for name, text in {"train/pos/1.txt": "good\nfilm", "train/neg/2.txt": "bad", "test/neg/3.txt": "poor"}.items():
        written(text, f"set/{name}")
    written("x", "set/train/features.feat")
    written("x", "set/train/pos/.hidden")
    written("neither", "set/train/unsup/4.txt")
    texts = text_files(path="set/train", test_path="set/test", ignore_labels=["unsup"]).read()
    assert texts.texts == ("bad", "good\nfilm", "poor")
    assert texts.labels == ("neg", "pos", "neg")
    assert texts.place(0) == "set/train/neg/2.txt"
    assert texts.notes == (
        "set/train/pos: not read, since hidden or a folder: 1",
        "set/train/unsup: not read, as data.ignore_labels says",
        "set/train: not read, since beside the folders of the labels: 1 file",
    )


def test_files_of_a_label_may_be_globs_of_one_text_each() -> None:
    written("good\nfilm", "p/1.txt")
    written("fine", "p/2.txt")
    written("bad", "n.txt")
    by_file = text_files(path={1: "p/*.txt", 0: "n.txt"}, sample_by="file").read()
    assert by_file.texts == ("good\nfilm", "fine", "bad")
    assert by_file.labels == ("1", "1", "0")
    assert len(text_files(path={1: "p/*.txt", 0: "n.txt"}).read()) == 4


def test_a_table_has_a_text_of_several_columns_with_line_breaks() -> None:
    path = written('2,"A ""b""",one\\two\n1,c,"d\ne"\n', "t.csv")
    settings = {"header": "none", "label": 0, "text": [1, 2], "line_break": "\\", "labels": {1: "x", 2: "y"}}
    texts = text_table(path=path, **settings).read()
    assert texts.texts == ('A "b" one\ntwo', "c d\ne")
    assert texts.labels == ("y", "x")
    assert texts.notes == (
        "t.csv: `\\` became line breaks within texts",
        "t.csv: quoted texts that go over several lines",
    )


def test_without_quoting_a_quote_is_a_character_like_others() -> None:
    content = 'text\tlabel\n"Never" again\t0\n"\t1\n'
    raw = text_table(path=written(content, "t.tsv"), quoting=False).read()
    assert raw.texts == ('"Never" again', '"')
    quoted = text_table(path=written('text\tlabel\n"a"\t0\n', "q.tsv")).read()
    assert quoted.texts == ("a",)


@pytest.mark.parametrize("labels", [["World", "Sports"], "names.txt", {1: "World", "2": "Sports"}])
def test_labels_get_names_in_order_from_a_file_or_from_a_mapping(labels: object) -> None:
    written("World\nSports\n", "names.txt")
    texts = text_lines(path=written("2 a\n1 b\n2 c\n", "t.txt"), labels=labels).read()
    assert texts.labels == ("Sports", "World", "Sports")


def test_a_name_that_no_text_has_is_noted() -> None:
    texts = text_lines(path=written("1 a\n", "t.txt"), labels={1: "one", 2: "two"}).read()
    assert texts.notes == ('no text has the label "two" that data.labels names',)


@pytest.mark.parametrize("source", [text_files, text_lines, text_table])
def test_every_field_is_described_and_nothing_heavy_is_imported_to_check_it(source: type) -> None:
    assert [field.name for field in fields(source) if field.name != "name" and not field.default.description] == []
    script = (
        f"import sys\nfrom {source.__module__} import {source.__name__} as source\n"
        "assert source(path='x', encoding='latin-1').check() == []\n"
        "print({'numpy', 'pandas', 'sklearn', 'tokenizers'} & set(sys.modules))"
    )
    environment = {"PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_sst2_has_its_published_parts(shared_data: Path) -> None:
    names = {"path": "train", "val_path": "dev", "test_path": "test"}
    paths = {key: f"sst2/stsa.binary.{name}" for key, name in names.items()}
    texts = text_lines(**paths, root=str(shared_data), labels=["negative", "positive"]).read()
    assert Counter(texts.parts) == {"train": 6920, "val": 872, "test": 1821}
    assert sizes(texts)["test", "negative"] == 912
    assert texts.notes == ()


def test_mr_polarity_has_as_many_texts_of_each_label(shared_data: Path) -> None:
    paths = {label: f"mr_polarity/rt-polarity.{label}" for label in ("pos", "neg")}
    texts = text_files(path=paths, root=str(shared_data)).read()
    assert sizes(texts) == {("", "pos"): 5331, ("", "neg"): 5331}


def test_ag_news_is_read_with_its_names_and_every_fifth_row_for_testing(shared_data: Path) -> None:
    texts = text_table(
        path="ag_news/test.csv.gz",
        root=str(shared_data),
        header="none",
        label=0,
        text=[1, 2],
        line_break="\\",
        labels="ag_news/classes.txt",
        test_every=5,
    ).read()
    assert Counter(texts.labels) == dict.fromkeys(("World", "Sports", "Business", "Sci/Tech"), 1900)
    assert Counter(texts.parts) == {"": 6080, "test": 1520}
    assert texts.texts[0].startswith("Fears for T N pension after talks Unions representing workers")


def test_imdb_keeps_its_quotes(shared_data: Path) -> None:
    paths = {"path": "imdb_sample/train_1000.tsv.gz", "test_path": "imdb_sample/test_1000.tsv.gz"}
    texts = text_table(**paths, root=str(shared_data), quoting=False).read()
    assert sizes(texts) == {("", "neg"): 500, ("", "pos"): 500, ("test", "neg"): 500, ("test", "pos"): 500}
    assert sum(text.startswith('"') for text in texts.texts) == 33
