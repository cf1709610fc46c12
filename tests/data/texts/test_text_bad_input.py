"""The table of bad texts: each is refused with a message that names the file, the line and the way out."""

# ruff: noqa: E501 one case per line reads as a table

from __future__ import annotations

import gzip
import re
from pathlib import Path

import numpy as np
import pytest

from rnnexp.data.sources.labeled_texts import text_files, text_lines, text_table
from rnnexp.data.texts.corpus import Texts, classes, require_in_training
from rnnexp.data.texts.prepare import Prepared, Rules, prepare
from rnnexp.errors import ConfigError, DataError

GOOD = "pos a good film\nneg a bad film\npos fine\n"


def written(content: str | bytes, name: str) -> str:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return name


def lines(content: str | bytes, **settings: object) -> Texts:
    return text_lines(path=written(content, "t.txt"), **settings).read()


def table(content: str | bytes, name: str = "t.csv", **settings: object) -> Texts:
    return text_table(path=written(content, name), **settings).read()


LINES = {
    "empty file": ("", {}, "t.txt: is empty (0 bytes)"),
    "blank line": (GOOD + "\n", {}, "1 row without a text: t.txt, line 4. Correct the files, or leave such rows out with data.on_empty=drop"),
    "label only": ("pos\n" + GOOD, {}, "1 row without a text: t.txt, line 1"),
    "blanks for a text": (GOOD + "neg   \n", {}, "1 row without a text: t.txt, line 4"),
    "no label": (GOOD + " a film\nneg\n", {}, "1 row without a text: t.txt, line 5. 1 row without a label: t.txt, line 4"),
    "many": ("pos\n" * 7, {}, "7 rows without a text: t.txt, lines 1, 2, 3, 4, 5 and 2 more"),
    "nothing left": ("pos\nneg\n", {"on_empty": "drop"}, "t.txt: there are 0 usable texts"),
    "latin-1": ("pos schön\n".encode("latin-1"), {}, "t.txt: not valid utf-8: byte 0xf6 at offset 7 (line 1). Name the encoding it was saved in: data.encoding=cp1252, cp1251, gb18030, big5 or latin-1 can read it"),
    "wrong byte far down": (GOOD.encode() + b"pos \xff\n", {}, f"byte 0xff at offset {len(GOOD) + 4} (line 4)"),
    "not ASCII": ("pos schön\n", {"encoding": "ascii"}, "not valid ascii: byte 0xc3 at offset 7 (line 1). Name the encoding it was saved in: data.encoding=utf-8, cp1252"),
    "UTF-16": (GOOD.encode("utf-16"), {}, "t.txt: begins with the byte-order mark of UTF-16: data.encoding=utf-16"),
    "UTF-32": (GOOD.encode("utf-32"), {}, "t.txt: begins with the byte-order mark of UTF-32: data.encoding=utf-32"),
    "UTF-8 taken for another": (GOOD.encode("utf-8-sig"), {"encoding": "cp1252"}, "begins with the byte-order mark of UTF-8: data.encoding=utf-8"),
    "UTF-16 without a mark": (GOOD.encode("utf-16-le"), {}, "t.txt, line 1: contains NUL characters"),
    "cut gzip": (gzip.compress(GOOD.encode())[:-9], {}, "t.txt: damaged gzip file"),
    "zip": (b"PK\x03\x04...", {}, "t.txt: is a zip archive"),
    "label without a name": (GOOD, {"labels": {"pos": "good"}}, 'data.labels has no name for the label "neg": t.txt, line 2'),
    "too few names": ("1 a\n2 b\n3 c\n", {"labels": ["one", "two"]}, 'data.labels has 2 names in order, but the labels of the data do not count from 0 or 1: "1", "2", "3"'),
    "names from 0 or 1": ("1 a\n1 b\n", {"labels": ["one", "two"]}, "may count from 0 or from 1"),
}  # fmt: skip


@pytest.mark.parametrize("case", LINES)
def test_bad_lines_are_refused(case: str) -> None:
    content, settings, message = LINES[case]
    with pytest.raises(DataError, match=re.escape(message)):
        lines(content, **settings)


def test_the_same_lines_without_a_flaw_are_read() -> None:
    assert lines(GOOD).texts == ("a good film", "a bad film", "fine")


HEAD = "label,text\n"
TABLES = {
    "header only": (HEAD, {}, "t.csv: there are 0 usable texts: there is nothing below the header in line 1"),
    "no such column": ("y,text\n1,a\n", {}, 't.csv: data.label: there is no column "label" (columns: "y", "text"); for a file without a header: data.header=none'),
    "other case": ("Label,text\n1,a\n", {}, 'there is no column "label"; did you mean "Label"?'),
    "other separator": ("label;text\n1;a\n", {}, '(columns: "label;text"); the separator is taken to be `,`'),
    "no such position": ("1,a\n", {"header": "none", "label": 0, "text": 2}, "data.text: there is no column 2; positions run from 0 to 1"),
    "label as text": (HEAD + "1,a\n", {"text": [1, 0]}, 't.csv: data.text: column "label" is the label'),
    "one name twice": ("label,text,text\n1,a,b\n", {}, '2 columns are called "text" (positions 1, 2)'),
    "too many cells": (HEAD + "1,a\n2,b, c\n", {}, "1 row has another number of cells than expected: line 3 (3 cells); the header (line 1) has 2, with the separator `,`"),
    "too few cells": ("1,a\n2\n3\n", {"header": "none", "label": 0, "text": 1}, "2 rows have another number of cells than expected: lines 2 (1 cell), 3 (1 cell); the first row (line 1) has 2"),
    "open quote": (HEAD + '1,"a\n2,b\n', {}, "t.csv, line 2: a quoted cell which begins here is never closed: a `\"` is missing. If quotes are characters like others: data.quoting=false"),
    "quote in quotes": (HEAD + '1,"a"b"\n', {}, "t.csv, line 2: ',' expected after '\"'"),
    "empty text": (HEAD + "1,a\n2,\n", {}, "1 row without a text: t.csv, line 3"),
    "empty label": (HEAD + "1,a\n,b\n", {}, "1 row without a label: t.csv, line 3"),
    "blank line": (HEAD + "1,a\n\n2,b\n", {}, "1 row without a text: t.csv, line 3"),
    "long header": ("1," + "x" * 500 + "\n2,b\n", {}, '(columns: "1", "' + "x" * 59 + '…")'),
}  # fmt: skip


@pytest.mark.parametrize("case", TABLES)
def test_a_bad_table_is_refused(case: str) -> None:
    content, settings, message = TABLES[case]
    with pytest.raises(DataError, match=re.escape(message)):
        table(content, **settings)


def test_the_line_is_the_one_an_editor_shows_after_a_text_of_several_lines() -> None:
    with pytest.raises(DataError, match=r"1 row without a text: t\.csv, line 5"):
        table(HEAD + '1,"a\nb\nc"\n2,\n')


FOLDERS = {
    "absent": ({}, "there is no folder `here`"),
    "a file": ({"here": "text"}, "here: is a file, not a folder"),
    "no labels": ({"here/a.txt": "text"}, "here: has no sub-folders; each is to be called as the label"),
    "empty label": ({"here/pos/a.txt": "a", "here/neg/.keep": ""}, "here/neg: has no files; the label `neg` would have no text"),
    "empty text": ({"here/pos/a.txt": "a", "here/neg/b.txt": ""}, "1 row without a text: here/neg/b.txt."),
    "empty texts": ({"here/a/1": "", "here/b/2": " \n"}, "2 rows without a text: here/a/1; here/b/2."),
}  # fmt: skip


@pytest.mark.parametrize("case", FOLDERS)
def test_a_bad_folder_is_refused(case: str) -> None:
    content, message = FOLDERS[case]
    for name, text in content.items():
        written(text, name)
    with pytest.raises(DataError, match=re.escape(message)):
        text_files(path="here").read()


def test_a_file_may_have_one_part_and_one_label_only() -> None:
    path = written(GOOD, "t.txt")
    with pytest.raises(DataError, match=r"t\.txt: is read twice; data\.path, val_path, test_path and labels need"):
        text_lines(path="*.txt", test_path=path).read()
    with pytest.raises(DataError, match=r"t\.txt: is read twice"):
        text_files(path={"pos": path, "neg": path}).read()


def prepared(content: str, train: list[int], **rules: object) -> Prepared:
    texts = lines(content)
    rest = np.setdiff1d(np.arange(len(texts)), train)
    return prepare(texts, {"train": np.array(train), "test": rest}, Rules(**rules))


RULES = {
    "too long": ({"max_length": 2, "on_long": "fail"}, "2 texts have more than data.max_length=2 tokens, at most 3: t.txt, lines 1, 2. Raise data.max_length, or truncate them with data.on_long=cut"),
    "no token left": ({"min_count": 9}, "data.min_count=9 leave no token of the 5 tokens of the training set"),
    "one token": ({"min_count": 1, "max_tokens": 3}, 'data.min_count=1 and data.max_tokens=3 leave only the token "a" of the 5 tokens of the training set (most frequent: "a" 2 times'),
}  # fmt: skip


@pytest.mark.parametrize("case", RULES)
def test_texts_that_do_not_fit_the_rules_are_refused(case: str) -> None:
    rules, message = RULES[case]
    with pytest.raises(DataError, match=re.escape(message)):
        prepared(GOOD, [0, 1, 2], **rules)


def test_a_vocabulary_of_one_word_is_refused() -> None:
    with pytest.raises(DataError, match=r'leave only the token "fine" of the 1 token .* "fine" 2 times\)'):
        prepared("a fine\nb fine\nc other\n", [0, 1])


def test_one_class_only_is_refused() -> None:
    with pytest.raises(DataError, match=r't\.txt: 2 texts with only the label "pos"; a classifier needs at least 2'):
        classes(lines("pos a\npos b\n"))


def test_classes_are_in_the_order_of_the_alphabet() -> None:
    assert classes(lines(GOOD)) == ("neg", "pos")


def test_a_class_that_is_missing_from_the_training_part_is_named_with_its_lines() -> None:
    texts = lines(GOOD)
    message = 'the label "neg" has 1 text, none of them in the training set: t.txt, line 2. Change data.split'
    with pytest.raises(DataError, match=re.escape(message)):
        require_in_training(texts, [0, 2])
    require_in_training(texts, [0, 1])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"encoding": "klingon"}, "data.encoding: `klingon` is unknown; common ones: utf-8"),
        ({"encoding": "rot13"}, "data.encoding: `rot13` is unknown"),
        ({"encoding": "utf\0"}, "data.encoding: `utf\0` is unknown"),
        ({"path": " "}, "data.path: is empty; give the file to read"),
        ({"test_every": 5, "test_path": "t"}, "data.test_every: the test set is in data.test_path; give one of the two"),
        ({"tokens": "subword"}, "data.max_tokens: subwords need a size above 258, for example 4000"),
        ({"tokens": "subword", "max_tokens": 258}, "data.max_tokens: subwords need a size above 258"),
        ({"on_long": "fail"}, "data.on_long: fail is given without data.max_length"),
        ({"keep": "last"}, "data.keep: last is given without data.max_length"),
    ],
)  # fmt: skip
def test_a_bad_option_is_found_before_any_file_is_read(settings: dict[str, object], message: str) -> None:
    source = text_lines(**{"path": "absent.txt", **settings})
    assert [problem[: len(message)] for problem in source.check()] == [message]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"text": []}, "data.text: an empty list leaves nothing to read"),
        ({"text": ["a", "label"]}, "data.text: `label` is the label"),
        ({"separator": "::"}, "data.separator: `::` is not auto, tab or one character"),
    ],
)
def test_a_bad_option_of_a_table_is_found_before_any_file_is_read(settings: dict[str, object], message: str) -> None:
    assert text_table(path="absent.csv", **settings).check() == [message]
    assert text_table(path="absent.csv").check() == []


def test_sub_folders_can_be_skipped_where_there_are_some_only() -> None:
    message = "data.ignore_labels: no path is a folder with a sub-folder per label"
    assert text_files(path={"a": "a.txt", "b": "b.txt"}, ignore_labels=["unsup"]).check() == [message]
    assert text_files(path="folder", ignore_labels=["unsup"]).check() == []


def test_an_unknown_encoding_is_a_mistake_of_the_configuration() -> None:
    with pytest.raises(ConfigError, match="data.encoding: `klingon` is unknown"):
        lines(GOOD, encoding="klingon")
