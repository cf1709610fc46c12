"""Examples on their way to the network: several batches at a time, gathered by index arithmetic.

A block is a stack of `size`-example batches with a leading step axis, so that a backend can run many gradient
steps per dispatch. A partial last batch is a block of its own, at its true shape: padding it would change its
mean loss.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from rnnexp.data.dataset import Batch, Part

BLOCK_BYTES = 32 * 2**20  # more steps per dispatch than this gains nothing and keeps Ctrl-C waiting
MAX_STEPS = 128
CACHE_BYTES = 64 * 2**20

SCORING_BATCH_SIZE = 512  # examples per batch of a part that is only scored: changes its speed, not its result

Weigh = Callable[[Any, Any], Any]


@dataclass(frozen=True)
class Block:
    """`steps` batches of one shape; `data` is (x, y) or (x, y, weight), each array (capacity >=
    steps, batch, ...).
    """

    data: tuple[Any, ...]
    steps: int

    def batch(self, step: int = 0) -> tuple[Any, ...]:
        return map_arrays(self.data, lambda array: array[step])


def map_arrays(data: Any, change: Callable[[Any], Any]) -> Any:
    """Apply `change` to every array of a batch, whose inputs may be a mapping."""
    if isinstance(data, dict):
        return {name: map_arrays(value, change) for name, value in data.items()}
    if isinstance(data, tuple):
        return tuple(map_arrays(value, change) for value in data)
    return change(data)


def list_arrays(data: Any) -> list[Any]:
    """List the arrays of a batch."""
    arrays: list[Any] = []
    map_arrays(data, arrays.append)
    return arrays


@dataclass(frozen=True)
class Batcher:
    """The examples of one part in batches of `size`, at most `steps` batches per block.

    weigh: (y, weight or None) -> weight, for class weights; None leaves the weights of the data alone.
    """

    part: Part
    gather: Batch
    size: int
    steps: int = 1
    weigh: Weigh | None = None

    def with_steps(self, steps: int | Literal["auto"]) -> Batcher:
        """Return this batcher with `steps` batches per block; `auto` takes what is small enough to
        be gathered at once, or one where batches differ in length: few that follow each other are alike.
        """
        if steps == "auto" and len(self.part.bounds) > 1:
            steps = 1
        elif steps == "auto":
            steps = int(np.clip(BLOCK_BYTES // max(1, count_bytes(self.sample())), 1, MAX_STEPS))
        return replace(self, steps=steps)

    def sample(self) -> tuple[Any, ...]:
        """Return the first batch in the part's own order."""
        return self.batch(self.part.indices[: self.size])

    def unweighted_sample(self) -> tuple[Any, ...]:
        """Return the same batch without class weights: what the data themselves weigh, metrics are weighed by."""
        return replace(self, weigh=None).sample()

    @property
    def one_batch(self) -> bool:
        """Whether the whole part is one batch: then the order within it means nothing."""
        return self.size >= len(self.part)

    @property
    def steps_of_epoch(self) -> int:
        """How many batches one pass over the part has, a smaller last one among them."""
        return -(-len(self.part) // self.size)

    @property
    def small(self) -> bool:
        """Whether all examples may be kept as gathered, because they take little memory."""
        return count_bytes(self.sample()) * len(self.part) <= CACHE_BYTES * self.size

    def blocks(self, order: np.ndarray, first: int = 0) -> Iterator[Block]:
        """Yield the batches of the example indices `order` (n,), in that order, each example once; not those before
        batch `first`.
        """
        whole = len(order) // self.size
        full = order[: whole * self.size].reshape(whole, self.size)[first:]
        capacity = min(self.steps, whole)
        for alike in self._of_one_shape(full):
            for start in range(0, len(alike), self.steps):
                yield self._block(alike[start : start + self.steps], capacity)
        if len(order) % self.size and first <= whole:
            yield self._block(order[None, whole * self.size :], 1)

    def _of_one_shape(self, full: np.ndarray) -> list[np.ndarray]:
        """Cut batches (steps, batch) where the length that they are padded to changes."""
        if len(self.part.bounds) < 2:
            return [full]
        needed = self.part.bucket(full).max(axis=1)
        return np.split(full, np.flatnonzero(np.diff(needed)) + 1)

    def _block(self, indices: np.ndarray, capacity: int) -> Block:
        """Gather (steps, batch) `indices`; a shorter last block is filled up, and the rest never run."""
        filled = np.resize(indices, (capacity, indices.shape[1])) if len(indices) < capacity else indices
        data = self.batch(filled.reshape(-1))
        return Block(map_arrays(data, lambda array: array.reshape(*filled.shape, *array.shape[1:])), len(indices))

    def batch(self, indices: np.ndarray) -> tuple[Any, ...]:
        """Gather `indices` (b,) as (x, y) or (x, y, weight), sequences padded no further than these need."""
        return self.gathered(self.part.arrays_for(indices), indices)

    def gathered(self, arrays: Mapping[str, Any], indices: Any) -> tuple[Any, ...]:
        """Do the same with arrays that may be traced."""
        x, y, weight = self.gather(arrays, indices)
        if self.weigh is not None:
            weight = self.weigh(y, weight)
        return (x, y) if weight is None else (x, y, weight)


def count_bytes(batch: tuple[Any, ...]) -> int:
    return sum(np.asarray(array).nbytes for array in list_arrays(batch))


def make_scoring_batcher(part: Part, gather: Batch, size: int) -> Batcher:
    """Return the batcher of a part that is only scored, beside a training with batches of `size`.

    Lanes are as many as in training: the states that go with them have that size.
    """
    cut = part.side_by_side(size)
    return Batcher(cut, gather, min(len(part), max(size, SCORING_BATCH_SIZE)) if cut is part else size)
