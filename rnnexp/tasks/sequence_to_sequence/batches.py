"""Pairs of sequences as batches: what is read, what came before each token that is to be written, and that token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rnnexp.data.dataset import Arrays
from rnnexp.data.texts.encoder import Encoded


def laid_out(encoded: Sequence[Encoded], around: tuple[int, int]) -> dict[str, np.ndarray]:
    """Return flat arrays for `pair_batch`: sources, and targets between the start and the end `around`, end to end."""
    source, target = encoded
    ends = np.array(around, np.int32)
    pieces = [target.ids[first:last] for first, last in zip(target.offsets, target.offsets[1:])]
    lengths = np.diff(source.offsets), np.diff(target.offsets) + 1
    return {
        "values": source.ids,
        "begin": source.offsets[:-1].astype(np.int32),
        "source_length": lengths[0].astype(np.int32),
        "targets": np.concatenate([piece for one in pieces for piece in (ends[:1], one, ends[1:])]),
        "target_begin": (target.offsets[:-1] + 2 * np.arange(len(pieces))).astype(np.int32),
        "target_length": lengths[1].astype(np.int32),
        "length": np.maximum(*lengths).astype(np.int32),
    }


def pair_batch(arrays: Arrays, indices: Any) -> tuple[Any, Any, Any]:
    """Return x with tokens, their mask and the target that came before each step, y (b, time) and weights (b, time).

    Each side is padded to the longest of the batch; what lies after the end of a target weighs nothing.
    """
    steps = arrays["steps"]
    mask = steps < arrays["source_length"][indices][:, None]
    past = arrays["values"][arrays["begin"][indices][:, None] + steps * mask] * mask
    known = steps < arrays["target_length"][indices][:, None]
    places = arrays["target_begin"][indices][:, None] + steps * known
    previous, following = arrays["targets"][places] * known, arrays["targets"][places + 1] * known
    return {"past": past, "mask": mask, "previous": previous}, following, known.astype(np.float32)
