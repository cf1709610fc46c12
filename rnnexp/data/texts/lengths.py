"""Training examples of too many tokens: left out with a count, or refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from rnnexp.data.shares import Pieces
from rnnexp.errors import DataError, count

if TYPE_CHECKING:
    from rnnexp.data.pairs import PairSource
    from rnnexp.data.sources.text_tags import text_tags


def short_enough(
    source: PairSource | text_tags, pieces: Pieces, lengths: np.ndarray, what: str, place: Callable[[int], str]
) -> tuple[Pieces, list[str]]:
    """Leave training examples of more than `max_length` tokens out; those of other parts are always kept and scored.

    lengths: (examples,) tokens of each;  place: says where an example stands, for the DataError and the note
    Raises DataError if the source wants none to be left out, or if none would be left.
    """
    train = pieces["train"]
    long = train[lengths[train] > (source.max_length or np.inf)]
    if not len(long):
        return pieces, []
    where = place(int(long[0]))
    found = f"{count(len(long), f'training {what}')} of more than data.max_length={source.max_length} tokens"
    if source.on_long == "fail":
        raise DataError(f"{where}: {found}; leave such {what}s out with data.on_long=drop")
    if len(long) == len(train):
        raise DataError(f"{where}: {found}, and no shorter one; raise data.max_length")
    return {**pieces, "train": np.setdiff1d(train, long)}, [f"left out {found}, such as that of {where}"]
