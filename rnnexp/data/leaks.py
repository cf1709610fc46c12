"""The guards on independent examples: is one in two parts, has one been learned from?"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from rnnexp.data.dataset import LEARNED_FROM, Dataset


def shared_examples(dataset: Dataset) -> Iterator[str]:
    """Yield what is in two parts at once, one sentence each."""
    for one, other in itertools.combinations(dataset.parts, 2):
        both = np.intersect1d(dataset.parts[one].indices, dataset.parts[other].indices)
        if len(both):
            yield f"{len(both)} examples are in {one} and in {other}, such as example {both[0]}"


def seen_examples(dataset: Any, own: Any, what: str = "scored examples") -> str:
    """Say how many of the scored examples stand in what a run has learned from, `own`, told by their `content`."""
    learned = {own.content(int(i)) for part in LEARNED_FROM if part in own.parts for i in own.parts[part].indices}
    scored = dataset.parts[dataset.scored].indices
    return known_share(sum(dataset.content(int(index)) in learned for index in scored), f"{len(scored)} {what}")


def known_share(seen: int, total: str) -> str:
    """Put into words how many have been learned from; nothing for none."""
    return f"{seen} of the {total} are among those that the run has learnt from" if seen else ""
