"""Classes are logits, whatever a user's own network ends in, and one softmax makes probabilities of them."""

from __future__ import annotations

import ast
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnexp import registry, runtime
from rnnexp.data.spec import InputSpec, TaskSpec
from rnnexp.errors import ConfigError
from rnnexp.models import bundle, exporter, logits
from rnnexp.models.build import build, build_network
from rnnexp.registry import lookup, register

CLASSES = ("a", "b", "c")
SPEC = TaskSpec("classification", {"past": InputSpec((7, 2))}, (3,), "logits", classes=CLASSES)
RAGGED = TaskSpec(
    "tagging",
    {"past": InputSpec((None,), "int32", 9), "mask": InputSpec((None,), "bool")},
    (3,),
    "logits",
    per_step=True,
    classes=CLASSES,
)
X = np.random.default_rng(1).normal(size=(4, 7, 2)).astype("float32")


@pytest.fixture(scope="module", autouse=True)
def jax_runtime() -> None:
    runtime.configure("jax")


def own_layer(x: Any) -> Any:
    import keras

    class Shares(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            raised = keras.ops.exp(x)
            return raised / keras.ops.sum(raised, axis=-1, keepdims=True)

    return Shares()(x)


def nested(x: Any) -> Any:
    import keras

    return keras.Sequential([keras.layers.Dense(4), keras.layers.Dense(3, activation="softmax")])(x)


def layer(kind: str, *given: Any, **named: Any) -> Any:
    import keras

    return getattr(keras.layers, kind)(*given, **named)


def ops() -> Any:
    from keras import ops

    return ops


PROBABILITIES: dict[str, Any] = {
    "a dense layer": lambda x: layer("Dense", 3, activation="softmax", name="probabilities")(x),
    "a layer of its own": lambda x: layer("Softmax")(layer("Dense", 3)(x)),
    "an activation": lambda x: layer("Activation", "softmax")(layer("Dense", 3)(x)),
    "an operation": lambda x: ops().softmax(layer("Dense", 3)(x)),
    "a function": lambda x: layer("Lambda", lambda y: ops().softmax(y))(layer("Dense", 3)(x)),
    "a network within": nested,
    "a layer that the user wrote": lambda x: own_layer(layer("Dense", 3)(x)),
    "half precision": lambda x: layer("Dense", 3, activation="softmax", dtype="bfloat16")(x),
}
LOGITS: dict[str, Any] = {
    "linear": lambda x: layer("Dense", 3)(x),
    "nothing yet": lambda x: layer("Dense", 3, kernel_initializer="zeros")(x),
    "not negative": lambda x: layer("Dense", 3, activation="relu")(x),
    "logs": lambda x: layer("Dense", 3, activation="log_softmax")(x),
}


def architecture(end: Any) -> Any:
    """Register a user's own model that ends as `end` says, and return its settings."""

    @register("model")
    def own_end(spec) -> Any:
        import keras

        past = keras.Input(spec.inputs["past"].shape, name="past", dtype=spec.inputs["past"].dtype)
        if spec.per_step:
            mask = keras.Input((None,), name="mask", dtype="bool")
            x = keras.layers.GRU(3, return_sequences=True, name="gru")(keras.layers.Embedding(9, 2)(past), mask=mask)
            return keras.Model({"past": past, "mask": mask}, end(x))
        return keras.Model(past, end(keras.layers.GRU(3, name="gru")(past)))

    return lookup("model", "own_end")()


@pytest.fixture(autouse=True)
def forgotten() -> Any:
    yield
    registry._registered["model"].pop("own_end", None)


@pytest.mark.parametrize("kind", PROBABILITIES)
def test_a_model_that_ends_in_a_softmax_is_told_so_and_gives_logits_all_the_same(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    own = architecture(PROBABILITIES[kind])
    said = build_network(own, TaskSpec(**{**vars(SPEC), "outputs": "probabilities"}), 0).predict_on_batch(X)
    with caplog.at_level(logging.WARNING, "rnnexp"):
        found = build_network(own, SPEC, 0).predict_on_batch(X)
    [warning] = caplog.messages
    assert warning.startswith("model: `own_end` gives probabilities, but classes want logits")
    assert "leave out the softmax at its end" in warning
    assert found.min() < 0
    assert logits.softmax(found) == pytest.approx(np.asarray(said, np.float64), abs=0.01 if "half" in kind else 1e-6)


@pytest.mark.parametrize("kind", LOGITS)
def test_a_model_that_ends_in_logits_is_left_as_it_is(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    model = build_network(architecture(LOGITS[kind]), SPEC, 0)
    assert caplog.messages == []
    assert not any(type(operation).__name__ == "Log" for operation in model.operations)


def test_a_sequential_model_and_one_of_steps_are_told_so_too(caplog: pytest.LogCaptureFixture) -> None:
    import keras

    steps = build_network(architecture(PROBABILITIES["a dense layer"]), RAGGED, 0)
    x = {"past": np.ones((2, 5), "int32"), "mask": np.ones((2, 5), bool)}
    assert steps.predict_on_batch(x).shape == (2, 5, 3)
    row = keras.Sequential([keras.Input((7, 2)), keras.layers.GRU(3), keras.layers.Dense(3, activation="softmax")])
    given = logits.convention(SPEC).complete(row, SPEC, "row", trusted=False).predict_on_batch(X)
    assert logits.softmax(given) == pytest.approx(row.predict_on_batch(X).astype(float), abs=1e-6)
    assert [message.partition(" gives")[0] for message in caplog.messages] == ["model: `own_end`", "model: `row`"]


def test_a_model_that_trains_itself_is_refused_rather_than_changed() -> None:
    import keras

    class Own(keras.Model):
        """Would have a training step of its own."""

    past = keras.Input((7, 2))
    own = Own(past, keras.layers.Dense(3, activation="softmax")(keras.layers.GRU(3)(past)))
    with pytest.raises(ConfigError, match=r"model: `own` gives probabilities, .*: leave out the softmax at its end"):
        logits.convention(SPEC).complete(own, SPEC, "own", trusted=False)


def test_our_own_architectures_are_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logits, "gives_probabilities", None)
    assert build(lookup("model", "gru")(units=[2]), SPEC, seed=0)


@pytest.mark.end_to_end
def test_a_users_model_answers_in_probabilities_whatever_it_ends_in(tmp_path: Path) -> None:
    import keras

    for name, end in (("a dense layer", PROBABILITIES["a dense layer"]), ("linear", LOGITS["linear"])):
        own = architecture(end)
        model = build(own, SPEC, seed=0)
        exporter.save(tmp_path / name, bundle.Bundle(model, SPEC, {}, own))
        wanted = logits.softmax(model.predict_on_batch(X))
        assert bundle.load(tmp_path / name).predict(X) == pytest.approx(wanted, abs=1e-6)
        exported = keras.models.load_model(tmp_path / name / "model.keras")
        assert exported.output_names[0].startswith("probabilities")
        elsewhere = exported.predict_on_batch(X)
        assert elsewhere == pytest.approx(wanted.astype("float32"), abs=1e-6)
        assert elsewhere != pytest.approx(np.asarray(model.predict_on_batch(X)), abs=1e-2)


def test_a_softmax_left_out_since_a_model_was_saved_is_put_back(tmp_path: Path) -> None:
    earlier = TaskSpec(**{**vars(SPEC), "outputs": "probabilities"})
    own = architecture(PROBABILITIES["a layer of its own"])
    exporter.save(tmp_path / "m", bundle.Bundle(build_network(own, earlier, 0), earlier, {}, own))
    before = bundle.load(tmp_path / "m").predict(X)
    architecture(LOGITS["linear"])
    assert bundle.load(tmp_path / "m").predict(X) == pytest.approx(before, abs=1e-7)
    assert before.sum(axis=1) == pytest.approx(np.ones(4), abs=1e-6)


def test_the_softmax_keeps_the_digits_of_large_and_small_logits() -> None:
    given = np.array([[1000.0, 0.0], [0.0, -3.0], [-1e4, -1e4]], "float32")
    assert logits.softmax(given)[1] == pytest.approx([1 / (1 + np.exp(-3)), 1 / (1 + np.exp(3))], rel=1e-15)
    assert logits.log_softmax(given).tolist()[0] == [0, -1000]
    assert logits.softmax(given)[2].tolist() == [0.5, 0.5]
    assert np.isnan(logits.softmax(np.array([[np.inf, 0.0]]))).any()


def test_data_and_losses_that_take_logits_for_probabilities_are_refused() -> None:
    import keras

    of = keras.losses.SparseCategoricalCrossentropy
    with pytest.raises(ConfigError, match=r"loss: `mine` takes probabilities, .*; build it with from_logits=True"):
        logits.convention(SPEC).check(of(), "mine")
    with pytest.raises(ConfigError, match="the TaskSpec has outputs=`probabilities`"):
        logits.convention(TaskSpec(**{**vars(SPEC), "outputs": "probabilities"})).check(of(), "mine")
    logits.convention(SPEC).check(of(from_logits=True), "mine")
    numbers = TaskSpec("regression", SPEC.inputs, (1,))
    logits.convention(numbers).check(keras.losses.BinaryCrossentropy(), "mine")


PERPLEXITIES = {f"tasks/{task}/report.py" for task in ("language_modeling", "sequence_to_sequence")}
NO_SOFTMAX = {
    *PERPLEXITIES,
    "tasks/language_modeling/predict.py",
    "data/sources/simulated.py",
    "tasks/series_reader.py",
    "tasks/transcription/report.py",
}
NO_SOFTMAX |= {f"tasks/forecasting/{name}.py" for name in ("scalers", "smoothing")}


def raises_e(source: str) -> bool:
    """Say whether NumPy is to raise e to something, as every softmax does."""
    calls = (node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return any(ast.unparse(one) in ("np.exp", "np.logaddexp.reduce") for one in calls)


def test_no_other_file_has_a_softmax_of_its_own() -> None:
    package = Path(logits.__file__).parents[1]
    found = {str(file.relative_to(package)) for file in package.rglob("*.py") if raises_e(file.read_text())}
    assert found - NO_SOFTMAX == {"models/logits.py"}
    assert raises_e("p = np.exp(x) / np.exp(x).sum()")
