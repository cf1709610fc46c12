"""A network with an encoder for each input: what is not there says nothing, and attention weighs what is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnexp as rx
from rnnexp.data.spec import InputSpec, TaskSpec
from rnnexp.errors import ConfigError
from rnnexp.models.build import build
from rnnexp.models.bundle import Bundle
from rnnexp.models.exporters.keras import keras as keras_exporter
from rnnexp.models.layers import find_weights
from rnnexp.registry import lookup

INPUTS = {
    "notes": InputSpec((None,), "int32", 9),
    "notes_mask": InputSpec((None,), "bool"),
    "pulse": InputSpec((None, 2)),
    "pulse_mask": InputSpec((None,), "bool"),
    "person": InputSpec((3,)),
}
SPEC = TaskSpec("classification", INPUTS, (2,), "logits", classes=("ill", "well"), loss="cross_entropy")


def network(spec: TaskSpec = SPEC, **own: Any) -> Any:
    return build(lookup("model", "multi_input")(**{"units": [3], "embedding_dim": 4, **own}), spec, seed=0)


def batch(seed: int = 0) -> dict[str, np.ndarray]:
    """Return four examples: a whole one, one with shorter inputs, one without a pulse and one without notes."""
    generator = np.random.default_rng(seed)
    steps, words = np.array([5, 3, 0, 4]), np.array([6, 2, 4, 0])
    return {
        "notes": generator.integers(2, 9, (4, 6)).astype(np.int32),
        "notes_mask": np.arange(6) < words[:, None],
        "pulse": generator.normal(size=(4, 5, 2)).astype(np.float32),
        "pulse_mask": np.arange(5) < steps[:, None],
        "person": generator.normal(size=(4, 3)).astype(np.float32),
    }


def with_noise(x: dict[str, np.ndarray], seen: bool) -> dict[str, np.ndarray]:
    """Change what lies behind the end of each input, or what lies before."""
    pulse = np.where((x["pulse_mask"] == seen)[..., None], 7.0, x["pulse"]).astype(np.float32)
    return {**x, "pulse": pulse, "notes": np.where(x["notes_mask"] == seen, 5, x["notes"]).astype(np.int32)}


@pytest.mark.parametrize("own", [{}, {"combine": "attention", "pooling": "attention", "bidirectional": True}])
def test_what_an_example_lacks_says_nothing(own: dict[str, Any]) -> None:
    model, x = network(**own), batch()
    answers = np.asarray(model(x))
    np.testing.assert_allclose(np.asarray(model(with_noise(x, seen=False))), answers, atol=1e-6)
    assert not np.allclose(np.asarray(model(with_noise(x, seen=True))), answers, atol=1e-3)


def test_attention_gives_all_weight_to_the_inputs_that_are_there() -> None:
    model, x = network(combine="attention"), batch()
    weights = np.asarray(find_weights(model)(x))  # type: ignore[misc]
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    assert (weights[:2] > 0.01).all()
    assert weights[2, 1] == weights[3, 0] == 0
    assert find_weights(network()) is None


def test_numbers_are_given_as_many_as_are_asked_for() -> None:
    assert network(TaskSpec("regression", INPUTS, (3,))).output_shape == (None, 3)


def test_the_same_weights_are_drawn_from_the_same_seed() -> None:
    one, same = (np.asarray(network()(batch())) for _ in range(2))
    assert np.array_equal(one, same)
    other = build(lookup("model", "multi_input")(units=[3], embedding_dim=4), SPEC, seed=1)  # type: ignore[call-arg]
    assert not np.allclose(np.asarray(other(batch())), one, atol=1e-3)


def test_a_file_of_keras_answers_as_the_network(tmp_path: Path) -> None:
    model = network(combine="attention")
    path = tmp_path / "model.keras"
    exporter = keras_exporter()  # type: ignore[call-arg]
    exporter.write(path, Bundle(model, SPEC, {}))
    shares = exporter.load(path)(batch())
    scores = np.exp(np.asarray(model(batch())))
    np.testing.assert_allclose(shares, scores / scores.sum(axis=1, keepdims=True), atol=1e-5)


ONE = {
    "a series": ({"past": InputSpec((5, 2)), "future": InputSpec((3, 1))}, (3, 2)),
    "sequences of any length": ({"past": InputSpec((None, 2)), "mask": InputSpec((None,), "bool")}, (2,)),
    "texts": ({"past": InputSpec((None,), "int32", 9), "mask": InputSpec((None,), "bool")}, (2,)),
}


@pytest.mark.parametrize("combine", ["concat", "attention"])
@pytest.mark.parametrize(("inputs", "outputs"), ONE.values(), ids=ONE)
def test_it_reads_data_with_one_input_too(inputs: dict[str, InputSpec], outputs: tuple[int, ...], combine: str) -> None:
    spec = TaskSpec("forecasting", inputs, outputs)
    assert network(spec, combine=combine).output_shape == (None, *outputs)


REFUSED = {
    "one sequence for several inputs": (
        ("data=text_and_pulse", "model=lstm"),
        "lstm reads one sequence, but the data have the inputs report, pulse; model=multi_input reads them together",
    ),
    "a writer for several inputs": (("data=text_and_pulse", "model=encoder_decoder"), "model=multi_input reads them"),
    "one answer for each step": (("model=multi_input", "data.layout=sequence"), "gives one output per sequence"),
}


@pytest.mark.parametrize(("lines", "message"), REFUSED.values(), ids=REFUSED)
def test_a_model_of_other_data_is_answered_with_the_one_that_fits(lines: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        rx.compose(*lines)
