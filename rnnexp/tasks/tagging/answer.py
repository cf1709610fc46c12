"""A tagger as it is served: a text in, a tag for each of its tokens out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.tasks.tagging.dataset import TagPipeline
from rnnexp.tasks.tagging.report import tagged

if TYPE_CHECKING:
    from pandas import DataFrame


def answer(model: Any, pipeline: TagPipeline, sequences: Sequence[Sequence[str]], places: Sequence[str]) -> DataFrame:
    """Return the tag of each token and the probability of it, one line each; `places` says where sequences are from."""
    import pandas

    tags, shares = tagged(model, pipeline, sequences)
    lengths = [len(one) for one in sequences]
    columns = {
        "example": np.repeat(np.array(places, dtype=object), lengths),
        "position": np.concatenate([np.arange(1, length + 1) for length in lengths]),
        "token": [token for one in sequences for token in one],
        "tag": np.array(pipeline.tags, dtype=object)[tags],
        "probability": shares,
    }
    return pandas.DataFrame(columns)
