"""The state of one training, as the built-in callbacks see and steer it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from rnnexp.errors import ConfigError, did_you_mean
from rnnexp.registry import settings
from rnnexp.training.check import check_callback
from rnnexp.training.snapshot import Arrays, Tree, decode_values, encode_values, find_left_out, select_below

Weights = dict[str, np.ndarray]


@dataclass
class TrainingState:
    """Where a training stands at the end of an epoch, and what a callback may change for the next one.

    weights:     by variable path, those that this epoch's validation is of; None where they are gone already, since
                 several epochs were trained at once (see EpochCallback.weights_every)
    is_best:     the monitored metric is the best so far
    rate_factor: a factor on the learning rate, on top of the schedule's
    stop:        set to a reason to make this epoch the last
    """

    epochs: int
    monitor: str
    weights: Callable[[], Weights] | None
    run_dir: Path | None = None
    epoch: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    is_best: bool = False
    rate_factor: float = 1.0
    stop: str | None = None

    def value(self, monitor: str, key: str) -> float:
        """Return this epoch's value of a metric; a ConfigError naming `key` lists the choices
        if there is none.
        """
        if monitor in self.metrics:
            return self.metrics[monitor]
        close = did_you_mean(monitor, self.metrics)
        raise ConfigError(f"{key}: `{monitor}` is not logged; choose from {', '.join(self.metrics)}{close}")

    def folder(self, key: str) -> Path:
        if self.run_dir is None:
            raise ConfigError(f"callbacks.{key}: needs a run folder to write to; this training has none")
        return self.run_dir


State = dict[str, Any]  # numbers, texts and arrays by name


@settings
class EpochCallback(ABC):
    """A built-in callback: settings that any engine can read, and what to do at the end of each epoch.

    It is frozen: what must be remembered from epoch to epoch is in a state that the engine keeps, and puts into every
    checkpoint.

    late: it may be told of several epochs at once, after the last of them, and asks for nothing but weights then
    writes: files in the run folder, which are those of one training
    """

    late: ClassVar[bool] = False
    writes: ClassVar[bool] = False

    def weights_every(self) -> int | None:
        """Return after how many epochs the weights are needed each time; None if never."""
        return None

    def weights_of_best(self) -> bool:
        """Say whether the weights of the best epoch are needed, as soon as it is known."""
        return False

    def copies(self, epochs: int) -> int:
        """Return how many copies of the weights are on the disk at a time."""
        return 0

    def check_with(self, experiment: Any) -> list[str]:
        """Return what contradicts the other parts of an experiment."""
        return check_callback(self, experiment)

    def initial(self) -> State:
        """Return what is remembered before the first epoch."""
        return {}

    @abstractmethod
    def on_epoch_end(self, training: TrainingState, state: State) -> None:
        """Do what is due after an epoch; what shall be remembered is put into `state`."""


class HeldCallbacks:
    """The built-in callbacks of one training, by their names in the configuration, with what each remembers."""

    def __init__(self, callbacks: Mapping[str, EpochCallback]) -> None:
        self.callbacks = callbacks
        self.states = {key: callback.initial() for key, callback in callbacks.items()}
        for key, state in self.states.items():
            if left := find_left_out(state, encode_values(state)):
                raise ConfigError(
                    f"callbacks.{key}: no checkpoint can hold `{left[0]}` of what its `initial` gives; "
                    "numbers, texts, lists of them and arrays can be held"
                )

    def on_epoch_end(self, training: TrainingState) -> None:
        for key, callback in self.callbacks.items():
            callback.on_epoch_end(training, self.states[key])

    def tree(self) -> Tree:
        """Return what they remember, for a snapshot."""
        return {key: encode_values(state) for key, state in self.states.items()}

    def read(self, arrays: Arrays) -> dict[str, State]:
        """Return the states that a snapshot holds; ConfigError if they are not of these callbacks."""
        states = {key: decode_values(select_below(arrays, key)) for key in self.callbacks}
        if wrong := [key for key, state in states.items() if set(state) != set(self.states[key])]:
            raise ConfigError(f"it holds nothing of callbacks.{wrong[0]}, or something else than that saves")
        return states
