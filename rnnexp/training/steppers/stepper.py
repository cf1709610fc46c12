"""What a backend must be able to do for an epoch of training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from rnnexp.training.course import Weights
from rnnexp.training.feed import Block


@dataclass(frozen=True)
class Step:
    """Work that a training asks for: one block to be trained or tested on by its stepper."""

    stepper: Stepper
    kind: Literal["train", "test"]
    block: Block

    def run(self) -> None:
        work = self.stepper.train if self.kind == "train" else self.stepper.test
        work(self.block)


class Stepper(ABC):
    """A compiled Keras model and its optimizer, stepped block by block.

    Between `begin` and `sync` the state may live outside Keras's variables; `sync` writes it back, `pull`
    reads what a callback has changed there.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.variables = [*model.trainable_variables, *model.non_trainable_variables]
        self.averages = _averages(model)
        self.carried = getattr(model, "carried", [])

    @abstractmethod
    def place(self, block: Block) -> Block:
        """Put a block that is used again and again where the computation is."""

    @abstractmethod
    def train(self, block: Block) -> None: ...

    @abstractmethod
    def test(self, block: Block) -> None: ...

    def begin(self) -> None:
        """Forget the metrics of the last pass over a part, and the states that its lanes have come to."""
        self.model.reset_metrics()
        self._carry([np.zeros(variable.shape, np.float32) for variable in self.carried])

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        """Let lanes start from zeros for a while; afterwards they carry what they did before."""
        before = [_copy(variable) for variable in self.carried]
        self._carry([np.zeros_like(value) for value in before])
        try:
            yield
        finally:
            self._carry(before)

    def _carry(self, states: list[np.ndarray]) -> None:
        for variable, state in zip(self.carried, states):
            variable.assign(state)

    @abstractmethod
    def results(self) -> dict[str, float]:
        """Return loss and metrics since `begin`, by Keras's names: means over examples."""

    @abstractmethod
    def grad_norm(self, batch: tuple[Any, ...]) -> float:
        """Return the global norm of the loss's gradient on one batch: no dropout, nothing
        clipped or updated.
        """

    def set_rate(self, rate: float) -> None:
        self.model.optimizer.learning_rate = rate

    def rate(self) -> float:
        import keras

        return float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))

    def sync(self) -> None:  # noqa: B027  (nothing to do where the state lives in Keras's variables)
        """Write the state to Keras's variables."""

    def pull(self) -> None:  # noqa: B027
        """Read the state from Keras's variables."""

    def values(self) -> list[np.ndarray]:
        """Return copies of all variables of the model, averaged ones where the optimizer keeps averages."""
        averaged = {id(variable): average for variable, average in self.averages}
        return [_copy(averaged.get(id(variable), variable)) for variable in self.variables]

    def weights(self) -> Weights:
        """Return `values` by variable path, without the state of random numbers."""
        pairs = zip(self.variables, self.values())
        return {variable.path: value for variable, value in pairs if not is_seed_state(variable)}

    def restore(self, values: list[np.ndarray]) -> None:
        for variable, value in zip(self.variables, values):
            variable.assign(value)
        self.pull()

    def swap_averages(self) -> None:
        """Exchange the weights with the optimizer's moving averages, if it keeps any; a second
        call undoes it.
        """
        if not self.averages:
            return
        self.sync()
        for variable, average in self.averages:
            value, mean = _copy(variable), _copy(average)
            variable.assign(mean)
            average.assign(value)
        self.pull()


def is_seed_state(variable: Any) -> bool:
    return variable.path.endswith("seed_generator_state")


def _copy(variable: Any) -> np.ndarray:
    import keras

    return np.array(keras.ops.convert_to_numpy(variable))


def _averages(model: Any) -> list[tuple[Any, Any]]:
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    if not optimizer.use_ema:
        return []
    pairs = zip(model.trainable_variables, optimizer._model_variables_moving_average)
    return [(variable, average) for variable, average in pairs if average is not None]
