"""Pretrained vectors: found by token, drawn where absent, refused with file and line where flawed."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import numpy as np
import pytest

from rnnexp.data.texts.vectors import Vectors, read_vectors
from rnnexp.data.texts.vocabulary import Vocabulary
from rnnexp.errors import DataError

VOCABULARY = Vocabulary(("<padding>", "<unknown>", "film", "good", "absent"))
GLOVE = "the 1 2 3\ngood .5 -1e-1 0\n. . . 7 8 9\nfilm 4 5 6\n"


def read(content: str | bytes, seed: int = 0) -> Vectors:
    Path("v.txt").write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_vectors(Path("v.txt"), VOCABULARY, seed)


@pytest.mark.parametrize(
    "content",
    [GLOVE, "4 3\n" + GLOVE, GLOVE.replace("\n", " \r\n"), gzip.compress(GLOVE.encode()), GLOVE.encode("utf-8-sig")],
    ids=["GloVe", "word2vec", "Windows", "gzip", "BOM"],
)
def test_vectors_are_found_by_token(content: str | bytes) -> None:
    found = read(content)
    assert found.values.dtype == np.float32
    assert found.values[0].tolist() == [0, 0, 0]
    assert np.allclose(found.values[2:4], [[4, 5, 6], [0.5, -0.1, 0]])
    assert found.found == 2
    assert found.notes == ("v.txt: vectors for 2 of 3 tokens; the others are randomly initialized",)


def test_absent_tokens_are_drawn_with_a_seed_and_the_spread_of_those_found() -> None:
    first, again, other = read(GLOVE), read(GLOVE), read(GLOVE, seed=1)
    assert np.array_equal(first.values, again.values)
    assert not np.array_equal(first.values[4], other.values[4])
    assert np.array_equal(first.values[2:4], other.values[2:4])
    many = Vocabulary(("<padding>", "<unknown>", "film", "good", *(f"w{i}" for i in range(2000))))
    drawn = read_vectors(Path("v.txt"), many).values[4:]
    assert drawn.std() == pytest.approx(np.std([4, 5, 6, 0.5, -0.1, 0]), rel=0.05)


def test_the_first_of_two_vectors_of_a_token_is_taken_and_the_other_counted() -> None:
    found = read("film 1 2\nfilm 3 4\n")
    assert found.values[2].tolist() == [1, 2]
    assert found.notes[1] == "v.txt: 1 token again in the file: the first is taken"


FLAWS = {
    "too few": ("film 1 2\ngood 1\n", "v.txt, line 2: 1 number, the lines before have 2"),
    "too many": ("film 1 2\ngood 1 2 3\n", "v.txt, line 2: 3 numbers, the lines before have 2"),
    "not like the header": ("2 3\nfilm 1 2\ngood 1 2\n", "v.txt, line 2: 2 numbers, the lines before have 3"),
    "cut off": ("3 2\nfilm 1 2\ngood 1 2\n", "v.txt: line 1 announces 3 vectors, there are 2"),
    "word": ("film 1 2\ngood 1 two\n", 'v.txt, line 2: "two" is not a number'),
    "underscore": ("film 1 1_0\n", 'v.txt, line 1: "1_0" is not a number'),
    "infinite": ("film 1 inf\n", "v.txt, line 1: a number is infinite"),
    "tabs": ("film\t1\t2\n", "v.txt, line 1: there are no numbers; a token and its numbers stand between blanks"),
    "blank line": ("film 1 2\n\ngood 1 2\n", "v.txt, line 2: there are no numbers"),
    "none": ("the 1 2\n", "v.txt: has none of the 3 tokens of the vocabulary; do data.tokens and data.lowercase fit"),
    "binary": (b"film 1 2\n" + b"\xff\xfe", "v.txt: not valid utf-8: byte 0xff at offset 9 (line 2)"),
    "zip": (b"PK\x03\x04", "v.txt: is a zip archive: unpack it"),
    "empty": ("", "v.txt: is empty (0 bytes)"),
}


@pytest.mark.parametrize("case", FLAWS)
def test_flawed_files_are_refused(case: str) -> None:
    content, message = FLAWS[case]
    with pytest.raises(DataError, match=re.escape(message)):
        read(content)
