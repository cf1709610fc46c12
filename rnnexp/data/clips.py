"""Clips of frames as they were read, before they are put end to end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnnexp.data.labeled import Sequences
from rnnexp.errors import DataError

SHOWN = 8  # mistakes that a message lists
SCALES = {"uint8": 255.0, "uint16": 65535.0}
SIZES = {"grayscale": 1, "rgb": 3}


@dataclass(frozen=True)
class Clips:
    """Clips (time, height, width, channels), all of one type and size.

    places: where each is from, for messages
    labels: one each, or (tagging) a list of one for each frame
    parts, groups: one each, as in `Sequences`
    """

    clips: Sequence[np.ndarray]
    places: Sequence[str]
    labels: Sequence[Any]
    source: str
    parts: Sequence[str] = ()
    groups: Sequence[str] | None = None
    notes: tuple[str, ...] = field(default=())

    def gather(self, stepwise: bool) -> Sequences:
        """Put the clips end to end."""
        height, width, channels = self.clips[0].shape[1:]
        lengths = [len(one) for one in self.clips]
        return Sequences(
            np.concatenate([one.reshape(len(one), -1) for one in self.clips]),
            np.cumsum([0, *lengths]),
            np.array([""] * len(lengths) if stepwise else self.labels),
            (),
            parts=np.array(self.parts) if len(self.parts) else None,
            groups=None if self.groups is None else np.array(self.groups),
            place=lambda index: self.places[index],
            source=self.source,
            notes=self.notes,
            frame=(height, width, channels),
            scale=find_scale(self.clips[0]),
            step_targets=np.concatenate([np.array(own) for own in self.labels]) if stepwise else None,
        )


def find_scale(values: np.ndarray) -> float:
    """Return the value that is fed as 1: the largest of whole numbers of 8 or 16 bits, 1 of others."""
    return SCALES.get(str(values.dtype), 1.0)


def settle_values(values: np.ndarray, place: str) -> np.ndarray:
    """Return values as they are kept: whole numbers of 8 or 16 bits, or fractions from 0 to 1 as float32.

    Raises DataError for others.
    """
    if values.dtype.kind not in "fiub" or not values.size:
        raise DataError(f"{place}: holds {values.dtype} values of the shape {values.shape}, not images")
    if str(values.dtype) in SCALES:
        return values
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if values.dtype.kind in "iu" and low >= 0 and high < 2**16:
        return values.astype(np.uint8 if high < 2**8 else np.uint16)
    if low < 0 or high > 1:
        raise DataError(
            f"{place}: values from {low:g} to {high:g}; images are whole numbers from 0 to 255 or 65535, or "
            "fractions from 0 to 1"
        )
    return values.astype(np.float32)


def refuse_mistakes(problems: Sequence[str]) -> None:
    """Raise DataError with all mistakes, the first of many; nothing without any."""
    if not problems:
        return
    more = [f"and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
    if len(problems) == 1:
        raise DataError(problems[0])
    lines = "\n".join(f"  {problem}" for problem in [*problems[:SHOWN], *more])
    raise DataError(f"{len(problems)} mistakes in the images:\n{lines}")
