"""Optimizers: what is read from Keras's source is what Keras takes."""

from __future__ import annotations

import subprocess
import sys
from inspect import Parameter, isclass, signature
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from rnnexp import optimizers, registry, runtime

NAMES = optimizers.available()


@pytest.fixture(scope="module", autouse=True)
def jax_runtime() -> None:
    runtime.configure("jax")


def keras_class(name: str) -> Any:
    import keras

    exported = {cls.__name__.lower(): cls for cls in vars(keras.optimizers).values() if isclass(cls)}
    return exported[name.replace("_", "")]


def test_every_optimizer_of_keras_is_offered() -> None:
    import keras

    wrappers = {"Optimizer", "LossScaleOptimizer", "MultiOptimizer"}
    exported = {n for n, c in vars(keras.optimizers).items() if isclass(c) and issubclass(c, keras.Optimizer)}
    assert {keras_class(name).__name__ for name in NAMES} == exported - wrappers


@pytest.mark.parametrize("name", NAMES)
def test_arguments_and_defaults_are_those_of_the_class(name: str) -> None:
    parameters = signature(keras_class(name)).parameters.values()
    named = {p.name: p.default for p in parameters if p.kind is not Parameter.VAR_KEYWORD and p.name != "name"}
    assert {a.name: a.default for a in optimizers.arguments(name)} == named


@pytest.mark.parametrize("name", NAMES)
def test_every_optimizer_can_be_built_with_its_defaults(name: str) -> None:
    built = registry.lookup("optimizer", name)().build()
    assert type(built) is keras_class(name)
    assert built.name == name


@pytest.mark.parametrize("name", NAMES)
def test_every_argument_is_described(name: str) -> None:
    fields = optimizers.load(name).__pydantic_fields__
    assert all(info.description for key, info in fields.items() if key != "name")


def test_arguments_reach_keras() -> None:
    built = registry.lookup("optimizer", "adamw")(learning_rate=0.5, weight_decay=0.1, clipnorm=2).build()
    assert float(built.learning_rate) == pytest.approx(0.5)
    assert (built.weight_decay, built.clipnorm) == (0.1, 2)


def test_whole_numbers_do_for_fractions() -> None:
    assert registry.lookup("optimizer", "sgd")(learning_rate=1, momentum=0).learning_rate == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"learning_rate": 0},
        {"learning_rate": -1.0},
        {"learning_rate": float("nan")},
        {"learning_rate": "0.1"},
        {"learning_rate": True},
        {"beta_1": 1.0},
        {"clipnorm": 0.0},
        {"weight_decay": -0.1},
        {"ema_momentum": 1.5},
        {"gradient_accumulation_steps": 1},
        {"amsgrad": 1},
        {"learning_rat": 0.1},
    ],
)
def test_a_wrong_argument_is_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        registry.lookup("optimizer", "adam")(**wrong)


def test_an_argument_of_another_optimizer_is_refused() -> None:
    with pytest.raises(ValidationError, match="momentum"):
        registry.lookup("optimizer", "adam")(momentum=0.9)


def test_only_one_way_to_clip_can_be_chosen() -> None:
    adam = registry.lookup("optimizer", "adam")
    expected = "clipvalue: given together with clipnorm; only one of clipnorm, clipvalue, global_clipnorm can be set"
    assert adam(clipnorm=1.0, clipvalue=0.5).check() == [expected]
    assert adam(clipnorm=1.0).check() == []


def test_an_unknown_optimizer_lists_the_choices() -> None:
    with pytest.raises(optimizers.ConfigError, match=r"`adamm` is not one of adadelta, .*did you mean `adam`\?"):
        optimizers.load("adamm")


def test_reading_them_does_not_import_keras() -> None:
    script = """
import sys
from rnnexp import optimizers
for name in optimizers.available():
    optimizers.load(name)
assert not {"keras", "jax", "tensorflow", "torch"} & set(sys.modules)
"""
    root = str(Path(__file__).parents[1])
    process = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": root}, capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
