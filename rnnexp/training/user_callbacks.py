"""A user's own Keras callbacks: called by Keras's hook names, with Keras's logs and ours."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from rnnexp.training.backends.base import BackendTrainer
from rnnexp.training.penalties import prefix_metrics
from rnnexp.training.snapshot import Arrays, Tree, decode_values, encode_values, select_below

OF_TRAINING = ("params", "_params", "model", "_model")  # attributes that Keras sets, not the callback
BATCH_HOOKS = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end")


class UserCallbacks:
    """Keras's CallbackList around our loop; before a hook the state is in Keras's variables,
    after it read again.
    """

    def __init__(self, callbacks: Iterable[Any], backend: BackendTrainer, epochs: int) -> None:
        self.callbacks = list(callbacks)
        self.backend = backend
        self.per_batch = any(_overrides(callback, hook) for callback in self.callbacks for hook in BATCH_HOOKS)
        self.epochs = epochs
        self.batch = 0
        self.before: list[Arrays] = []

    def train_begin(self, batches: int) -> None:
        import keras

        self.model = self.backend.model
        self.model.stop_training = False
        self.list = keras.callbacks.CallbackList(
            self.callbacks, model=self.model, epochs=self.epochs, steps=batches, verbose=0
        )
        self._call("on_train_begin")
        self.before = [{} if hasattr(c, "get_state") else _encode_memory(c) for c in self.callbacks]

    def epoch_begin(self, epoch: int) -> None:
        self.batch = 0
        self._call("on_epoch_begin", epoch - 1)

    def batch_begin(self) -> None:
        if self.per_batch:
            self._call("on_train_batch_begin", self.batch)

    def batch_end(self) -> None:
        if self.per_batch:
            self._call("on_train_batch_end", self.batch, keras_logs(prefix_metrics("train", self.backend.results())))
            self.batch += 1

    def epoch_end(self, epoch: int, metrics: dict[str, float]) -> None:
        self._call("on_epoch_end", epoch - 1, keras_logs(metrics) | metrics)

    def train_end(self, metrics: dict[str, float]) -> None:
        self._call("on_train_end", keras_logs(metrics) | metrics)

    @property
    def stopped(self) -> bool:
        return bool(self.callbacks) and self.model.stop_training

    def state(self) -> Tree:
        """Return what each callback remembers, by its own `get_state`, or by what has changed of its attributes since
        the training began: numbers, texts, lists, arrays and lists of arrays. Other objects cannot be kept.
        """
        states = map(_encode_memory, self.callbacks)
        return {
            str(place): {path: array for path, array in state.items() if not _is_in(before, path, array)}
            for place, (before, state) in enumerate(zip(self.before, states))
        }

    def set_state(self, arrays: Arrays, batch: int) -> None:
        """Take over what `state` has returned, after the callbacks have been told that a training begins."""
        self.batch = batch
        for place, callback in enumerate(self.callbacks):
            values = decode_values(select_below(arrays, str(place)))
            if hasattr(callback, "set_state"):
                callback.set_state(values)
            else:
                vars(callback).update(values)

    def _call(self, hook: str, *arguments: Any) -> None:
        if self.callbacks:
            self.backend.sync()
            getattr(self.list, hook)(*arguments)
            self.backend.pull()


def keras_logs(metrics: dict[str, float]) -> dict[str, float]:
    """Return train and validation metrics under Keras's names: `train/mae` -> `mae`, `val/loss`
    -> `val_loss`.
    """
    train = {name.removeprefix("train/"): value for name, value in metrics.items() if name.startswith("train/")}
    val = {name.replace("val/", "val_", 1): value for name, value in metrics.items() if name.startswith("val/")}
    return train | val


def _encode_memory(callback: Any) -> dict[str, np.ndarray]:
    if hasattr(callback, "get_state"):
        return encode_values(callback.get_state())
    return encode_values({name: value for name, value in vars(callback).items() if name not in OF_TRAINING})


def _is_in(before: Arrays, path: str, array: np.ndarray) -> bool:
    return path in before and np.array_equal(before[path], array)


def _overrides(callback: Any, hook: str) -> bool:
    import keras

    method = getattr(callback, hook)
    return getattr(method, "__func__", method) is not getattr(keras.callbacks.Callback, hook)
