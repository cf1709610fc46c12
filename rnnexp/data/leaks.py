"""The guard on independent examples: is one in two parts?"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from rnnexp.data.dataset import Dataset


def shared_examples(dataset: Dataset) -> Iterator[str]:
    """Yield what is in two parts at once, one sentence each."""
    for one, other in itertools.combinations(dataset.parts, 2):
        both = np.intersect1d(dataset.parts[one].indices, dataset.parts[other].indices)
        if len(both):
            yield f"{len(both)} examples are in {one} and in {other}, such as example {both[0]}"
