"""What a program is fed: the examples on the device once, and the order of every epoch as indices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnexp.data.dataset import Dataset, Part
from rnnexp.data.large import is_large, make_room
from rnnexp.training.batcher import Batcher, list_arrays, make_scoring_batcher
from rnnexp.training.class_weights import make_weigher
from rnnexp.training.plan import TrainingPlan

Tree = Any

FLOPS, STEP_S = 3e10, 1e-5  # of one CPU core: operations per second, and what a time step costs at least
COPIES, GATES = 12, 12  # weights, moments, gradients, best and last state; values remembered per output of a layer


@dataclass(frozen=True)
class Pieces:
    """What an epoch can be cut into: its gradient steps, the smaller last one, batches of validation, and its end.

    steps: of whole batches;  trained: pieces until validation begins
    tests: whole batches of validation, 0 if there is but one: that belongs to the end, as does a smaller last step then
    """

    steps: int
    trained: int
    tests: int

    @property
    def total(self) -> int:
        return 1 if self.steps == 1 and not self.tests else self.trained + self.tests + 1


@dataclass(frozen=True)
class BatchPlan:
    """How the parts of one dataset are cut into batches."""

    train: Batcher
    val: Batcher | None

    @property
    def steps(self) -> int:
        """Gradient steps of an epoch, the smaller last one apart."""
        return len(self.train.part) // self.train.size

    @property
    def pieces(self) -> Pieces:
        """Return what an epoch can be cut into."""
        tests = len(self.val.part.indices) // self.val.size if self.val else 0
        has_rest = tests > 1 and len(self.train.part) % self.train.size > 0
        return Pieces(self.steps, self.steps + has_rest, tests if tests > 1 else 0)

    def gather(self) -> dict[str, Callable[..., tuple[Any, ...]]]:
        """Return the pure functions from arrays and indices to the batches of each part."""
        batchers = {"train": self.train, "val": self.val}
        return {part: batcher.gathered for part, batcher in batchers.items() if batcher}

    def data(self) -> Tree:
        """Return the arrays and what of their order never changes."""
        data: dict[str, Any] = {"train": dict(self.train.part.arrays)}
        if self.train.one_batch:
            data["order"] = _cut(self.train.part.indices, self.train.size)[0]
        if self.val:
            data["val"] = dict(self.val.part.arrays)
            data["val_order"], rest = _cut(self.val.part.indices, self.val.size)
            data |= {} if rest is None else {"val_rest": rest}
        return data

    def orders(self, seed: int, epochs: tuple[int, int], capacity: int, side_by_side: bool = False) -> Tree:
        """Return the order of `epochs` (first, count), (capacity, steps, batch), and what is left over.

        Batches of sequences get the length they are padded to, but not `side_by_side` with other trainings: steps of
        different length could not be vectorized.
        """
        first, count = epochs
        if self.train.one_batch:
            return {}
        part, size = self.train.part, self.train.size
        filled = _make_orders(capacity, len(part))
        for place in range(count):
            filled[place] = part.order(seed, first + place, size)
        whole = self.steps * size
        orders = {"order": filled[:, :whole].reshape(capacity, self.steps, size)}
        if self.train.part.bounds and not side_by_side:
            orders["bucket"] = self.train.part.bucket(orders["order"]).max(axis=2).astype(np.int32)
        return orders | ({"rest": filled[:, whole:]} if whole < len(part) else {})

    def _count_time_steps(self) -> int:
        """Return the time steps of an input: of windows, or of sequences and tokens."""
        inputs = list_arrays(self.train.sample()[0])
        return max([leaf.shape[1] for leaf in inputs if leaf.ndim > 1], default=1)

    def estimate_seconds(self, parameters: int) -> float:
        """Return a rough number of seconds for an epoch: a few operations per weight, example and time step."""
        times = self._count_time_steps()
        return len(self.train.part) * times * (6 * parameters / FLOPS + STEP_S / self.train.size)

    def estimate_bytes(self, model: Any) -> int:
        """Return a rough number of bytes that one of many trainings takes: weights in all their copies, what the
        backward pass remembers of each layer and time step, its data and orders.
        """
        outputs = sum(int(layer.output.shape[-1] or 1) for layer in model.layers if hasattr(layer.output, "shape"))
        times = self._count_time_steps()
        data = sum(leaf.nbytes for _, leaf in list_leaves(self.data()))
        return 4 * (COPIES * model.count_params() + GATES * self.train.size * outputs * times) + data

    def signature(self) -> str:
        """Return what must agree between trainings that share a program."""
        data = self.data()
        shapes = {str(path): (leaf.shape, str(leaf.dtype)) for path, leaf in list_leaves(data)}
        return repr((sorted(shapes.items()), len(self.train.part), self.train.size, repr(self.train.gather)))


def make_batch_plan(dataset: Dataset, plan: TrainingPlan) -> BatchPlan:
    """Cut the parts of a dataset as `plan` says."""
    trainer, train, val = plan.trainer, dataset.parts["train"], dataset.parts.get("val")
    size = choose_batch_size(train, trainer.batch_size)
    train = train.side_by_side(size)
    batcher = Batcher(train, dataset.batch, size, weigh=make_weigher(trainer.class_weights, dataset))
    return BatchPlan(batcher, make_scoring_batcher(val, dataset.batch, size) if val else None)


def _make_orders(capacity: int, examples: int) -> np.ndarray:
    """Return zeros (capacity, examples) to be filled with orders; a long one lies in a file."""
    if capacity == 1 and is_large(examples):
        return make_room((examples,), np.int32)[None]
    return np.zeros((capacity, examples), np.int32)


def choose_batch_size(train: Part, wanted: int | str) -> int:
    return len(train) if isinstance(wanted, str) else min(wanted, len(train))


def stack_shared(trees: Sequence[Tree]) -> tuple[Tree, Tree]:
    """Join the data of several trainings: what is equal is held once, the rest stacked; with `vmap`'s axes."""
    import jax

    structure = jax.tree.structure(trees[0])
    columns = zip(*(jax.tree.leaves(tree) for tree in trees))
    joined = [(column[0], None) if _are_equal(column) else (np.stack(column), 0) for column in columns]
    values = [jax.device_put(value) for value, _ in joined]
    return jax.tree.unflatten(structure, values), _make_axes(structure, [axis for _, axis in joined])


def place_rows(values: np.ndarray) -> Any:
    """Put an array on the device; where that is the memory of the machine, many rows stay in the file they lie in."""
    import jax
    from jax import numpy as jnp

    return jax.device_put(values, may_alias=True) if is_large(np.size(values)) else jnp.asarray(values)


def _make_axes(structure: Any, axes: list[int | None]) -> Tree:
    """Return a tree of axes; None would vanish as a leaf of JAX's."""
    return _put(structure.unflatten(range(len(axes))), axes)


def _put(tree: Tree, axes: list[int | None]) -> Tree:
    return {key: _put(value, axes) for key, value in tree.items()} if isinstance(tree, dict) else axes[tree]


def _are_equal(arrays: Sequence[np.ndarray]) -> bool:
    return all(array is arrays[0] or np.array_equal(array, arrays[0]) for array in arrays[1:])


def _cut(indices: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Cut indices (n,) into batches (steps, size) and a smaller last one, if there is one."""
    whole = len(indices) // size * size
    rest = indices[whole:] if whole < len(indices) else None
    return indices[:whole].reshape(-1, size), rest


def list_leaves(tree: Tree, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    if isinstance(tree, dict):
        return [leaf for key, value in tree.items() for leaf in list_leaves(value, (*path, key))]
    return [(path, tree)]
