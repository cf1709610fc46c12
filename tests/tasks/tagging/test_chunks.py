"""Chunks by the rules of conlleval, worked by hand."""

from __future__ import annotations

import pytest

from rnnexp.tasks.tagging import chunks


def found(tags: str) -> list[tuple[int, int, str]]:
    return sorted(chunk[1:] for chunk in chunks.chunks([tags.split()]))


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("B-x I-x O B-y", [(0, 1, "x"), (3, 3, "y")]),
        ("O I-x I-x O", [(1, 2, "x")]),  # an I after an O begins one
        ("B-x I-y I-y", [(0, 0, "x"), (1, 2, "y")]),  # another type begins one
        ("I-x I-y", [(0, 0, "x"), (1, 1, "y")]),
        ("B-x B-x I-x", [(0, 0, "x"), (1, 2, "x")]),
        ("B-x E-x I-x", [(0, 1, "x"), (2, 2, "x")]),  # what follows an end begins one
        ("B-x I-x E-x S-x S-x", [(0, 2, "x"), (3, 3, "x"), (4, 4, "x")]),
        ("E-x E-x", [(0, 0, "x"), (1, 1, "x")]),
        ("B-x-1 I-x-1 I-x-2", [(0, 1, "x-1"), (2, 2, "x-2")]),  # a type may hold a hyphen
        ("O O", []),
    ],
)
def test_chunks_begin_and_end_as_in_conlleval(tags: str, expected: list[tuple[int, int, str]]) -> None:
    assert found(tags) == expected


def test_a_chunk_ends_with_its_sequence() -> None:
    assert chunks.chunks([["B-x"], ["I-x"]]) == {(0, 0, 0, "x"), (1, 0, 0, "x")}


def test_a_chunk_counts_if_its_ends_and_its_type_are_right() -> None:
    actual = chunks.chunks([["B-x", "I-x", "O", "B-y", "O", "B-y", "I-y"]])
    predicted = chunks.chunks([["B-x", "I-x", "O", "B-x", "O", "B-y", "O"]])  # right, wrong type, too short
    scores = chunks.scores(actual, predicted)
    assert scores == pytest.approx({"chunk_precision": 1 / 3, "chunk_recall": 1 / 3, "chunk_f1": 1 / 3})
    more = chunks.scores(actual, predicted | {(0, 2, 2, "z")})
    assert more == pytest.approx({"chunk_precision": 1 / 4, "chunk_recall": 1 / 3, "chunk_f1": 2 / 7})
    assert chunks.scores(actual, set()) == {"chunk_precision": 0, "chunk_recall": 0, "chunk_f1": 0}
    table = chunks.by_type(actual, predicted)
    assert table["type"].tolist() == ["x", "y"]
    assert table["precision"].tolist() == [0.5, 0]
    assert table["chunks"].tolist() == [1, 2]
    assert table["predicted"].tolist() == [2, 1]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (["O", "B-x", "I-x"], True),
        (["S-x", "O"], True),
        (["NN", "VB"], False),
        (["O", "B-x", "X"], False),
        (["O"], False),
        (["O", "B-"], False),
    ],
)
def test_tags_that_mark_chunks_are_told_from_others(tags: list[str], expected: bool) -> None:
    assert chunks.marks(tags) is expected
