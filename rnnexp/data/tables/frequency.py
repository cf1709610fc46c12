"""The step between two rows: a pandas alias, found by votes so that a few gaps do not hide it."""

from __future__ import annotations

import warnings
from collections import Counter
from typing import Any

import numpy as np

VOTERS = 50
WINDOW = 10


def infer(time: np.ndarray) -> str | None:
    """Return the alias ("MS", "h", "15min", ...) that most stretches of sorted dates agree on, or None."""
    if len(time) < 3:
        return None
    if alias := _alias(time):
        return alias
    for length in (WINDOW, 5, 3):
        alias, share = _vote(time, length)
        if alias is not None and share > 0.5:
            return alias
    return None


def _vote(time: np.ndarray, length: int) -> tuple[str | None, float]:
    """Return the commonest alias of up to 50 stretches, and its share of those that have one."""
    starts = np.unique(np.linspace(0, max(len(time) - length, 0), VOTERS).astype(int))
    votes = Counter(_alias(time[start : start + length]) for start in starts)
    votes.pop(None, None)
    if not votes:
        return None, 0.0
    alias, times = votes.most_common(1)[0]
    return alias, times / votes.total()


def _alias(time: np.ndarray) -> str | None:
    import pandas as pd

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas 4 returns an offset here instead of a string
        found: Any = pd.infer_freq(pd.DatetimeIndex(time))
    return None if found is None else str(getattr(found, "freqstr", found))


def grid(first: np.datetime64, last: np.datetime64, frequency: str) -> np.ndarray:
    """Return every date from `first` to `last` in steps of `frequency`, as datetime64[ns]."""
    import pandas as pd

    return np.asarray(pd.date_range(first, last, freq=frequency).astype("datetime64[ns]"))
