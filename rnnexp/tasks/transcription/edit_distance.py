"""How many letters or words must be replaced, left out or added to make one text of another (Levenshtein, 1966)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

Units = Sequence[str]  # letters of a text, or words of it
Texts = Sequence[Units] | np.ndarray
AT_ONCE = 1024  # pairs that are computed side by side: changes the speed, not the result


def count_edits(actual: Texts, predicted: Texts) -> np.ndarray:
    """Return the edit distance (n,) of each pair; all pairs are computed side by side."""
    found = [
        _count_some(actual[first : first + AT_ONCE], predicted[first : first + AT_ONCE])
        for first in range(0, len(actual), AT_ONCE)
    ]
    return np.concatenate(found) if found else np.zeros(0, np.int64)


def _count_some(actual: Texts, predicted: Texts) -> np.ndarray:
    ids: dict[str, int] = {}
    one, other = (_lay_out(side, ids, filler) for side, filler in ((actual, -1), (predicted, -2)))
    rows, (ends, stops) = np.arange(len(actual)), ([*map(len, side)] for side in (actual, predicted))
    places = np.arange(other.shape[1] + 1)
    row = np.tile(places, (len(actual), 1))
    found = row[rows, stops]
    for at in range(one.shape[1]):
        after = row + 1  # a unit of the actual text is left out
        replaced = row[:, :-1] + (one[:, at : at + 1] != other)
        after[:, 1:] = np.minimum(after[:, 1:], replaced)
        row = np.minimum.accumulate(after - places, axis=1) + places  # any number of units is added
        found = np.where(np.equal(ends, at + 1), row[rows, stops], found)
    return found


def _lay_out(texts: Texts, ids: dict[str, int], filler: int) -> np.ndarray:
    laid = np.full((len(texts), max(map(len, texts), default=0)), filler)
    for row, text in zip(laid, texts):
        row[: len(text)] = [ids.setdefault(unit, len(ids)) for unit in text]
    return laid


def count_confusions(actual: Texts, predicted: Texts) -> Counter[tuple[str, str]]:
    """Count which unit was taken for which, on a shortest way from each text to the other; "" is none."""
    found: Counter[tuple[str, str]] = Counter()
    for one, other in zip(actual, predicted):
        if one != other:
            found.update(_trace(one, other))
    return found


def _trace(one: Units, other: Units) -> list[tuple[str, str]]:
    table = np.zeros((len(one) + 1, len(other) + 1), np.int64)
    table[:, 0], table[0] = np.arange(len(one) + 1), np.arange(len(other) + 1)
    for i, unit in enumerate(one, start=1):
        for j, written in enumerate(other, start=1):
            table[i, j] = min(table[i - 1, j - 1] + (unit != written), table[i - 1, j] + 1, table[i, j - 1] + 1)
    i, j, found = len(one), len(other), []
    while i or j:
        if i and j and table[i, j] == table[i - 1, j - 1] + (one[i - 1] != other[j - 1]):
            i, j = i - 1, j - 1
            pair = one[i], other[j]
        elif i and table[i, j] == table[i - 1, j] + 1:
            i -= 1
            pair = one[i], ""
        else:
            j -= 1
            pair = "", other[j]
        found.append(pair)
    return [pair for pair in found if pair[0] != pair[1]]
