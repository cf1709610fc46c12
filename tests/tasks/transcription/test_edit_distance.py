"""Edits are counted as by the recursion that defines them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from rnnexp.tasks.transcription.edit_distance import count_confusions, count_edits


@cache
def distance(one: Sequence[str], other: Sequence[str]) -> int:
    if not one or not other:
        return len(one) + len(other)
    replaced = distance(one[1:], other[1:]) + (one[0] != other[0])
    return min(replaced, distance(one[1:], other) + 1, distance(one, other[1:]) + 1)


def draw_texts(seed: int, count: int = 60) -> list[str]:
    source = np.random.default_rng(seed)
    return ["".join(source.choice(list("abc"), source.integers(0, 7))) for _ in range(count)]


def test_many_pairs_at_once_have_the_distance_of_each() -> None:
    one, other = draw_texts(0), draw_texts(1)
    assert count_edits(one, other).tolist() == [distance(*pair) for pair in zip(one, other)]
    assert count_edits(one, one).tolist() == [0] * len(one)


def test_words_are_counted_as_letters_are() -> None:
    assert count_edits([["a", "bc", "d"]], [["a", "d"]]).tolist() == [1]
    assert count_edits([["a", "bc"]], [[]]).tolist() == [2]
    assert count_edits([], []).tolist() == []


def test_confusions_are_as_many_as_edits() -> None:
    one, other = draw_texts(2), draw_texts(3)
    assert count_confusions(one, other).total() == count_edits(one, other).sum()
    assert dict(count_confusions(["kitten"], ["sitting"])) == {("k", "s"): 1, ("e", "i"): 1, ("", "g"): 1}
