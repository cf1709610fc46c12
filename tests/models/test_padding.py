"""What lies after the end of a sequence changes nothing: no prediction, no loss, no gradient, no batch statistic."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from rnnexp.data import padding
from rnnexp.data.spec import InputSpec, TaskSpec
from rnnexp.models.build import build
from rnnexp.registry import lookup

LENGTHS = (1, 7, 4, 5)  # shorter than a kernel, odd, and even
PADDED = 13
ALONE = (0, 2)
CLASSES = ("a", "b", "c")
JUNK = {"numbers": 9.0, "tokens": 3}
SMALL: dict[str, dict[str, Any]] = {
    "simple_rnn": {"units": [3]},
    "lstm": {"units": [3, 4], "layer_norm": True},
    "gru": {"units": [3]},
    "min_gru": {"units": [3, 4]},
    "min_lstm": {"units": [3, 4]},
    "slstm": {"units": [3]},
    "cnn_lstm": {"units": [3], "filters": [4, 3], "kernel_size": 4, "pool_size": 3},
    "lstm_fcn": {"units": [3], "filters": [4, 3], "kernel_sizes": [4, 3], "dropout": 0.0},
}
UNOPTIMIZED = {"xla_backend_optimization_level": 0}  # the programs are many, and run once
POOLINGS = ("last", "mean", "max", "attention")
CROSSED = [(name, pooling, both) for name in SMALL for pooling in POOLINGS for both in (False, True)]
# Each architecture, pooling and direction at least twice; the others in the long run.
SOME = {(name, POOLINGS[(i + 2 * both) % 4], both) for i, name in enumerate(SMALL) for both in (False, True)}
TOKENS = [(name, POOLINGS[i % 4], i % 2 == 0) for i, name in enumerate(SMALL)]
LONG = pytest.mark.end_to_end
NETS = [
    pytest.param(*crossed, "numbers", marks=() if crossed in SOME else LONG, id="-".join(map(str, crossed)))
    for crossed in CROSSED
] + [
    pytest.param(*chosen, "tokens", marks=() if chosen[0] in ("lstm", "cnn_lstm") else LONG, id=f"{chosen[0]}-tokens")
    for chosen in TOKENS
]
TRAINED = [
    pytest.param("simple_rnn", "max", False, "tokens", id="simple_rnn"),
    pytest.param("lstm", "attention", False, "numbers", id="lstm", marks=LONG),
    pytest.param("gru", "mean", True, "numbers", id="gru", marks=LONG),
    pytest.param("min_gru", "last", True, "numbers", id="min_gru", marks=LONG),
    pytest.param("min_lstm", "max", False, "numbers", id="min_lstm", marks=LONG),
    pytest.param("slstm", "last", True, "numbers", id="slstm"),
    pytest.param("cnn_lstm", "last", False, "numbers", id="cnn_lstm"),
    pytest.param("lstm_fcn", "mean", False, "numbers", id="lstm_fcn"),
]


@cache
def network(name: str, pooling: str, bidirectional: bool, kind: str) -> Any:
    """Build a classifier of sequences of any length, all its weights away from where they start."""
    past = InputSpec((None, 2)) if kind == "numbers" else InputSpec((None,), "int32", 6)
    inputs = {"past": past, "mask": InputSpec((None,), "bool")}
    settings = {"pooling": pooling, "bidirectional": bidirectional, **SMALL[name]}
    settings |= {"embedding_dim": 2} if kind == "tokens" else {}
    spec = TaskSpec("classification", inputs, (3,), "logits", classes=CLASSES)
    model = build(lookup("model", name)(**settings), spec, seed=1)
    generator = np.random.default_rng(0)
    for weight in model.weights:
        low, high = (0.5, 1.5) if "variance" in weight.path else (-0.8, 0.8)
        weight.assign(generator.uniform(low, high, weight.shape))
    return model


@cache
def arrays(kind: str) -> dict[str, np.ndarray]:
    generator, steps = np.random.default_rng(3), sum(LENGTHS)
    values = generator.normal(size=(steps, 2)) if kind == "numbers" else generator.integers(0, 6, size=steps)
    return padding.laid_out(values, np.cumsum([0, *LENGTHS]))


def batch(kind: str, examples: list[int], steps: int) -> dict[str, np.ndarray]:
    """Gather sequences, with junk after their ends."""
    found = padding.masked_inputs({**arrays(kind), "steps": np.arange(steps, dtype=np.int32)}, np.array(examples))
    mask = found["mask"].reshape(found["mask"].shape + (1,) * (found["past"].ndim - 2))
    return {"past": np.where(mask, found["past"], JUNK[kind]).astype(found["past"].dtype), "mask": found["mask"]}


def unmasked(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {**inputs, "mask": np.ones_like(inputs["mask"])}


@pytest.mark.parametrize(("name", "pooling", "bidirectional", "kind"), NETS)
def test_a_prediction_is_that_of_the_sequence_alone(name: str, pooling: str, bidirectional: bool, kind: str) -> None:
    import jax

    model = network(name, pooling, bidirectional, kind)
    predict = jax.jit(lambda inputs: model(inputs, training=False), compiler_options=UNOPTIMIZED)
    everyone = batch(kind, [0, 1, 2, 3], PADDED)
    together = np.asarray(predict(everyone))
    for index in ALONE:
        alone = np.asarray(predict(batch(kind, [index], LENGTHS[index])))[0]
        np.testing.assert_allclose(together[index], alone, rtol=1e-5)
    assert not np.allclose(together, np.asarray(predict(unmasked(everyone))), rtol=1e-3)


def step(model: Any) -> Any:
    """Return what computes loss, gradients, and what else a training step changes: the statistics of batches."""
    import jax
    import keras

    y = np.array([0, 1, 2, 1])
    before = [variable.value for variable in model.trainable_variables]
    others = [variable.value for variable in model.non_trainable_variables]

    def loss(weights: Any, inputs: Any) -> tuple[Any, Any]:
        outputs, after = model.stateless_call(weights, others, inputs, training=True)
        nats = keras.losses.sparse_categorical_crossentropy(y, outputs, from_logits=True)
        return keras.ops.mean(nats), after

    def computed(inputs: Any) -> tuple[Any, list[Any]]:
        (value, after), gradients = jax.value_and_grad(loss, has_aux=True)(before, inputs)
        return value, [*gradients, *after]

    return jax.jit(computed, compiler_options=UNOPTIMIZED)


@pytest.mark.parametrize(("name", "pooling", "bidirectional", "kind"), TRAINED)
def test_a_training_step_is_the_same(name: str, pooling: str, bidirectional: bool, kind: str) -> None:
    model = network(name, pooling, bidirectional, kind)
    closely, widely = (batch(kind, [0, 1, 2, 3], steps) for steps in (max(LENGTHS), PADDED))
    computed = step(model)
    (loss, changes), (same, alike) = computed(closely), computed(widely)
    assert float(loss) == pytest.approx(float(same), rel=1e-5)
    for one, other in zip(changes, alike):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
    assert float(loss) != pytest.approx(float(computed(unmasked(widely))[0]), rel=1e-4)
