"""Sequences of different length as one batch: gathered from flat arrays, zeros at the end, and a mask.

`steps` among the arrays is 0, 1, 2, ... up to the longest sequence of a batch: its length, a shape, is what a
compiled program knows, so that a shorter one makes shorter batches.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnexp.data.dataset import Arrays
from rnnexp.data.example_weights import take_weights


def laid_out(values: np.ndarray, offsets: np.ndarray) -> dict[str, np.ndarray]:
    """Return flat arrays for `whole_batch` and `masked_batch` of sequences that lie end to end."""
    return lay_windows(values, offsets[:-1], np.diff(offsets))


def lay_windows(values: np.ndarray, begin: np.ndarray, lengths: np.ndarray) -> dict[str, np.ndarray]:
    """Return the same of windows (m,) that may overlap."""
    kind = np.int32 if np.issubdtype(values.dtype, np.integer) else np.float32
    return {
        "values": values.astype(kind),
        "begin": begin.astype(np.int32),
        "length": lengths.astype(np.int32),
        "steps": np.arange(lengths.max(initial=0), dtype=np.int32),
    }


def whole_inputs(arrays: Arrays, indices: Any) -> Any:
    """Gather sequences that are all of one length: (b, time, channels) or (b, time)."""
    return arrays["values"][arrays["begin"][indices][:, None] + arrays["steps"]]


def masked_inputs(arrays: Arrays, indices: Any) -> dict[str, Any]:
    """Gather sequences of any length: "past" as in `whole_inputs`, 0 after the end, and "mask" (b, time)."""
    mask = arrays["steps"] < arrays["length"][indices][:, None]
    past = arrays["values"][arrays["begin"][indices][:, None] + arrays["steps"] * mask]
    shown = mask.reshape(mask.shape + (1,) * (past.ndim - 2)).astype(past.dtype)
    return {"past": past * shown, "mask": mask}


def whole_batch(arrays: Arrays, indices: Any) -> tuple[Any, Any, Any]:
    """Return x (b, time, channels), y (b, outputs) numbers or (b,) classes, and their weight, see `take_weights`."""
    return whole_inputs(arrays, indices), arrays["y"][indices], take_weights(arrays, indices)


def masked_batch(arrays: Arrays, indices: Any) -> tuple[Any, Any, Any]:
    """Return x with its mask, y and weight."""
    return masked_inputs(arrays, indices), arrays["y"][indices], take_weights(arrays, indices)


def stepwise_batch(arrays: Arrays, indices: Any) -> tuple[Any, Any, Any]:
    """Return x with its mask, y (b, time) classes, one for each step, and weights (b, time): 0 after the end."""
    x = masked_inputs(arrays, indices)
    y = arrays["y"][arrays["begin"][indices][:, None] + arrays["steps"] * x["mask"]] * x["mask"]
    return x, y, x["mask"].astype(np.float32)


def bounds(lengths: np.ndarray, buckets: int) -> tuple[int, ...]:
    """Return up to `buckets` lengths that batches are padded to: quantiles of the lengths, the longest last."""
    cuts = np.quantile(lengths, np.arange(1, buckets + 1) / buckets, method="higher")
    return tuple(sorted({int(cut) for cut in cuts}))
