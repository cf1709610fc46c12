"""Independent sequences as a source reads them, before any split, scaler or padding."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from rnnexp.errors import DataError

if TYPE_CHECKING:
    import numpy as np

    from rnnexp.data.audio.extractor import FeatureExtractor


def _example(index: int) -> str:
    return f"example {index}"


@dataclass(frozen=True)
class Sequences:
    """Sequences of any length, end to end, sequence i being `offsets[i]:offsets[i + 1]`.

    values:   (steps, channels) numbers, or (steps,) integer tokens; of frames (steps, height * width * channels)
    offsets:  (n + 1,) int64, from 0 to steps
    targets:  labels (n,), or numbers (n,) or (n, outputs)
    channels: one name per channel
    parts:    (n,) "train", "val" or "test" where the source says so, "" where the split decides; None: all ""
    groups:   (n,) whose each one is, where the source says so: a patient, a machine; None: each is by itself
    weights:  (n,) how often each counts, 0 or more, where the source says so; None: once
    place:    index -> where a sequence comes from, for messages ("file.ts, line 12")
    notes:    what reading did to the data, one sentence each, with counts
    extractor: what made the values of recordings of sound; None: they are as they were read
    copies:   index -> further sequences like it, from which training alone learns; None: there are none
    recording, time: columns of a long table that name a recording and order its rows; None: they are no such table
    frame:    height, width and channels of the image that each step is; None where it is none. Such have no names
    scale:    of a frame: the value that is fed as 1
    step_targets: (steps,) the label of each step, where each has one
    """

    values: np.ndarray
    offsets: np.ndarray
    targets: np.ndarray
    channels: tuple[str, ...]
    parts: np.ndarray | None = None
    groups: np.ndarray | None = None
    weights: np.ndarray | None = None
    place: Callable[[int], str] = _example
    source: str = ""
    notes: tuple[str, ...] = field(default=())
    recording: tuple[str, ...] | None = None
    time: tuple[str, ...] | None = None
    extractor: FeatureExtractor | None = None
    copies: Callable[[int], list[np.ndarray]] | None = None
    frame: tuple[int, int, int] | None = None
    scale: float = 1.0
    step_targets: np.ndarray | None = None

    @classmethod
    def of(cls, sequences: Iterable[Any], targets: Any, **more: Any) -> Sequences:
        """Join arrays (time, channels), or one array (n, time, channels), with a target each.

        Raises DataError for one that has another number of channels than the first.
        """
        import numpy as np

        arrays = [np.asarray(one) for one in sequences]
        place = more.get("place", _example)
        for index, one in enumerate(arrays):
            if one.ndim != 2 or one.shape[1] != arrays[0].shape[1]:
                wanted = arrays[0].shape[1] if arrays[0].ndim == 2 else "channels"
                raise DataError(f"{place(index)}: the shape is {one.shape}; it must be (time, {wanted})")
        channels = tuple(str(i) for i in range(arrays[0].shape[-1])) if arrays else ()
        offsets = np.cumsum([0, *(len(one) for one in arrays)])
        values = np.concatenate(arrays) if arrays else np.zeros((0, 0))
        return cls(values, offsets, np.asarray(targets), **{"channels": channels, **more})

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def lengths(self) -> np.ndarray:
        return self.offsets[1:] - self.offsets[:-1]

    def one(self, index: int) -> np.ndarray:
        """Return one sequence, (time, channels) or (time,)."""
        return self.values[self.offsets[index] : self.offsets[index + 1]]

    def join(self, other: Sequences, part: str) -> Sequences:
        """Put those of another source behind these, as a part; their labels, groups and weights are not read."""
        import numpy as np

        if len(other.channels) != len(self.channels):
            there = f"{len(other.channels)} channels; {self.source} has {len(self.channels)}"
            raise DataError(f"{other.source}: {there}")
        own, more = len(self), len(other)
        parts = np.full(own, "") if self.parts is None else self.parts
        return replace(
            self,
            values=np.concatenate([self.values, other.values]),
            offsets=np.concatenate([self.offsets, self.offsets[-1] + other.offsets[1:]]),
            targets=np.concatenate([self.targets, np.repeat(self.targets[:1], more, axis=0)]),
            parts=np.concatenate([parts, np.full(more, part)]),
            groups=None if self.groups is None else np.concatenate([self.groups, np.full(more, part)]),
            weights=None if self.weights is None else np.concatenate([self.weights, np.ones(more)]),
            place=lambda index: self.place(index) if index < own else other.place(index - own),
            source=f"{self.source}, {other.source}",
        )

    def take(self, chosen: np.ndarray) -> Sequences:
        """Keep the sequences at these places alone, in this order."""
        import numpy as np

        make: Any = self.copies
        return replace(
            self.take_steps(chosen, np.diff(self.offsets)[chosen]),
            targets=self.targets[chosen],
            parts=None if self.parts is None else self.parts[chosen],
            groups=None if self.groups is None else self.groups[chosen],
            weights=None if self.weights is None else self.weights[chosen],
            place=lambda index: self.place(int(chosen[index])),
            copies=self.copies and (lambda index: make(int(chosen[index]))),
        )

    def take_steps(self, chosen: np.ndarray, lengths: np.ndarray) -> Sequences:
        """Keep the first steps of the sequences at these places, so many of each; their targets stay as they are."""
        import numpy as np

        steps = np.concatenate([np.arange(begin, begin + own) for begin, own in zip(self.offsets[chosen], lengths)])
        return replace(
            self,
            values=self.values[steps],
            offsets=np.cumsum([0, *lengths]),
            step_targets=None if self.step_targets is None else self.step_targets[steps],
        )

    def with_scale(self, scale: float) -> Sequences:
        """Return the same frames in the units of others, of which `scale` is the value that is fed as 1."""
        if scale == self.scale:
            return self
        return replace(self, values=self.values * (scale / self.scale), scale=scale)


def read_targets(sequences: Sequences) -> np.ndarray:
    """Return the numbers that belong to each sequence, (n, outputs)."""
    import numpy as np

    targets = sequences.targets
    if targets.dtype.kind not in "fiub":
        first = f"{sequences.place(0)}: the target `{targets.flat[0]}` is not a number"
        raise DataError(f"{first}; data.task=classification takes labels")
    y = targets.reshape(len(targets), -1).astype(np.float32)
    if not np.isfinite(y).all():
        index = int(np.argwhere(~np.isfinite(y))[0][0])
        raise DataError(f"{sequences.place(index)}: the target is not a finite number")
    return y
