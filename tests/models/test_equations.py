"""The built models compute the published equations, forwards and backwards through time."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnexp import registry
from rnnexp.data.spec import InputSpec, TaskSpec
from rnnexp.models.build import build

CELLS = ("simple_rnn", "lstm", "gru")


def _module(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


reference = _module("reference")


class Case:
    """One cell with random weights (biases too, which start at zero) and a random batch."""

    def __init__(self, cell: str) -> None:
        import keras

        source = np.random.default_rng(7)
        spec = TaskSpec("regression", {"past": InputSpec((5, 3))}, (2,))
        self.model = build(registry.lookup("model", cell)(units=4), spec, seed=0)
        for weight in self.model.weights:
            weight.assign(source.normal(0, 0.5, weight.shape))
        self.x = source.normal(size=(6, 5, 3)).astype("float32")
        self.y = source.normal(size=(6, 2)).astype("float32")
        values = {w.path: keras.ops.convert_to_numpy(w).astype("float64") for w in self.model.weights}
        self.cell = {path.split("/")[-1]: v for path, v in values.items() if not path.startswith("output")}
        self.head = values["output/kernel"], values["output/bias"]

    def outputs(self) -> np.ndarray:
        return np.asarray(self.model(self.x))

    def gradients(self) -> dict[str, np.ndarray]:
        """Return JAX's gradients of the squared error, summed over outputs, averaged over examples."""
        import jax

        trainable = [v.value for v in self.model.trainable_variables]
        fixed = [v.value for v in self.model.non_trainable_variables]

        def loss(weights: Any) -> Any:
            outputs, _ = self.model.stateless_call(weights, fixed, self.x)
            return ((outputs - self.y) ** 2).sum(axis=1).mean()

        paths = [v.path for v in self.model.trainable_variables]
        return {path: np.asarray(g) for path, g in zip(paths, jax.grad(loss)(trainable))}


def numpy_outputs(case: Case, cell: str, **variant: Any) -> np.ndarray:
    state, _ = reference.FORWARD[cell](case.x.astype("float64"), case.cell, **variant)
    return state @ case.head[0] + case.head[1]


def numpy_gradients(case: Case, cell: str) -> dict[str, np.ndarray]:
    state, tape = reference.FORWARD[cell](case.x.astype("float64"), case.cell)
    error = 2 * (state @ case.head[0] + case.head[1] - case.y) / len(case.x)
    grads = reference.BACKWARD[cell](error @ case.head[0].T, tape, case.cell)
    prefix = f"{cell}_1/{cell}_cell"
    return {
        **{f"{prefix}/{key}": value for key, value in grads.items()},
        "output/kernel": state.T @ error,
        "output/bias": error.sum(axis=0),
    }


@pytest.mark.parametrize("cell", CELLS)
def test_outputs_are_those_of_the_equations(cell: str) -> None:
    case = Case(cell)
    assert np.allclose(case.outputs(), numpy_outputs(case, cell), atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_are_those_of_backpropagation_through_time(cell: str) -> None:
    case = Case(cell)
    expected, found = numpy_gradients(case, cell), case.gradients()
    assert expected.keys() == found.keys()
    for path, gradient in expected.items():
        assert np.allclose(found[path], gradient, rtol=1e-4, atol=1e-5), path


@pytest.mark.parametrize(("cell", "order"), [("lstm", "fico"), ("lstm", "ifoc"), ("gru", "rzh")])
def test_another_order_of_gates_gives_other_outputs(cell: str, order: str) -> None:
    case = Case(cell)
    assert not np.allclose(case.outputs(), numpy_outputs(case, cell, order=order), atol=1e-2)


@pytest.mark.parametrize("cell", CELLS)
def test_a_weight_off_by_a_hundredth_is_noticed(cell: str) -> None:
    case = Case(cell)
    case.cell["recurrent_kernel"][0, 0] += 1e-2
    assert not np.allclose(case.outputs(), numpy_outputs(case, cell), atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_forgetting_a_step_of_backpropagation_is_noticed(cell: str) -> None:
    case = Case(cell)
    state, tape = reference.FORWARD[cell](case.x.astype("float64"), case.cell)
    error = 2 * (state @ case.head[0] + case.head[1] - case.y) / len(case.x)
    truncated = reference.BACKWARD[cell](error @ case.head[0].T, tape[1:], case.cell)
    found = case.gradients()[f"{cell}_1/{cell}_cell/kernel"]
    assert not np.allclose(found, truncated["kernel"], rtol=1e-4, atol=1e-5)
