"""Chunks of tokens, such as names, that tags `B-x` and `I-x` mark: found whole or not at all.

By the rules of CoNLL-2000's conlleval (Tjong Kim Sang and Buchholz, Introduction to the CoNLL-2000 shared task, 2000),
which takes tags of which no scheme is kept: a chunk begins at B-x, at the first tag after an O or after another type,
and after the end E-x of one; S-x is a chunk by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas import DataFrame

OUTSIDE = "O"
INSIDE = re.compile(r"[BIES]-.+")

Chunk = tuple[int, int, int, str]  # sequence, first token, last token, type
Sequences = Iterable[Sequence[str]]


def marks(tags: Iterable[str]) -> bool:
    """Say whether tags mark chunks: each is `O`, `B-x` or `I-x`, or `E-x` or `S-x`, and not all are `O`."""
    inside = [tag for tag in tags if tag != OUTSIDE]
    return bool(inside) and all(map(INSIDE.fullmatch, inside))


def chunks(sequences: Sequences) -> set[Chunk]:
    """Return the chunks of sequences of tags."""
    return {(number, *chunk) for number, tags in enumerate(sequences) for chunk in _of_one(tags)}


def _of_one(tags: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    first, before, kind_before = 0, OUTSIDE, ""
    for place, tag in enumerate([*tags, OUTSIDE]):
        mark, _, kind = tag.partition("-")
        begins = mark in "BS" or before in "OES" or kind != kind_before
        if before != OUTSIDE and (begins or mark == OUTSIDE):
            yield first, place - 1, kind_before
        first = place if begins else first
        before, kind_before = mark, kind


def scores(actual: set[Chunk], predicted: set[Chunk]) -> dict[str, float]:
    """Return precision, recall and F1 of chunks, of which a part alone does not count; 0 where nothing is found."""
    right = len(actual & predicted)
    precision, recall = right / max(1, len(predicted)), right / max(1, len(actual))
    f1 = 2 * precision * recall / (precision + recall) if right else 0.0
    return {"chunk_precision": precision, "chunk_recall": recall, "chunk_f1": f1}


def by_type(actual: set[Chunk], predicted: set[Chunk]) -> DataFrame:
    """Return the scores of each type, and how many chunks of it there are."""
    import pandas

    rows = []
    for kind in sorted({chunk[-1] for chunk in actual | predicted}):
        of_kind = [{chunk for chunk in found if chunk[-1] == kind} for found in (actual, predicted)]
        found = scores(*of_kind)
        rows.append([kind, *found.values(), *map(len, of_kind)])
    return pandas.DataFrame(rows, columns=["type", "precision", "recall", "f1", "chunks", "predicted"])
