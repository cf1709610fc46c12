"""The network for LiteRT (TensorFlow Lite), which phones and small devices run."""

from __future__ import annotations

import importlib.util
import os
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Literal

import numpy as np

from rnnexp.errors import ConfigError, ResourceError
from rnnexp.models.bundle import Bundle
from rnnexp.models.exporter import FileExporter
from rnnexp.models.logits import convention
from rnnexp.registry import Package, lookup, register

PACKAGE = Package("tensorflow", "TensorFlow", "pip install 'rnnexp[tensorflow]'")


@register("exporter")
class litert(FileExporter):
    """Converted by TensorFlow in a process of its own, for one example at a time and with LiteRT's own operators alone.

    A batch of any size would ask for operators of TensorFlow, which LiteRT does not have.
    With `quantize: dynamic` TensorFlow leaves arrays of less than 1024 numbers as they are.
    """

    suffix: ClassVar[str] = ".tflite"
    package: ClassVar[Package | None] = PACKAGE

    name: Literal["litert"] = "litert"

    def require_packages(self) -> None:
        if importlib.util.find_spec(PACKAGE.module) is None:  # only the other process imports it
            raise ResourceError(f"format {self.name}: {PACKAGE.title} is not installed; run: {PACKAGE.install}")

    def convert(self, trained: Bundle) -> bytes:
        spec = trained.spec
        reasons = {
            "writes its answer token by token": spec.writes,
            "carries states between calls": spec.carried,
            "reads sequences of any length": any(None in one.shape for one in spec.inputs.values()),
            "has layers of plugins": trained.plugins,
        }
        if found := [why for why, there in reasons.items() if there]:
            raise ConfigError(f"format {self.name}: the network {', and '.join(found)}; use --format onnx")
        with TemporaryDirectory() as scratch:
            lookup("exporter", "bundle")().export(Path(scratch) / "model", trained)
            return bytes(_ask(_start(), convert_bundle, Path(scratch) / "model", self.quantize))

    @property
    def reads_whole(self) -> bool:
        return False

    def list_weights(self, path: Path) -> list[tuple[str, int]]:
        self.require_packages()
        return list(_ask(_start(), list_buffers, path))

    def load(self, path: Path) -> Callable[[Any], Any]:
        self.require_packages()
        return partial(_ask, _start(), run_interpreter, path)


def _start() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_prepare)


def _ask(pool: ProcessPoolExecutor, function: Callable[..., Any], *given: Any) -> Any:
    try:
        return pool.submit(function, *given).result()
    except BrokenProcessPool:
        raise ConfigError("format litert: the process that converts the network, or runs it, was killed") from None


def _prepare() -> None:
    os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}


def convert_bundle(folder: Path, quantize: str) -> bytes:
    """Return a saved model as a LiteRT file; the other process's part."""
    from rnnexp import runtime
    from rnnexp.models.bundle import load

    runtime.configure("tensorflow")
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    trained = load(folder)
    network = convention(trained.spec).export(trained.model, trained.spec)
    inputs = {name: tf.TensorSpec((1, *one.shape), one.dtype, name=name) for name, one in trained.spec.inputs.items()}

    def call(**x: Any) -> Any:
        return network(x if len(x) > 1 else next(iter(x.values())), training=False)

    # Variables that are read inside of a loop do not run in LiteRT: as constants they do.
    traced = tf.function(call).get_concrete_function(**inputs)
    frozen = convert_variables_to_constants_v2(traced, lower_control_flow=False)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if quantize != "none":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantize == "float16":
        converter.target_spec.supported_types = [tf.float16]
    try:
        return bytes(converter.convert())
    except Exception as error:  # whatever TensorFlow says of an operator
        raise ConfigError(f"format litert: TensorFlow cannot convert the network: {str(error)[:200]}") from None


def list_buffers(path: Path) -> list[tuple[str, int]]:
    """Return the type and the size of each array of weights in a LiteRT file; the other process's part."""
    from tensorflow.lite.python import schema_py_generated as schema

    types = {schema.TensorType.FLOAT32: "float32", schema.TensorType.FLOAT16: "float16", schema.TensorType.INT8: "int8"}
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes(), 0))
    arrays = [one for graph in model.subgraphs for one in graph.tensors if model.buffers[one.buffer].data is not None]
    return [(types[one.type], int(np.prod(one.shape))) for one in arrays if one.type in types]


_interpreters: dict[Path, Any] = {}  # of the other process


def run_interpreter(path: Path, x: Any) -> np.ndarray:
    """Return the answers to examples, one after the other in one interpreter; the other process's part."""
    if path not in _interpreters:
        import tensorflow as tf

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TensorFlow wants its interpreter to be had from a package of its own
            _interpreters[path] = tf.lite.Interpreter(model_path=str(path))
        _interpreters[path].allocate_tensors()
    interpreter = _interpreters[path]
    places = {one["name"].split(":")[0]: one["index"] for one in interpreter.get_input_details()}
    named = x if isinstance(x, Mapping) else {next(iter(places)): x}
    answers = []
    for number in range(len(next(iter(named.values())))):
        for name, values in named.items():
            interpreter.set_tensor(places[name], values[number : number + 1])
        interpreter.invoke()
        answers.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).copy())
    return np.concatenate(answers)
