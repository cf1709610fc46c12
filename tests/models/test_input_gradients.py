"""Gradients by what a network has read are alike on every backend; those by tokens need one embedding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnexp.data.spec import InputSpec, TaskSpec
from rnnexp.models.build import build
from rnnexp.models.input_gradients import make_input_gradient
from rnnexp.registry import lookup

CELLS = ("simple_rnn", "lstm", "min_gru")
SCRIPT = """
import sys
from rnnexp import runtime
runtime.configure(sys.argv[1])
import numpy as np
sys.path.insert(0, sys.argv[3])
from test_input_gradients import compute
np.savez(sys.argv[2], **compute())
"""


def compute() -> dict[str, np.ndarray]:
    """Return gradients for masked numbers by three cells, and for tokens by two, one of which carries its states."""
    source, mask = np.random.default_rng(0), np.arange(6) < np.array([[6], [4], [1]])
    numbers = {"past": source.normal(size=(3, 6, 2)).astype("float32") * mask[..., None], "mask": mask}
    tokens, direction = source.integers(0, 7, (3, 6)).astype("int32"), source.normal(size=(3, 2)).astype("float32")
    uneven = {"past": InputSpec((None, 2)), "mask": InputSpec((None,), "bool")}
    words, found = {"past": InputSpec((6,), "int32", 7)}, {}
    for cell in CELLS:
        model = build(lookup("model", cell)(units=[4]), TaskSpec("regression", uneven, (2,)), seed=3)
        found[cell] = gradient(model, numbers, direction)
    labels = TaskSpec("classification", words, (2,), outputs="logits", classes=("a", "b"))
    found["labels"] = gradient(build(lookup("model", "gru")(units=[4]), labels, seed=3), {"past": tokens}, direction)
    stream = TaskSpec("language_modeling", words, (7,), "logits", scores_of="past", per_step=True, carried=True)
    model = build(lookup("model", "lstm")(units=[4], tie_weights=True, embedding_dim=4), stream, seed=3)
    found["stream"] = gradient(model, {"past": tokens}, source.normal(size=(3, 6, 7)).astype("float32"))
    return found


def gradient(model: Any, x: Any, direction: np.ndarray) -> np.ndarray:
    compute_gradient = make_input_gradient(model, x)
    assert compute_gradient is not None
    return compute_gradient(direction)


def test_a_gradient_has_the_shape_of_what_was_read_and_ends_with_it() -> None:
    found = compute()
    assert {key: values.shape for key, values in found.items()} == {
        **dict.fromkeys(CELLS, (3, 6, 2)),
        "labels": (3, 6, 100),
        "stream": (3, 6, 4),
    }
    for cell in CELLS:
        assert np.abs(found[cell][1, :4]).min() > 0
        assert (found[cell][1, 4:] == 0).all()


def test_tokens_of_a_network_without_one_embedding_have_no_gradient() -> None:
    import keras

    past = keras.Input((6,), dtype="int32", name="past")
    both = [keras.layers.Embedding(7, 3, name=name)(past) for name in ("one", "other")]
    model = keras.Model(past, keras.layers.Flatten()(keras.layers.Add()(both)))
    assert make_input_gradient(model, {"past": np.zeros((2, 6), "int32")}) is None


@pytest.mark.end_to_end
@pytest.mark.parametrize("backend", ["tensorflow", "torch"])
def test_other_backends_compute_the_same_gradients(backend: str, in_new_process: Any, tmp_path: Path) -> None:
    done = in_new_process(SCRIPT, backend, str(tmp_path / "found.npz"), str(Path(__file__).parent))
    assert done.returncode == 0, done.stderr[-2000:]
    found, expected = np.load(tmp_path / "found.npz"), compute()
    assert set(found.files) == set(expected)
    for key, values in expected.items():
        np.testing.assert_allclose(found[key], values, rtol=1e-3, atol=1e-6, err_msg=key)
        assert not np.allclose(found[key], values[:, ::-1], rtol=1e-3, atol=1e-6)
