"""The report on fast kernels says what Keras's backends really do."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
from typing import Any

import pytest

from rnnexp import registry
from rnnexp.data.spec import TaskSpec
from rnnexp.models.build import build
from rnnexp.models.cudnn import CUDNN_BACKENDS, report_kernels


def report(spec: TaskSpec, cell: str, backend: str, device: str = "gpu", **values: Any) -> list[str]:
    return report_kernels(build(registry.lookup("model", cell)(units=3, **values), spec, 0), backend, device)


def test_a_plain_lstm_on_a_gpu_is_fast_on_every_backend(spec: TaskSpec) -> None:
    for backend in ("jax", "tensorflow", "torch"):
        assert report(spec, "lstm", backend) == ["lstm_1: fast kernel (cuDNN)"]


def test_jax_has_no_kernel_for_a_gru_and_says_who_has(spec: TaskSpec) -> None:
    expected = "gru_1: no fast kernel: jax has none for GRU; tensorflow or torch would use cuDNN"
    assert report(spec, "gru", "jax") == [expected]
    assert report(spec, "gru", "torch") == ["gru_1: fast kernel (cuDNN)"]


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
