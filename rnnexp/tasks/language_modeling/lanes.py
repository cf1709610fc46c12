"""One long text read in lanes side by side: each batch goes on where the last one ended."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rnnexp.data.dataset import LEARNED_FROM, WHOLE, Arrays, Dataset, Part
from rnnexp.errors import DataError

STRETCH, MAX_STRETCHES = 30, 200  # tokens of a text that are looked up at once, and how many times


@dataclass(frozen=True)
class Lanes(Part):
    """The tokens `first` to `last` of a text, cut into stretches of `steps` tokens; `indices` are where they begin.

    arrays: "values" (tokens,) of the whole text, "steps" 0, 1, 2, ... up to `steps`
    spare:  tokens at the end that no stretch reaches
    """

    name: str = ""
    first: int = 0
    last: int = 0
    steps: int = 1
    spare: int = 0

    @property
    def samples(self) -> int:
        return len(self) * self.steps

    def side_by_side(self, size: int) -> Lanes:
        """Cut the text into `size` lanes of equal length, and order the stretches so that every `size` of them are
        one batch, of which lane i goes on in place i of the next.
        """
        lane = (self.last - self.first - 1) // size
        batches = lane // self.steps
        if batches == 0:
            raise DataError(
                f"the {self.name} set has {self.last - self.first:,} tokens, too few for one batch: {size} streams "
                f"(trainer.batch_size) of {self.steps} steps (data.sequence_length) need "
                f"{size * self.steps + 1:,}. Lower one of the two"
            )
        begins = self.first + np.arange(size) * lane
        stretches = begins + self.steps * np.arange(batches)[:, None]
        return replace(self, indices=stretches.reshape(-1).astype(np.int32), spare=lane - batches * self.steps)

    def order(self, seed: int, epoch: int, size: int) -> np.ndarray:
        """Return the stretches in order, moved by what the lanes have to spare: over the epochs every token is seen."""
        generator = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, epoch])))
        return self.indices + np.int32(generator.integers(self.spare + 1))


def lanes(name: str, values: np.ndarray, border: tuple[int, int], steps: int) -> Lanes:
    """Return a part of a text (tokens,) as one lane."""
    arrays = {"values": values, "steps": np.arange(steps, dtype=np.int32)}
    part = Lanes(arrays, np.zeros(0, np.int32), name=name, first=border[0], last=border[1], steps=steps)
    return part.side_by_side(1)


def next_tokens(arrays: Arrays, indices: Any) -> tuple[Any, Any, None]:
    """Return x (b, time), the tokens from each index on, and y (b, time), those that follow each of them."""
    places = indices[:, None] + arrays["steps"]
    return arrays["values"][places], arrays["values"][places + 1], None


def leaks(dataset: Dataset) -> Iterator[str]:
    """Yield which parts of one text reach into each other."""
    lanes = {name: part for name, part in dataset.parts.items() if isinstance(part, Lanes)}
    for one, other in itertools.combinations(lanes, 2):
        both = min(lanes[one].last, lanes[other].last) - max(lanes[one].first, lanes[other].first)
        if both > 0:
            yield f"{both} tokens are in {one} and in {other}"


def seen(dataset: Any, own: Any) -> str:
    """Say about how much of a text stands in what a run has learned from, by a sample of its stretches."""
    ids = dataset.ids(WHOLE)
    known = [own.ids(part).tobytes() for part in LEARNED_FROM if part in own.borders]
    begins = np.unique(np.linspace(0, max(0, len(ids) - STRETCH), MAX_STRETCHES, dtype=np.int64))
    share = np.mean([any(ids[begin : begin + STRETCH].tobytes() in text for text in known) for begin in begins])
    return f"about {share:.0%} of the text are in what the run was trained on" if share else ""
