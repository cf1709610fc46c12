"""The report on fast kernels says what Keras's backends really do."""

from __future__ import annotations

import ast
import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rnnexp import registry
from rnnexp.data.spec import InputSpec, TaskSpec
from rnnexp.models.build import build, clone_model
from rnnexp.models.cudnn import CUDNN_BACKENDS, MASKED, avoid_cudnn, report_kernels
from rnnexp.training.prepare import use_precision


def report(spec: TaskSpec, cell: str, backend: str, device: str = "gpu", **values: Any) -> list[str]:
    return report_kernels(build(registry.lookup("model", cell)(units=3, **values), spec, 0), backend, device)


def test_a_plain_lstm_on_a_gpu_is_fast_on_every_backend(spec: TaskSpec) -> None:
    for backend in ("jax", "tensorflow", "torch"):
        assert report(spec, "lstm", backend) == ["lstm_1: fast kernel (cuDNN)"]


def test_jax_has_no_kernel_for_a_gru_and_says_who_has(spec: TaskSpec) -> None:
    expected = "gru_1: no fast kernel: jax has none for GRU; tensorflow or torch would use cuDNN"
    assert report(spec, "gru", "jax") == [expected]
    assert report(spec, "gru", "torch") == ["gru_1: fast kernel (cuDNN)"]


def masked(spec: TaskSpec) -> TaskSpec:
    return replace(spec, inputs={"past": InputSpec((None, 3)), "mask": InputSpec((None,), "bool")})


@pytest.mark.parametrize("pair", [False, True], ids=["forwards", "bidirectional"])
def test_masked_sequences_are_fast_on_tensorflow_alone(pair: bool, spec: TaskSpec) -> None:
    expected = "lstm_1: no fast kernel: {} has none for masked sequences; tensorflow would use cuDNN"
    for backend in ("jax", "torch"):
        assert report(masked(spec), "lstm", backend, bidirectional=pair) == [expected.format(backend)]
    assert report(masked(spec), "lstm", "tensorflow", bidirectional=pair) == ["lstm_1: fast kernel (cuDNN)"]
    assert report(spec, "lstm", "jax", bidirectional=pair) == ["lstm_1: fast kernel (cuDNN)"]


def test_a_mask_that_a_sequence_carries_counts_too() -> None:
    import keras

    past = keras.Input((5, 3))
    state = keras.layers.LSTM(2, name="lstm_1")(keras.layers.Masking()(past))
    (line,) = report_kernels(keras.Model(past, state), "torch", "gpu")
    assert "torch has none for masked sequences" in line


@pytest.mark.parametrize("number_format", ["bfloat16", "float16"])
def test_jax_computes_half_precision_step_by_step(number_format: str, spec: TaskSpec) -> None:
    with use_precision(f"mixed_{number_format}"):
        lines = {backend: report(spec, "lstm", backend) for backend in ("jax", "torch")}
    assert lines["torch"] == ["lstm_1: fast kernel (cuDNN)"]
    assert lines["jax"] == [
        f"lstm_1: no fast kernel: jax has none for {number_format}; tensorflow or torch would use cuDNN"
    ]


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Keras believe in a GPU: what it then gives to cuDNN fails here, in JAX, while it is traced."""
    monkeypatch.setattr(importlib.import_module("keras.src.backend.jax.rnn"), "_is_gpu_available", lambda: True)


NO_CUDNN = "compute_rnn_workspace_reserve_space_sizes"


def trace(model: Any) -> str:
    """Trace two steps over the output of a model, as an engine does that holds several of them."""
    import jax
    from jax import numpy as jnp

    def twice(weights: Any) -> Any:
        def step(total: Any, _: Any) -> tuple[Any, None]:
            return total + model.stateless_call(weights, others, jnp.ones((2, 6, 3)))[0].sum(), None

        return jax.lax.scan(step, jnp.float32(0), None, length=2)[0]

    others = [variable.value for variable in model.non_trainable_variables]
    weights = [jnp.stack([variable.value] * 2) for variable in model.trainable_variables]
    return str(jax.make_jaxpr(jax.vmap(twice))(weights))


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("copy", [lambda model: model, clone_model], ids=["built", "cloned"])
@pytest.mark.parametrize("pair", [False, True], ids=["forwards", "bidirectional"])
def test_half_precision_is_kept_from_a_kernel_that_cannot_compute_it(
    pair: bool, copy: Callable[[Any], Any], spec: TaskSpec
) -> None:
    lstm = registry.lookup("model", "lstm")(units=3, bidirectional=pair)
    with use_precision("mixed_bfloat16"):
        assert "bf16" in trace(copy(build(lstm, spec, 0)))
    with pytest.raises(AttributeError, match=NO_CUDNN):
        trace(copy(build(lstm, spec, 0)))


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("pair", [False, True], ids=["forwards", "bidirectional"])
def test_several_networks_at_once_are_traced_without_the_kernel(pair: bool, spec: TaskSpec) -> None:
    model = build(registry.lookup("model", "lstm")(units=3, bidirectional=pair), spec, 0)
    with avoid_cudnn(model):
        assert "scan" in trace(model)
    with pytest.raises(AttributeError, match=NO_CUDNN):
        trace(model)


def test_on_a_cpu_the_report_says_what_a_gpu_would_do(spec: TaskSpec) -> None:
    expected = "lstm_1: no fast kernel on the CPU; with a GPU jax, tensorflow or torch would use cuDNN"
    assert report(spec, "lstm", "jax", device="cpu") == [expected]


def test_a_simple_rnn_is_fast_nowhere(spec: TaskSpec) -> None:
    expected = "simple_rnn_1: no fast kernel on any backend: cuDNN as Keras uses it has no SimpleRNN"
    assert report(spec, "simple_rnn", "tensorflow") == [expected]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"activation": "relu"}, "activation is relu, must be tanh"),
        ({"recurrent_activation": "hard_sigmoid"}, "recurrent_activation is hard_sigmoid, must be sigmoid"),
        ({"recurrent_dropout": 0.2}, "recurrent_dropout is 0.2, must be 0"),
    ],
)
@pytest.mark.fault("G8")
def test_a_setting_that_rules_the_kernel_out_is_named(values: dict[str, Any], reason: str, spec: TaskSpec) -> None:
    assert report(spec, "lstm", "torch", **values) == [f"lstm_1: no fast kernel on any backend: {reason}"]


def test_a_bidirectional_pair_is_one_line(spec: TaskSpec) -> None:
    assert report(spec, "lstm", "torch", bidirectional=True) == ["lstm_1: fast kernel (cuDNN)"]


@pytest.mark.parametrize("backend", ["jax", "tensorflow", "torch"])
def test_the_table_agrees_with_the_source_of_the_installed_keras(backend: str) -> None:
    found = importlib.util.find_spec("keras")
    assert found is not None
    assert found.origin is not None
    file = Path(found.origin).parent / "src" / "backend" / backend / "rnn.py"
    tree = ast.parse(file.read_text(encoding="utf-8"))
    bodies = {node.name: ast.unparse(node) for node in tree.body if isinstance(node, ast.FunctionDef)}
    fast = {kind for kind in ("LSTM", "GRU") if "cudnn_ok" in bodies.get(kind.lower(), "")}
    assert fast == {kind for kind, backends in CUDNN_BACKENDS.items() if backend in backends}
    assert ("mask is not None" in bodies["lstm"]) == (backend not in MASKED)
