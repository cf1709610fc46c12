"""A format of trained models is one file: the registry finds it, and a run asks the registry."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pytest

import rnnexp as rx
from rnnexp import registry
from rnnexp.config.schema import GROUPS, experiment_schema, group_schema
from rnnexp.errors import ConfigError, ResourceError
from rnnexp.models import bundle, exporter
from rnnexp.models.bundle import Bundle
from rnnexp.models.exporter import Exporter
from rnnexp.registry import Package

TINY = (
    "model.units=2",
    "data.points=60",
    "trainer.epochs=1",
    "trainer.batch_size=full",
    "tracking=off",
    "tracking.figures=false",
)
X = np.random.default_rng(0).normal(size=(3, 10, 1)).astype("float32")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a tiny network, and return the folder that its run has kept it in."""
    place = tmp_path_factory.mktemp("run")
    rx.run(rx.compose(*TINY, "tracking.log_model=true"), run_dir=place, quiet=True)
    return place / "model"


@pytest.fixture
def trained(folder: Path) -> Bundle:
    return bundle.load(folder)


def layers_as_json() -> type[Exporter]:
    """Register a format that a plugin might bring."""

    @rx.register("exporter")
    class layers(Exporter):
        suffix: ClassVar[str] = ".layers.json"

        name: Literal["layers"] = "layers"
        indent: int | None = None

        def write(self, path: Path, trained: Bundle) -> None:
            kept = {weight.path: weight.numpy().tolist() for weight in trained.model.weights}
            told = {"model": trained.architecture.name, "task": trained.spec.task, "scaling": dict(trained.scaling)}
            path.write_text(json.dumps({**told, "plugins": list(trained.plugins), "weights": kept}, indent=self.indent))

        def load(self, path: Path) -> Callable[[Any], Any]:
            weights = json.loads(path.read_text())["weights"]
            return lambda x: len(x) * len(weights)

    return layers


def test_a_toy_format_writes_a_trained_model(trained: Bundle, tmp_path: Path) -> None:
    layers_as_json()
    assert registry.names("exporter") == ["bundle", "keras", "layers", "litert", "onnx"]
    toy = registry.lookup("exporter", "layers")(indent=1)  # type: ignore[call-arg]
    path = tmp_path / "deep" / "down" / f"model{toy.suffix}"
    toy.export(path, trained)
    written = json.loads(path.read_text())
    assert (written["model"], written["task"], written["plugins"]) == ("lstm", "forecasting", [])
    assert written["scaling"] == trained.scaling
    assert {key: np.shape(value) for key, value in written["weights"].items()} == {
        weight.path: tuple(weight.shape) for weight in trained.model.weights
    }
    assert toy.load(path)(X) == 3 * len(written["weights"])


def test_a_function_is_a_format_too(trained: Bundle, tmp_path: Path) -> None:
    @rx.register("exporter")
    def counted(path: Path, trained: Bundle, word: str = "weights") -> None:
        path.write_text(f"{trained.model.count_params()} {word}")

    toy = registry.lookup("exporter", "counted")(word="numbers")  # type: ignore[call-arg]
    toy.export(tmp_path / "count", trained)
    assert (tmp_path / "count").read_text() == f"{trained.model.count_params()} numbers"
    with pytest.raises(ConfigError, match="count: the format counted is written here, and read by other programs only"):
        toy.load(tmp_path / "count")


def test_a_run_keeps_its_model_in_the_formats_that_say_so(folder: Path, trained: Bundle, tmp_path: Path) -> None:
    usual = ["model.json", "model.keras", "preprocessing.json", "weights.npz"]
    assert {file.name for file in folder.iterdir()} >= {*usual}
    toy = layers_as_json()
    exporter.save(tmp_path / "a", trained)
    toy.in_every_run = True
    exporter.save(tmp_path / "b", trained)
    assert {file.name for file in (tmp_path / "a").iterdir()} == {*usual}
    assert {file.name for file in (tmp_path / "b").iterdir()} == {*usual, "model.layers.json"}


SLOW = {"litert"}  # other processes import TensorFlow
FORMATS = [
    pytest.param(name, marks=pytest.mark.end_to_end if name in SLOW else ()) for name in registry.names("exporter")
]


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_read_back_computes_the_same(name: str, trained: Bundle, tmp_path: Path) -> None:
    chosen = registry.lookup("exporter", name)()
    path = chosen.place(tmp_path / "written")
    chosen.export(path, trained)
    found = chosen.load(path)(X)
    np.testing.assert_allclose(found, trained.predict(X), rtol=1e-5, atol=1e-6)
    assert not np.allclose(found, trained.predict(X + 1), rtol=1e-5, atol=1e-6)


def test_a_model_that_was_read_can_be_written_again(folder: Path, trained: Bundle, tmp_path: Path) -> None:
    exporter.save(tmp_path / "again", trained)
    for file in ("model.json", "preprocessing.json"):
        assert (tmp_path / "again" / file).read_bytes() == (folder / file).read_bytes()
    with np.load(folder / "weights.npz") as one, np.load(tmp_path / "again" / "weights.npz") as other:
        assert {key: value.tolist() for key, value in one.items()} == {key: other[key].tolist() for key in other}


def test_a_layer_and_an_operation_may_have_one_name(trained: Bundle, tmp_path: Path) -> None:
    import keras

    past = keras.Input((10, 1), name="past")
    summed = keras.layers.Flatten()(past + past)  # an operation of Keras's that is called Add, as a layer is
    outputs = keras.layers.Add()([keras.layers.Dense(1)(summed), keras.layers.Dense(1)(summed)])
    network = keras.Model(past, keras.layers.Reshape((1, 1))(outputs))
    path = tmp_path / "model.keras"
    registry.lookup("exporter", "keras")().export(path, replace(trained, model=network))
    found = keras.saving.load_model(path).predict(X, verbose=0)
    np.testing.assert_allclose(found, network.predict(X, verbose=0), rtol=1e-5)


def test_a_missing_package_is_told_before_something_is_written(trained: Bundle, tmp_path: Path) -> None:
    toy = layers_as_json()
    toy.package = Package("no_such_onnx", "ONNX", "pip install onnx")
    with pytest.raises(ResourceError, match=r"^format layers: ONNX is not installed; run: pip install onnx$"):
        toy().export(tmp_path / "deep" / "model.json", trained)
    assert not (tmp_path / "deep").exists()


def test_a_format_that_nobody_has_registered_is_answered_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="`kers` is not one of bundle, keras, litert, onnx; did you mean `keras`"):
        registry.lookup("exporter", "kers")


def test_a_format_is_no_part_of_an_experiment() -> None:
    layers_as_json()
    assert "layers" in registry.names("exporter")
    for schema in (experiment_schema(), *map(group_schema, GROUPS)):
        assert "layers.json" not in str(schema)
        assert "exporter" not in str(schema)


def test_where_a_run_keeps_its_model_no_format_is_named() -> None:
    text = (Path(rx.__file__).parent / "runner" / "record.py").read_text()
    words = {node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)}
    imported = [node.module for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)]
    assert words.isdisjoint(registry.names("exporter"))
    assert not any("exporters" in str(module) for module in imported)
    assert "rnnexp.models.exporter" in imported
