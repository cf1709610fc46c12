"""What the model of a plugin may return, and what is said of what it may not."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

from rnnexp import register
from rnnexp.data.spec import InputSpec, TaskSpec
from rnnexp.errors import ConfigError
from rnnexp.models.build import build
from rnnexp.registry import lookup

PAST, FUTURE = InputSpec((5, 2)), InputSpec((3, 1))
SPEC = TaskSpec("forecasting", {"past": PAST}, (3, 1))
AHEAD = TaskSpec("forecasting", {"past": PAST, "future": FUTURE}, (3, 1))


def head(x: Any) -> Any:
    import keras

    return keras.layers.Reshape((3, 1))(keras.layers.Dense(3, name="output")(x))


def inputs(spec: TaskSpec) -> dict[str, Any]:
    import keras

    return {name: keras.Input(one.shape, name=name) for name, one in spec.inputs.items()}


def network(past: Any) -> Any:
    import keras

    return head(keras.layers.GRU(4, name="rnn")(past))


def written_class(**more: Any) -> Any:
    import keras

    class Written(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.rnn, self.out = keras.layers.GRU(4, name="rnn"), keras.layers.Dense(3, name="output")

        def call(self, x: Any) -> Any:
            return keras.ops.reshape(self.out(self.rnn(x)), (-1, 3, 1))

    return type("Written", (Written,), more)()


def layers() -> Any:
    from keras import layers

    return layers


def model_of(given: Any, outputs: Any) -> Any:
    import keras

    return keras.Model(given, outputs)


def from_dict(spec: TaskSpec) -> Any:
    given = inputs(spec)
    return model_of(given, network(given["past"]))


def from_one(spec: TaskSpec, name: str = "past") -> Any:
    import keras

    past = keras.Input(spec.inputs["past"].shape, name=name)
    return model_of(past, network(past))


def sequential(spec: TaskSpec) -> Any:
    import keras

    return keras.Sequential([layers().GRU(4), layers().Dense(3), layers().Reshape((3, 1))])


def made(returned: Any, spec: TaskSpec = SPEC) -> Any:
    """Build a model that a user's function returns."""

    @register("model")
    def own_network(spec: Any) -> Any:
        return returned(spec)

    return build(lookup("model", "own_network")(), spec, seed=0)


TAKEN = {
    "a model": from_one,
    "a model of inputs by name": from_dict,
    "an input of another name": lambda spec: from_one(spec, "series"),
    "a model that is not connected": lambda spec: written_class(),
    "a list of layers": sequential,
}


@pytest.mark.parametrize("returned", TAKEN.values(), ids=TAKEN)
def test_a_network_comes_of_models_and_layers(returned: Any) -> None:
    x = np.random.default_rng(0).normal(size=(2, 5, 2))
    found = [np.asarray(made(returned)(x)) for _ in range(2)]
    assert found[0].shape == (2, 3, 1)
    assert np.array_equal(*found)
    assert not np.allclose(found[0], 0)


def of_shape(shape: tuple[int, ...]) -> Any:
    import keras

    past = keras.Input(shape, name="past")
    return model_of(past, network(past))


def two_outputs(spec: TaskSpec) -> Any:
    import keras

    past = keras.Input((5, 2), name="past")
    return model_of(past, [network(past), layers().Flatten()(past)])


def with_static(spec: TaskSpec) -> Any:
    import keras

    given = {**inputs(spec), "static": keras.Input((2,), name="static")}
    return model_of(given, network(given["past"]))


REFUSED = {
    "nothing": (lambda spec: None, "returned NoneType; it must return a keras.Model, or a layer"),
    "a text": (lambda spec: "gru", "returned str; it must return"),
    "a tensor": (lambda spec: network(inputs(spec)["past"]), "returned KerasTensor; it must return"),
    "a class": (lambda spec: layers().GRU, "returned the class GRU itself; call it"),
    "a layer of another shape": (lambda spec: layers().Dense(1), r"gives outputs of shape \(None, 5, 1\); the data"),
    "several outputs": (two_outputs, "gives outputs of shape .*; the data need"),
    "an input of another shape": (
        lambda spec: of_shape((7, 2)),
        r"takes `past` of shape \(None, 7, 2\); the data give",
    ),
    "an input that there is not": (with_static, r"takes an input `static`; the data give `past` \(None, 5, 2\)"),
    "a layer that takes other inputs": (lambda spec: layers().Add(), "returned a Add that cannot be called with"),
    "a training step that is lost": (
        lambda spec: written_class(train_step=lambda self, data: {}),
        "returned a model with a train_step of its own that is not connected; give its inputs and outputs to super",
    ),
}


def test_a_network_that_could_not_write_a_text_is_refused_before_it_is_trained() -> None:
    tokens = InputSpec((None,), "int32", 9)
    spec = TaskSpec("sequence_to_sequence", {"past": tokens, "previous": tokens}, (9,), "logits", per_step=True)

    def translate(spec: TaskSpec) -> Any:
        import keras

        given = {name: keras.Input((None,), dtype="int32", name=name) for name in spec.inputs}
        x = keras.layers.Embedding(9, 2)(given["previous"])
        return model_of(given, keras.layers.Dense(9)(keras.layers.GRU(3, return_sequences=True)(x)))

    with pytest.raises(ConfigError, match="cannot write texts, which are asked for token by token"):
        made(translate, spec)


@pytest.mark.parametrize(("returned", "told"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_network_for_the_data_is_refused(returned: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=f"model: `own_network` {told}"):
        made(returned)


def reads_all(spec: TaskSpec) -> Any:
    given = inputs(spec)
    return model_of(given, network(given["past"]) + given["future"])


@pytest.mark.parametrize(
    ("returned", "spec", "told"),
    [
        (from_one, AHEAD, ["`future`"]),
        (from_dict, AHEAD, ["`future`"]),
        (reads_all, AHEAD, []),
        (from_one, SPEC, []),
        (lambda spec: written_class(), SPEC, []),
    ],
)
def test_an_input_that_stays_unread_is_told_once(
    returned: Any, spec: TaskSpec, told: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        made(returned, spec)
    found = [message for message in caplog.messages if "unread" in message]
    assert len(found) == len(told)
    assert all(name in message for name, message in zip(told, found))
