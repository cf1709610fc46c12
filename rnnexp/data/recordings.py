"""Long recordings as windows: a network sees each window by itself, and what it says of them is averaged.

A window is a place to begin and a number of steps. Its values are not copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnnexp.data.labeled import Sequences
from rnnexp.data.shares import Pieces
from rnnexp.data.source import WindowSize
from rnnexp.errors import count


@dataclass(frozen=True)
class Windows:
    """Windows of recordings that lie end to end, those of the first before those of the second.

    begin:     (m,) the place of each among all steps;  length: (m,) its steps;  recording: (m,) whose it is
    offsets:   (n + 1,) those of the recordings
    size:      by which they were cut; None: each is fed whole, as its only window
    """

    begin: np.ndarray
    length: np.ndarray
    recording: np.ndarray
    offsets: np.ndarray
    size: WindowSize | None = None

    def __len__(self) -> int:
        return len(self.begin)

    def choose(self, pieces: Pieces) -> Pieces:
        """Return the windows (m,) of the recordings of each part, ascending."""
        if self.size is None:
            return pieces
        return {name: np.flatnonzero(np.isin(self.recording, own)).astype(np.int32) for name, own in pieces.items()}

    def list_recordings(self, chosen: np.ndarray) -> np.ndarray:
        """Return the recordings of some windows, ascending."""
        return chosen if self.size is None else np.unique(self.recording[chosen])

    def count(self, chosen: np.ndarray) -> np.ndarray:
        """Return how many windows each recording of theirs has, (n,)."""
        return np.unique(self.recording[chosen], return_counts=True)[1]

    def take_first(self, values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        """Return what all windows of a recording have in common, (n, ...), of the values (m, ...) of some windows."""
        return values if self.size is None else values[np.unique(self.recording[chosen], return_index=True)[1]]

    def vote(self, values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        """Return for each recording the mean (n, ...) over its windows of values (m, ...), all counting alike."""
        if self.size is None:
            return values
        ends = np.append(np.unique(self.recording[chosen], return_index=True)[1], len(chosen))
        wide = np.asarray(values, np.float64)
        return np.stack([wide[first:last].mean(axis=0) for first, last in zip(ends, ends[1:])])

    def vote_all(self, values: np.ndarray) -> np.ndarray:
        """Return the votes for all recordings."""
        return self.vote(values, np.arange(len(self)))

    def count_all(self) -> np.ndarray:
        """Return how many windows each recording has."""
        return self.count(np.arange(len(self)))

    def split_all(self, recordings: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the steps of all windows of the recordings, each (steps, channels)."""
        return self.split(np.concatenate([np.asarray(one, np.float64) for one in recordings]), np.arange(len(self)))

    def split(self, values: np.ndarray, chosen: np.ndarray) -> list[np.ndarray]:
        """Return the steps of some windows, of those of all recordings (steps, channels)."""
        return [values[first : first + steps] for first, steps in zip(self.begin[chosen], self.length[chosen])]

    def find_steps(self, chosen: np.ndarray) -> np.ndarray:
        """Return the places of all steps that some windows hold, each once, ascending."""
        size = int(self.offsets[-1]) + 1
        begins, ends = (np.bincount(at[chosen], minlength=size) for at in (self.begin, self.begin + self.length))
        return np.flatnonzero(np.cumsum(begins - ends))

    def name_steps(self, sequences: Sequences, chosen: np.ndarray) -> list[str]:
        """Say of which recording each window is, and which of its steps it holds, from 1."""
        first = self.begin - self.offsets[self.recording] + 1
        return [
            f"{sequences.place(int(self.recording[i]))}, steps {first[i]} to {first[i] + self.length[i] - 1}"
            for i in chosen
        ]

    def say_votes(self, chosen: np.ndarray, metric: str, score: float | None) -> list[str]:
        """Say that recordings were judged by the mean over some windows, and how these do by themselves."""
        if self.size is None:
            return []
        voters, all_of = count(len(chosen), "window"), count(len(self.list_recordings(chosen)), "recording")
        alone = "" if score is None else f"; the {metric} of single windows is {score:.5g}"
        return [f"{all_of} predicted by the mean of the predictions for {voters}{alone}"]

    def describe(self) -> list[str]:
        """Say how many windows there are of how many recordings, and what their ends have come to."""
        if self.size is None:
            return []
        steps, stride = self.size
        recordings, lengths = len(self.offsets) - 1, np.diff(self.offsets)
        short, rest = int((lengths < steps).sum()), int(((lengths > steps) & ((lengths - steps) % stride > 0)).sum())
        made = (
            f"{count(recordings, 'recording')} cut into {count(len(self), 'window')} of {steps} steps, every {stride}"
        )
        ends = [f"{rest} end with a window that begins earlier, so that no step is left over"] * bool(rest)
        ends += [f"{short} are shorter than a window"] * bool(short)
        return ["; ".join([made, *ends])]


def cut(lengths: Sequence[int] | np.ndarray, size: WindowSize | None) -> Windows:
    """Cut recordings of these lengths (n,) into windows; the last one of each ends with it, a short one is its own."""
    offsets = np.cumsum([0, *lengths])
    if size is None:
        return Windows(offsets[:-1], np.diff(offsets), np.arange(len(lengths)), offsets)
    steps, stride = size
    starts = [_list_starts(int(length), steps, stride) for length in lengths]
    recording = np.repeat(np.arange(len(lengths)), list(map(len, starts)))
    begin = np.concatenate(starts) if starts else np.zeros(0, int)
    length = np.minimum(np.diff(offsets)[recording], steps)
    return Windows(offsets[recording] + begin, length, recording, offsets, size)


def _list_starts(length: int, steps: int, stride: int) -> np.ndarray:
    last = max(length - steps, 0)
    starts = np.arange(0, last + 1, stride)
    return starts if starts[-1] == last else np.append(starts, last)
