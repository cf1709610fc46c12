"""What a backend must be able to do for an epoch of training, and at which learning rate."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from rnnexp.training.batcher import Block
from rnnexp.training.snapshot import name_variables
from rnnexp.training.training_state import Weights

GRAD_NORM = "opt/grad_norm"  # behind a slash, of one layer


@dataclass(frozen=True)
class BlockStep:
    """Work that a training asks for: one block to be trained or tested on by its backend."""

    backend: BackendTrainer
    kind: Literal["train", "test"]
    block: Block

    def run(self) -> None:
        work = self.backend.train if self.kind == "train" else self.backend.test
        work(self.block)


class BackendTrainer(ABC):
    """A compiled Keras model and its optimizer, stepped block by block.

    Between `begin` and `sync` the state may live outside Keras's variables; `sync` writes it back, `pull`
    reads what a callback has changed there.
    """

    name: ClassVar[str]

    def __init__(self, model: Any) -> None:
        self.model = model
        self.variables = [*model.trainable_variables, *model.non_trainable_variables]
        self.averages = _averages(model)
        self.carried_states = getattr(model, "carried_states", [])

    @abstractmethod
    def to_device(self, block: Block) -> Block:
        """Put a block that is used again and again where the computation is."""

    @abstractmethod
    def train(self, block: Block) -> None: ...

    @abstractmethod
    def test(self, block: Block) -> None: ...

    def begin(self) -> None:
        """Forget the metrics of the last pass over a part, and the states that its lanes have come to."""
        self.model.reset_metrics()
        self._set_states([np.zeros(variable.shape, np.float32) for variable in self.carried_states])

    @contextmanager
    def undone_by(self, reason: type[Exception]) -> Iterator[None]:
        """Leave what is not trained as it was if `reason` ends this: layers draw random numbers when they are tested,
        too, and throw them away.
        """
        before, drawing = self.untrained(), self.drawing_state()
        try:
            yield
        except reason:
            self.set_untrained(before)
            self.set_drawing_state(drawing)
            raise

    def untrained(self) -> list[Any]:
        """Return the values of what is not trained."""
        return [_copy(variable) for variable in self.model.non_trainable_variables]

    def set_untrained(self, values: list[Any]) -> None:
        for variable, value in zip(self.model.non_trainable_variables, values):
            variable.assign(value)

    @contextmanager
    def with_zero_states(self) -> Iterator[None]:
        """Let lanes start from zeros for a while; afterwards they carry what they did before."""
        before = [_copy(variable) for variable in self.carried_states]
        self._set_states([np.zeros_like(value) for value in before])
        try:
            yield
        finally:
            self._set_states(before)

    def _set_states(self, states: list[np.ndarray]) -> None:
        for variable, state in zip(self.carried_states, states):
            variable.assign(state)

    @abstractmethod
    def results(self) -> dict[str, float]:
        """Return loss and metrics since `begin`, by Keras's names: means over examples."""

    @abstractmethod
    def grad_norms(self, batch: tuple[Any, ...]) -> dict[str, Any]:
        """Return the norm of the loss's gradient on one batch, of all weights and of each layer's, by what they are
        logged as: no dropout, nothing clipped or updated.
        """

    def norms_of(self, squares: Sequence[Any]) -> dict[str, Any]:
        """Add up the squares of the gradients of all weights, None for one that has none, and of each layer's."""
        import keras

        by_name: dict[str, list[Any]] = {GRAD_NORM: []}
        for variable, square in zip(self.model.trainable_variables, squares):
            if square is not None:
                by_name[GRAD_NORM].append(square)
                by_name.setdefault(f"{GRAD_NORM}/{variable.path.partition('/')[0]}", []).append(square)
        return {name: keras.ops.sqrt(sum(found)) for name, found in by_name.items()}

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

    def state(self) -> dict[str, Any]:
        """Return the values of all variables, by what they belong to and by name: copies."""
        self.sync()
        return {
            kind: dict(zip(name_variables(variables), map(_copy, variables)))
            for kind, variables in self._kinds().items()
        } | {"drawing": self.drawing_state()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take over what `state` has returned, in another process perhaps."""
        for kind, variables in self._kinds().items():
            for variable, value in zip(variables, state[kind].values()):
                variable.assign(value)
        self.set_drawing_state(state["drawing"])
        self.pull()

    def _kinds(self) -> dict[str, list[Any]]:
        optimizer, metrics = self.model.optimizer.variables, self.model.metrics_variables
        return {"weights": self.variables, "optimizer": optimizer, "metrics": metrics}

    def drawing_state(self) -> dict[str, Any]:
        """Return the states of the generators that the whole process draws from: Python's, NumPy's, the backend's."""
        _, key, position, has_gauss, gauss = np.random.get_state(legacy=True)
        _, numbers, spare = random.getstate()
        python = {"numbers": np.array(numbers, np.uint32), "gauss": np.nan if spare is None else spare}
        return {"numpy": {"key": key, "at": [position, has_gauss], "gauss": gauss}, "python": python}

    def set_drawing_state(self, state: dict[str, Any]) -> None:
        """Take over what `drawing_state` has returned."""
        numpy, python = state["numpy"], state["python"]
        np.random.set_state(("MT19937", numpy["key"], *map(int, numpy["at"]), float(numpy["gauss"])))
        spare = float(python["gauss"])
        random.setstate((3, tuple(map(int, python["numbers"])), None if np.isnan(spare) else spare))

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


def select_norms(norms: dict[str, Any], wanted: bool | str) -> dict[str, Any]:
    """Return the norms that are asked for: of the whole gradient, or of each layer, too."""
    return norms if wanted == "layers" else {GRAD_NORM: norms[GRAD_NORM]}


class LearningRate:
    """Set the optimizer's learning rate, but only when ours changes, so that a user's Keras callback may
    set it too.
    """

    def __init__(self, backend: BackendTrainer, schedule: Any, epochs: int) -> None:
        self.backend = backend
        self.schedule = schedule
        self.epochs = epochs
        self.base = to_decimal(backend.rate())
        self.current = self.base

    def begin(self, epoch: int, factor: float) -> None:
        scheduled = 1.0 if self.schedule is None else self.schedule.factor(epoch, self.epochs)
        wanted = self.base * scheduled * factor
        if wanted != self.current:
            self.backend.set_rate(wanted)
            self.current = wanted

    def in_force(self) -> float:
        """Return the rate that the optimizer has now."""
        actual = self.backend.rate()
        return self.current if np.float32(actual) == np.float32(self.current) else to_decimal(actual)


def to_decimal(rate: float) -> float:
    """Return what was meant: 0.01 is kept as the nearest float32, 0.00999999977."""
    return float(str(np.float32(rate)))


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
