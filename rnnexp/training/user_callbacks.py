"""A user's own Keras callbacks: called by Keras's hook names, with Keras's logs and ours."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Mapping
from pathlib import PurePath
from types import ModuleType
from typing import Any

import numpy as np

from rnnexp.training.backends.base import BackendTrainer
from rnnexp.training.penalties import prefix_metrics
from rnnexp.training.snapshot import Arrays, Tree, decode_values, encode_values, find_left_out, select_below

OF_TRAINING = ("params", "_params", "model", "_model")  # attributes that Keras sets, not the callback
CODE = (type, ModuleType, np.ufunc, functools.partial)
CONSTANT = (tuple, frozenset, bytes, complex, range, PurePath)
BATCH_HOOKS = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end")

log = logging.getLogger("rnnexp")


class UserCallbacks:
    """Keras's CallbackList around our loop; before a hook the state is in Keras's variables,
    after it read again.
    """

    def __init__(self, callbacks: Mapping[str, Any], backend: BackendTrainer, epochs: int) -> None:
        self.keys, self.callbacks = list(callbacks), list(callbacks.values())
        self.backend = backend
        self.per_batch = any(_overrides(callback, hook) for callback in self.callbacks for hook in BATCH_HOOKS)
        self.epochs = epochs
        self.batch = 0
        self.before: list[Arrays] = []
        self.begun_with: list[dict[str, Any]] = []
        self.told: set[str] = set()

    def train_begin(self, batches: int) -> None:
        import keras

        self.model = self.backend.model
        self.model.stop_training = False
        self.list = keras.callbacks.CallbackList(
            self.callbacks, model=self.model, epochs=self.epochs, steps=batches, verbose=0
        )
        self._call("on_train_begin")
        self.before = [{} if hasattr(c, "get_state") else encode_values(_memory(c)) for c in self.callbacks]
        self.begun_with = [{} if hasattr(c, "get_state") else _memory(c) for c in self.callbacks]

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
        the training began: numbers, texts, lists, arrays and lists of arrays. Other objects cannot be kept, and that is
        told once of each callback.
        """
        memories = [_memory(callback) for callback in self.callbacks]
        states = [encode_values(memory) for memory in memories]
        for key, memory, state, begun in zip(self.keys, memories, states, self.begun_with):
            left = [name for name in find_left_out(memory, state) if not self._stays(memory[name], begun.get(name))]
            self._tell(key, left)
        return {
            str(place): {path: array for path, array in state.items() if not _is_in(before, path, array)}
            for place, (before, state) in enumerate(zip(self.before, states))
        }

    def _stays(self, value: Any, begun: Any) -> bool:
        """Say whether what no checkpoint can hold is what a new callback has, too."""
        if isinstance(value, CODE) or inspect.isroutine(value):  # a callback may make its functions anew each time
            return True
        kept = any(value is part for part in (self.model, self.model.optimizer, *self.model.layers))
        return value is begun and (kept or isinstance(value, CONSTANT))

    def _tell(self, key: str, left: list[str]) -> None:
        if not left or key in self.told:
            return
        self.told.add(key)
        log.warning(
            "callbacks.%s: no checkpoint can hold its %s; a resumed training starts without it, and may come to "
            "other numbers. Give it get_state(), which returns numbers, texts, lists and arrays by name, and "
            "set_state(state)",
            key,
            " and ".join(f"`{name}`" for name in left),
        )

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


def _memory(callback: Any) -> dict[str, Any]:
    if hasattr(callback, "get_state"):
        return dict(callback.get_state())
    return {name: value for name, value in vars(callback).items() if name not in OF_TRAINING}


def _is_in(before: Arrays, path: str, array: np.ndarray) -> bool:
    return path in before and np.array_equal(before[path], array)


def _overrides(callback: Any, hook: str) -> bool:
    import keras

    method = getattr(callback, hook)
    return getattr(method, "__func__", method) is not getattr(keras.callbacks.Callback, hook)
