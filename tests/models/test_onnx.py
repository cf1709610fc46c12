"""Each network of the registry is written as ONNX, where it computes what Keras does, or is refused by layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from rnnexp import registry
from rnnexp.data.spec import InputSpec, TaskSpec
from rnnexp.errors import ConfigError
from rnnexp.models import inference, stateful
from rnnexp.models.averaging import build_average, list_members
from rnnexp.models.build import build
from rnnexp.models.bundle import Bundle
from rnnexp.models.logits import convention

EXAMPLES, STEPS, WORDS = 64, 7, 9
EXACT = 1e-6
NORMALIZED = 1e-5  # of layers: deviations down to 0.03 are divided by, and Keras differs by 1.6e-6 from itself
CLASSES = ("a", "b", "c")
MASK, TOKENS = InputSpec((None,), "bool"), InputSpec((None,), "int32", vocabulary=WORDS)
NUMBERS = InputSpec((6, 3))
LABELS: Any = {"outputs": "logits", "classes": CLASSES}
SPECS = {
    "forecast": TaskSpec("forecasting", {"past": NUMBERS}, (2, 1), targets=("y",)),
    "future": TaskSpec("forecasting", {"past": NUMBERS, "future": InputSpec((2, 4))}, (2, 1), targets=("y",)),
    "quantiles": TaskSpec("forecasting", {"past": NUMBERS}, (2, 6), targets=("y", "z"), quantiles=(0.1, 0.5, 0.9)),
    "steps": TaskSpec("forecasting", {"past": InputSpec((None, 3))}, (2, 1), targets=("y",), per_step=True),
    "sequences": TaskSpec("classification", {"past": InputSpec((None, 3)), "mask": MASK}, (3,), **LABELS),
    "texts": TaskSpec("classification", {"past": TOKENS, "mask": MASK}, (3,), **LABELS),
    "tags": TaskSpec("tagging", {"past": TOKENS, "mask": MASK}, (3,), per_step=True, sees_future=True, **LABELS),
    "frames": TaskSpec("classification", {"past": InputSpec((4, 64), frame=(8, 8, 1))}, (3,), **LABELS),
    "several": TaskSpec(
        "classification", {"text": TOKENS, "text_mask": MASK, "row": InputSpec((4,))}, (3,), **LABELS
    ),
    "language": TaskSpec(
        *("language_modeling", {"past": TOKENS}, (WORDS,)),
        outputs="logits", scores_of="past", per_step=True, carried=True,
    ),
    "pairs": TaskSpec(
        *("sequence_to_sequence", {"past": TOKENS, "mask": MASK, "previous": TOKENS}, (WORDS,)),
        outputs="logits", scores_of="previous", per_step=True,
    ),
}  # fmt: skip
SMALL: dict[str, dict[str, Any]] = {"cnn_rnn": {"filters": [2, 3]}, "lstm_fcn": {"filters": [3, 3, 3]}}
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "both ways": {"bidirectional": True},
    "deep": {"units": [16, 12], "layer_norm": True, "dropout": 0.2, "dense": [4], "dense_activation": "gelu"},
    "mean": {"pooling": "mean"},
    "max": {"pooling": "max"},
    "weighed": {"pooling": "attention"},
    "blocks after": {"units": 16, "transformer": {"heads": 2}},
    "blocks before": {"units": 16, "transformer": {"heads": 2, "position": "before"}},
    "skip": {"skip_connection": "ridge"},
    "words": {"skip_connection": "nb_svm"},
    "relu": {"activation": "relu"},
    "patches": {"patch_size": 2},
    "tied": {"tie_weights": True, "embedding_dim": 4},
    "memory": {"units": 16, "transformer": {"heads": 2, "memory": 3, "position": "after"}},
    "additive": {"attention": "additive"},
    "dot": {"attention": "dot"},
    "added up": {"combine": "attention"},
}
OFTEN = {("lstm", "sequences", "both ways"), ("gru", "forecast", "deep"), ("slstm", "texts", "both ways")}
OFTEN |= {("simple_rnn", "language", "plain"), ("cnn_lstm", "sequences", "mean")}


ALIKE = ("simple_rnn", "min_gru", "min_lstm")  # from gru, lstm and slstm these differ in the cell alone
AROUND = ("mean", "max", "weighed", "blocks after", "blocks before", "skip", "patches", "tied")  # the cell


def cases() -> Iterator[Any]:
    """Yield every architecture with every kind of data and every variant of its settings, or of those of its cell."""
    for name in registry.names("model"):
        able = {field.name for field in fields(registry.lookup("model", name))}
        for data in SPECS:
            for variant in [one for one, settings in VARIANTS.items() if settings.keys() <= able]:
                if name in ALIKE and variant in AROUND:
                    continue
                case = (name, data, variant)
                yield pytest.param(*case, marks=() if case in OFTEN else pytest.mark.end_to_end)


def make(name: str, data: str, variant: str = "plain", **settings: Any) -> Bundle:
    """Build a network whose weights, biases too, are those of nothing in particular."""
    architecture = registry.lookup("model", name)(**({"units": 4} | SMALL.get(name, {}) | VARIANTS[variant] | settings))
    if problems := getattr(architecture, "check", list)():
        raise ConfigError(*problems)
    generator, model = np.random.default_rng(1), build(architecture, SPECS[data], seed=0)
    for weight in model.weights:
        if "moving_variance" in weight.path:
            weight.assign(generator.uniform(0.5, 2, weight.shape))
        elif "seed" not in weight.path:
            weight.assign(np.asarray(weight.numpy()) + generator.normal(0, 0.1, weight.shape))
    return Bundle(model, SPECS[data], {}, architecture)


def draw(trained: Bundle, scale: float = 1.0) -> dict[str, np.ndarray]:
    generator, x = np.random.default_rng(2), dict[str, np.ndarray]()
    lengths = generator.integers(1, STEPS + 1, EXAMPLES)
    for name, one in trained.spec.inputs.items():
        shape = (EXAMPLES, *(STEPS if size is None else size for size in one.shape))
        if one.dtype == "bool":
            x[name] = np.arange(STEPS) < lengths[:, None]
        elif one.vocabulary:
            x[name] = generator.integers(1, one.vocabulary, shape).astype("int32")
        else:
            x[name] = (scale * generator.normal(size=shape)).astype("float32")
    return x | stateful.make_zero_states(trained.model, EXAMPLES)


def given(x: dict[str, np.ndarray], size: int = EXAMPLES) -> Any:
    first = {name: values[:size] for name, values in x.items()}
    return first if len(first) > 1 else first["past"]


def ask_keras(trained: Bundle, x: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    outputs = inference.predict(convention(trained.spec).export(trained.model, trained.spec), given(x))
    return outputs if isinstance(outputs, dict) else {stateful.OUTPUT: outputs}


def write(trained: Bundle, folder: Path, **settings: Any) -> Callable[[Any], Any]:
    exporter = registry.lookup("exporter", "onnx")(**settings)
    exporter.export(folder / "deep" / "model.onnx", trained)
    predict = exporter.load(folder / "deep" / "model.onnx")

    def named(x: Any) -> Any:
        outputs = predict(x)
        named = outputs if isinstance(outputs, dict) else {stateful.OUTPUT: outputs}
        return {name.removesuffix(stateful.NEXT): values for name, values in named.items()}

    return named


def apart(found: dict[str, Any], expected: dict[str, Any], mask: Any = None) -> float:
    """Return the largest difference, scaled by the largest answer; after the end of a sequence nothing is answered."""
    assert found.keys() == expected.keys()
    each = []
    for name, values in found.items():
        known = expected[name][: len(values)]
        assert values.shape == known.shape
        if mask is not None and values.ndim == 3:
            values, known = values[mask[: len(values)]], known[mask[: len(values)]]
        each.append(float(np.abs(values - known).max() / max(1, np.abs(known).max())))
    return max(each)


@pytest.mark.parametrize(("name", "data", "variant"), [*cases()])
def test_a_network_computes_the_same_or_is_refused(name: str, data: str, variant: str, tmp_path: Path) -> None:
    try:
        trained = make(name, data, variant)
    except ConfigError:  # of settings that do not go with these data
        return
    if trained.spec.writes:
        with pytest.raises(ConfigError, match="writes its answer token by token, by a search outside"):
            write(trained, tmp_path)
        assert list(tmp_path.iterdir()) == []
        return
    x = draw(trained)
    predict, expected, mask = write(trained, tmp_path), ask_keras(trained, x), x.get("mask")
    kinds = {type(layer).__name__ for layer in trained.model.layers}
    for size in (1, 16, 64, 64):
        allowed = NORMALIZED if "LayerNormalization" in kinds else EXACT
        assert apart(predict(given(x, size)), expected, mask) < allowed
    other = {key: values[::-1] for key, values in expected.items()}
    assert apart(predict(given(x)), other, mask) > 1e-4


@pytest.mark.parametrize("name", ["lstm", pytest.param("gru", marks=pytest.mark.end_to_end)])
def test_padding_changes_nothing(name: str, tmp_path: Path) -> None:
    trained = make(name, "sequences", "both ways")
    x, predict = draw(trained), write(trained, tmp_path)
    noise = np.random.default_rng(3).normal(size=(EXAMPLES, 5, 3)).astype("float32")
    longer = {
        "past": np.concatenate([np.where(x["mask"][..., None], x["past"], 1e3), noise], axis=1),
        "mask": np.concatenate([x["mask"], np.zeros((EXAMPLES, 5), bool)], axis=1),
    }
    assert apart(predict(longer), predict(x)) == 0
    assert apart(predict({**longer, "mask": np.ones_like(longer["mask"])}), predict(x)) > 1e-3


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e4, 1e30])
def test_extreme_inputs_give_the_same_answers(scale: float, tmp_path: Path) -> None:
    trained = make("gru", "forecast")
    x = draw(trained, scale)
    assert apart(write(trained, tmp_path)(given(x)), ask_keras(trained, x)) < EXACT


@pytest.mark.parametrize("activation", ["softsign", "hard_sigmoid", "elu", "leaky_relu", "softplus", "linear", "relu"])
@pytest.mark.parametrize("name", ["lstm", "gru", "simple_rnn"])
@pytest.mark.end_to_end
def test_activations_of_the_state_are_those_of_keras(name: str, activation: str, tmp_path: Path) -> None:
    trained = make(name, "forecast", activation=activation)
    x = draw(trained)
    assert apart(write(trained, tmp_path)(given(x)), ask_keras(trained, x)) < EXACT


DENSE = ("silu", "selu", "mish", "gelu", "relu6", "hard_tanh", "hard_silu", "log_sigmoid", "tanh_shrink", "exponential")


@pytest.mark.parametrize("activation", DENSE)
@pytest.mark.end_to_end
def test_activations_of_dense_layers_are_those_of_keras(activation: str, tmp_path: Path) -> None:
    trained = make("simple_rnn", "forecast", dense=[4], dense_activation=activation)
    x = draw(trained)
    assert apart(write(trained, tmp_path)(given(x)), ask_keras(trained, x)) < EXACT


def test_all_layers_without_a_counterpart_are_named_before_anything_is_written(tmp_path: Path) -> None:
    trained = make("lstm", "forecast", activation="celu", dense=[2], dense_activation="glu", units=[2, 2])
    with pytest.raises(ConfigError) as told:
        write(trained, tmp_path)
    text = str(told.value)
    assert "layer `lstm_1` (LSTM): activation `celu` is none that ONNX's recurrent operators have" in text
    assert "layer `lstm_2` (LSTM)" in text
    assert "layer `dense_1` (Dense): activation `glu` is not written as ONNX" in text
    assert list(tmp_path.iterdir()) == []


STREAMED = [("lstm", "forecast", "deep"), ("gru", "sequences", "plain"), ("simple_rnn", "steps", "plain")]


@pytest.mark.parametrize(("name", "data", "variant"), STREAMED)
def test_one_step_at_a_time_gives_the_answer_of_the_window(name: str, data: str, variant: str, tmp_path: Path) -> None:
    trained = make(name, data, variant)
    x = draw(trained)
    found, expected = write(trained, tmp_path, step_by_step=True)(given(x)), ask_keras(trained, x)
    assert apart(found, expected) < EXACT
    assert apart(found, {key: values[::-1] for key, values in expected.items()}) > 1e-3


@pytest.mark.parametrize(
    ("name", "data", "variant", "told"),
    [
        ("lstm", "forecast", "both ways", r"layer `lstm_1` \(Bidirectional\): needs the whole sequence"),
        ("gru", "sequences", "mean", r"layer `mean_over_time` \(GlobalAveragePooling1D\): needs the whole sequence"),
        ("gru", "future", "plain", "it has the inputs future beside the one whose steps are read"),
    ],
)
def test_what_needs_the_whole_window_is_refused(name: str, data: str, variant: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=told):
        write(make(name, data, variant), tmp_path, step_by_step=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("data", "exponents"),
    [("forecast", None), pytest.param("forecast", [2.0], marks=pytest.mark.end_to_end), ("sequences", None)],
)
def test_networks_that_are_averaged_are_one(data: str, exponents: Any, tmp_path: Path) -> None:
    architecture = registry.lookup("model", "gru")(units=4)
    model = build_average(architecture, SPECS[data], [1, 2, 3], {}, exponents)
    trained = Bundle(model, SPECS[data], {}, architecture)
    x = draw(trained)
    found = write(trained, tmp_path)(given(x))
    assert apart(found, ask_keras(trained, x)) < EXACT
    alone = Bundle(list_members(model)[0], SPECS[data], {}, architecture)
    assert apart(found, ask_keras(alone, x)) > 1e-3


QUANTIZED = [("gru", "forecast", "plain", {"GRU"}), ("lstm", "sequences", "both ways", set())]
QUANTIZED += [("slstm", "texts", "plain", {"Scan"})]


@pytest.mark.parametrize(("name", "data", "variant", "operators"), QUANTIZED)
@pytest.mark.parametrize(("quantize", "least"), [("dynamic", 1e-5), ("float16", 1e-7)])
def test_weights_in_fewer_bits_take_less_room_and_answer_nearly_the_same(
    name: str, data: str, variant: str, operators: set[str], quantize: str, least: float, tmp_path: Path
) -> None:
    trained = make(name, data, variant, units=32)
    x = draw(trained)
    whole = write(trained, tmp_path / "whole")(given(x))
    predict, exact = write(trained, tmp_path / "fewer", quantize=quantize), ask_keras(trained, x)
    files = [tmp_path / folder / "deep" / "model.onnx" for folder in ("fewer", "whole")]
    fewer, full = (one.stat().st_size for one in files)
    assert fewer < (0.5 if quantize == "dynamic" else 0.7) * full
    exporter: Any = registry.lookup("exporter", "onnx")(quantize=quantize)  # type: ignore[call-arg]
    assert least < apart(predict(given(x)), whole, x.get("mask")) < 10 * exporter.tolerance
    assert apart(predict(given(x)), {key: values[::-1] for key, values in exact.items()}, x.get("mask")) > 2e-2
    written = onnx.load(files[0])
    assert operators <= {node.op_type for node in written.graph.node}
    assert ("DynamicQuantizeLSTM" in {node.op_type for node in written.graph.node}) == (
        (name, quantize) == ("lstm", "dynamic")
    )
    sizes = {dtype: 0 for dtype, _ in exporter.list_weights(files[0])}
    for dtype, size in exporter.list_weights(files[0]):
        sizes[dtype] += size
    assert sizes["int8" if quantize == "dynamic" else "float16"] > 5 * sizes["float32"]
