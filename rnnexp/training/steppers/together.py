"""Several trainings in one compiled program on JAX: the same steps, with a leading axis of members.

A member has its own weights, optimizer state, learning rate, dropout and order of examples; the program is the one
that a single training runs, vectorised by `jax.vmap`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from rnnexp.training.feed import Block, arrays_of, each
from rnnexp.training.steppers.on_jax import OnJax, looped
from rnnexp.training.steppers.stepper import Stepper

State = tuple[list[Any], list[Any], list[Any]]  # trainable, other, optimizer values of one member


class Group:
    """The states of all members, stacked; `template` is the stepper of the one compiled model that they share."""

    def __init__(self, template: OnJax, states: Sequence[State]) -> None:
        import jax
        from jax import numpy as jnp

        self.template = template
        self.width = len(states)
        self.trainable, self.other, self.optimizer = jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)
        self.no_metrics = [jnp.stack([value] * self.width) for value in template.no_metrics]
        self.metrics = self.no_metrics
        model = template.model
        self._steps = {"train": looped(model.train_step), "test": looped(model.test_step)}
        self._compiled: dict[tuple[str, bool], Callable[..., Any]] = {}
        self._results = jax.jit(jax.vmap(template.metric_results))
        self._fixed: dict[int, Block] = {}
        self._placed: dict[tuple[int, ...], tuple[Any, bool]] = {}
        self._fresh: set[int] = set()
        self._scores: dict[str, np.ndarray] | None = None
        self._host: list[np.ndarray] | None = None
        variable = model.optimizer.learning_rate
        self._rate_at = next(i for i, other in enumerate(model.optimizer.variables) if other is variable)
        self.rates = np.array(self.optimizer[self._rate_at])

    def members(self) -> list[Member]:
        return [Member(self, index) for index in range(self.width)]

    def keep(self, block: Block) -> Block:
        """Note that a block will come again as it is."""
        self._fixed[id(block)] = block
        return block

    def begin(self, index: int) -> None:
        """Note that a member starts a new pass; the others may still read the scores of their last one."""
        self._fresh.add(index)

    def run(self, kind: str, blocks: Mapping[int, Block]) -> None:
        """Run one block of every member in `blocks`; the others go along on a neighbour's data, to no effect."""
        some = next(iter(blocks.values()))
        if self._fresh:
            self.metrics = self.no_metrics
            self._fresh.clear()
        data, shared = self._data([blocks.get(index, some) for index in range(self.width)])
        step = self._function(kind, shared)
        if kind == "train":
            state = (self.trainable, self.other, self.optimizer, self.metrics)
            self.trainable, self.other, self.optimizer, self.metrics = step(state, data, some.steps)
            self._host = None
        else:
            _, _, self.metrics = step((self.trainable, self.other, self.metrics), data, some.steps)
        self._scores = None

    def _function(self, kind: str, shared: bool) -> Callable[..., Any]:
        import jax

        if (kind, shared) not in self._compiled:
            axes = (0, None if shared else 0, None)
            self._compiled[kind, shared] = jax.jit(jax.vmap(self._steps[kind], in_axes=axes))
        return self._compiled[kind, shared]

    def _data(self, blocks: list[Block]) -> tuple[Any, bool]:
        """Return the data of all members, stacked unless they are the same, and whether they are."""
        import jax

        key = tuple(id(block) for block in blocks)
        if key in self._placed:
            return self._placed[key]
        fixed = all(number in self._fixed for number in key)
        shared = fixed and all(_same(blocks[0], block) for block in blocks[1:])
        data = blocks[0].data if shared else stacked([block.data for block in blocks])
        if fixed:
            self._placed[key] = (each(data, jax.device_put), shared)
            return self._placed[key]
        return data, shared

    def scores(self, index: int) -> dict[str, float]:
        if self._scores is None:
            self._scores = {name: np.asarray(value) for name, value in self._results(self.metrics).items()}
        return {name: float(value[index]) for name, value in self._scores.items()}

    def set_rate(self, index: int, rate: float) -> None:
        from jax import numpy as jnp

        self.rates[index] = rate
        self.optimizer = [*self.optimizer]
        self.optimizer[self._rate_at] = jnp.asarray(self.rates)

    def values(self, index: int) -> list[np.ndarray]:
        """Return the weights of a member; all members' are fetched from the device at once."""
        if self._host is None:
            self._host = [np.asarray(value) for value in [*self.trainable, *self.other]]
        return [value[index].copy() for value in self._host]


class Member(Stepper):
    """One member, as its training sees it; its steps are run by whoever holds the group."""

    def __init__(self, group: Group, index: int) -> None:
        self.model = group.template.model
        self.variables = group.template.variables
        self.averages = []
        self.group, self.index = group, index

    def place(self, block: Block) -> Block:
        return self.group.keep(block)

    def train(self, block: Block) -> None:
        raise NotImplementedError("a member is stepped together with its group")

    test = train

    def begin(self) -> None:
        self.group.begin(self.index)

    def results(self) -> dict[str, float]:
        return self.group.scores(self.index)

    def grad_norm(self, batch: tuple[Any, ...]) -> float:
        raise NotImplementedError("trainings that log the norm of their gradient run alone")

    def set_rate(self, rate: float) -> None:
        self.group.set_rate(self.index, rate)

    def rate(self) -> float:
        return float(self.group.rates[self.index])

    def values(self) -> list[np.ndarray]:
        return self.group.values(self.index)

    def restore(self, values: list[np.ndarray]) -> None:
        """Put a member's weights into the shared model, where it is scored and saved from."""
        for variable, value in zip(self.variables, values):
            variable.assign(value)


def stacked(data: Sequence[Any]) -> Any:
    """Stack batches of the same structure along a new first axis."""
    first = data[0]
    if isinstance(first, dict):
        return {name: stacked([item[name] for item in data]) for name in first}
    if isinstance(first, tuple):
        return tuple(stacked(list(items)) for items in zip(*data))
    return np.stack([np.asarray(item) for item in data])


def _same(one: Block, other: Block) -> bool:
    return one is other or all(
        np.array_equal(a, b) for a, b in zip(arrays_of(one.data), arrays_of(other.data), strict=True)
    )
