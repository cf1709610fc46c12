"""The step between two rows: a pandas alias, found by votes so that a few gaps do not hide it."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from typing import Any

import numpy as np

COMMON = re.compile(r"[1-9]\d{0,4}(h|D|W|MS|ME|min|s|YS|YE|QS|QE)|(h|D|B|W|MS|ME|min|s|YS|YE|QS|QE)")
RENAMED = {
    "M": "ME",
    "BM": "BME",
    "CBM": "CBME",
    "SM": "SME",
    "Q": "QE",
    "BQ": "BQE",
    "A": "YE",
    "Y": "YE",
    "BA": "BYE",
    "BY": "BYE",
    "AS": "YS",
    "BAS": "BYS",
    "H": "h",
    "BH": "bh",
    "CBH": "cbh",
    "T": "min",
    "S": "s",
    "L": "ms",
    "U": "us",
    "N": "ns",
}
MOST_ROWS = 100  # a grid has at most so many times the rows that are there

VOTERS = 50
WINDOW = 10


def mistake(frequency: str) -> str | None:
    """Say what is wrong with a step given by hand; None if pandas knows it. Imports pandas only for rare ones."""
    if COMMON.fullmatch(frequency):
        return None
    import pandas as pd

    if renamed := _renamed(frequency):
        return f"`{frequency}` is an alias of older versions of pandas; write {renamed}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            offset = pd.tseries.frequencies.to_offset(frequency)
    except (ValueError, TypeError, KeyError, OverflowError, Warning):
        offset = None
    if offset is None:
        return (
            f"`{frequency}` is not a step of dates; write h, D, W, MS (first of the month), ME (its last day), 15min, …"
        )
    return None if offset.n > 0 else f"`{frequency}` does not lead forward; give a step of at least one"


def _renamed(frequency: str) -> str | None:
    """Return today's alias for one of an older pandas: ME for M, QE-MAR for Q-MAR, 15min for 15T."""
    parts = re.fullmatch(r"(\d*)([A-Z]+)(-[A-Z]{3})?", frequency)
    if parts is None or parts[2] not in RENAMED:
        return None
    return f"{parts[1]}{RENAMED[parts[2]]}{parts[3] or ''}"


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


def too_fine(time: np.ndarray, frequency: str) -> bool:
    """Tell whether a grid would have over a hundred times as many rows as there are dates: it may not fit in memory."""
    import pandas as pd

    first, last = pd.Timestamp(time[0]), pd.Timestamp(time[-1])
    try:
        second = first + pd.tseries.frequencies.to_offset(frequency)
    except (OverflowError, pd.errors.OutOfBoundsDatetime):  # beyond the end of pandas' time: too long, not too fine
        return False
    return (last - first).value > MOST_ROWS * len(time) * (second - first).value
