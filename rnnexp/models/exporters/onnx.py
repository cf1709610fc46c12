"""The network as an ONNX graph, for programs without Keras."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from rnnexp.errors import ConfigError
from rnnexp.models import stateful
from rnnexp.models.bundle import Bundle
from rnnexp.models.exporter import FileExporter
from rnnexp.models.logits import convention
from rnnexp.models.onnx_writer.quantize_weights import list_weights, quantize_weights
from rnnexp.registry import Package, register

INSTALL = 'pip install "rnnexp[onnx]"'
PACKAGE = Package("onnx", "ONNX", INSTALL)
RUNTIME = Package("onnxruntime", "ONNX Runtime", INSTALL)
WRITES = "model: {} writes its answer token by token, by a search outside of the network"


@register("exporter")
class onnx(FileExporter):
    """Written from the layers of Keras by ONNX's own recurrent operators, which ONNX Runtime computes as one kernel.

    A network that labels whole sequences ends in a softmax there.
    step_by_step: it goes on where the last call ended; the states of its layers are inputs and outputs, zeros at first
    """

    suffix: ClassVar[str] = ".onnx"
    package: ClassVar[Package | None] = PACKAGE

    name: Literal["onnx"] = "onnx"
    step_by_step: bool = False

    def convert(self, trained: Bundle) -> bytes:
        from rnnexp.models.onnx_writer.convert_network import convert_network

        spec = trained.spec
        if spec.writes:
            raise ConfigError(WRITES.format(trained.architecture.name))
        told = {"task": spec.task, "classes": json.dumps(spec.classes), "targets": json.dumps(spec.targets)}
        network = convention(spec).export(trained.model, spec)
        model = convert_network(network, told, step_by_step=self.step_by_step)
        if self.quantize != "none":
            model = quantize_weights(model, self.quantize)
        return bytes(model.SerializeToString())

    def list_weights(self, path: Path) -> list[tuple[str, int]]:
        return [*list_weights(PACKAGE.load("format onnx").load(path))]

    @property
    def reads_whole(self) -> bool:
        return not self.step_by_step

    def require_packages(self) -> None:
        for package in (PACKAGE, RUNTIME):
            package.load(f"format {self.name}")

    def load(self, path: Path) -> Callable[[Any], Any]:
        runtime = RUNTIME.load("format onnx")
        from rnnexp.models.onnx_writer.convert_network import TIME

        options = runtime.SessionOptions()
        options.intra_op_num_threads = 1  # of its own, which wait for work by spinning; callers' run side by side
        session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        inputs = [one.name for one in session.get_inputs()]
        outputs = [one.name for one in session.get_outputs()]

        def predict(x: Any) -> Any:
            found = session.run(None, x if isinstance(x, Mapping) else {inputs[0]: x})
            return found[0] if outputs == [stateful.OUTPUT] else dict(zip(outputs, found))

        sizes = {one.name: one.shape[-1] for one in session.get_inputs()[1:]}
        each = session.get_outputs()[0].shape[1] == TIME
        return partial(_read_steps, predict, sizes, each) if self.step_by_step else predict


def _read_steps(predict: Callable[[Any], Any], sizes: Mapping[str, int], each: bool, x: Any) -> np.ndarray:
    """Return what a network that reads one step at a time says at each step, or at the end of each sequence."""
    past, mask = (x["past"], x.get("mask")) if isinstance(x, Mapping) else (x, None)
    states = {name: np.zeros((len(past), size), np.float32) for name, size in sizes.items()}
    answers = []
    for step in range(past.shape[1]):
        found = predict({"past": past[:, step : step + 1], **states})
        states = {name: found[f"{name}{stateful.NEXT}"] for name in sizes}
        answers.append(found[stateful.OUTPUT])
    if each:
        return np.concatenate(answers, axis=1)
    last = np.full(len(past), past.shape[1] - 1) if mask is None else mask.sum(axis=1) - 1
    return np.stack(answers)[last, np.arange(len(past))]
