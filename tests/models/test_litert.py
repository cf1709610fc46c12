"""Networks of windows are written for LiteRT, where 64 examples one after the other get the answers of Keras."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_onnx import apart, ask_keras, draw, given, make

from rnnexp import registry
from rnnexp.errors import ConfigError, ResourceError
from rnnexp.models import stateful
from rnnexp.models.exporters import litert
from rnnexp.registry import Package


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("sequences", "the network reads sequences of any length; use --format onnx"),
        ("language", "the network carries states between calls, and reads sequences of any length"),
    ],
)
def test_what_is_not_covered_is_refused_before_anything_is_written(data: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"format litert: {why}"):
        registry.lookup("exporter", "litert")().export(tmp_path / "deep" / "model.tflite", make("gru", data))
    assert list(tmp_path.iterdir()) == []


def test_without_tensorflow_it_is_said_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(litert, "PACKAGE", Package("no_such_module", "TensorFlow", "pip install it"))
    with pytest.raises(ResourceError, match="format litert: TensorFlow is not installed; run: pip install it"):
        registry.lookup("exporter", "litert")().require_packages()


@pytest.mark.end_to_end
@pytest.mark.parametrize(
    ("name", "quantize"), [("lstm", "none"), ("gru", "none"), ("lstm", "dynamic"), ("lstm", "float16")]
)
def test_examples_one_after_the_other_get_the_answers_of_keras(name: str, quantize: Any, tmp_path: Path) -> None:
    trained = make(name, "forecast", units=[32])
    few = {"none": {"float32"}, "dynamic": {"float32", "int8"}, "float16": {"float16"}}[quantize]
    x, path = draw(trained), tmp_path / "model.tflite"
    exporter: Any = registry.lookup("exporter", "litert")(quantize=quantize)  # type: ignore[call-arg]
    exporter.export(path, trained)
    assert {dtype for dtype, size in exporter.list_weights(path) if size > 32} == few
    predict, expected = exporter.load(path), ask_keras(trained, x)
    for _ in range(2):
        found = {stateful.OUTPUT: predict(given(x))}
        assert apart(found, expected) < exporter.tolerance
        if quantize != "none":
            assert apart(found, expected) > 1e-6
    assert apart(found, {stateful.OUTPUT: np.asarray(expected[stateful.OUTPUT])[::-1]}) > 2e-2
