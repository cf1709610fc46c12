"""Outputs of a network for a batch, asked for by any number of threads at once.

`keras.Model.predict` and `predict_on_batch` take the weights out of the model while they run on JAX, and put them back:
two threads leave it without any. Here a compiled function is given the weights, and changes nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary, ref

import numpy as np

MAX_SHAPES = 64  # programs that a network keeps: one for each shape of a batch, the latest ones


@dataclass(frozen=True)
class ExportedNetwork:
    """A network in another program than Keras, which answers in its place: `call` is given batches by any number of
    threads at once.
    """

    call: Callable[[Any], Any]


_predictors: WeakKeyDictionary[Any, Callable[[Any], Any]] = WeakKeyDictionary()
_lock = Lock()


def predict(model: Any, x: Any) -> Any:
    """Return the outputs for a batch as NumPy arrays: an array for an array, a dict where the network gives one."""
    if isinstance(model, ExportedNetwork):
        return model.call(x)
    with _lock:
        if model not in _predictors:
            _predictors[model] = _make_predictor(model)
        predictor = _predictors[model]
    return predictor(x)


def _make_predictor(model: Any) -> Callable[[Any], Any]:
    import keras

    return _Compiled(model) if keras.backend.backend() == "jax" else _Locked(model)


class _Compiled:
    """The programs of a network on JAX, which threads may run side by side; only one of them compiles at a time."""

    def __init__(self, model: Any) -> None:
        self.model = ref(model)  # the dictionary of all networks would keep it alive
        self.variables = model.trainable_variables, model.non_trainable_variables
        self.programs: OrderedDict[Any, Callable[..., Any]] = OrderedDict()
        self.lock = Lock()

    def __call__(self, x: Any) -> Any:
        import jax

        weights = [[variable.value for variable in group] for group in self.variables]
        key = _list_shapes(x)
        with self.lock:
            program = self.programs.get(key)
            if program is None:
                program = jax.jit(self._program())
                outputs = program(*weights, x)
                self.programs[key] = program
                if len(self.programs) > MAX_SHAPES:
                    self.programs.popitem(last=False)
                return jax.tree.map(np.asarray, outputs)
            self.programs.move_to_end(key)
        return jax.tree.map(np.asarray, program(*weights, x))

    def _program(self) -> Callable[..., Any]:
        """Return a function of its own for each shape: JAX forgets what it has compiled for it together with it."""
        model: Any = self.model

        def program(trainable: Any, others: Any, x: Any) -> Any:
            return model().stateless_call(trainable, others, x, training=False)[0]

        return program


class _Locked:
    """A network on another backend: one batch at a time."""

    def __init__(self, model: Any) -> None:
        self.model: Any = ref(model)
        self.lock = Lock()

    def __call__(self, x: Any) -> Any:
        with self.lock:
            return self.model().predict_on_batch(x)


def _list_shapes(x: Any) -> Any:
    if isinstance(x, dict):
        return tuple(sorted((name, _list_shapes(value)) for name, value in x.items()))
    return x.shape, str(x.dtype)
