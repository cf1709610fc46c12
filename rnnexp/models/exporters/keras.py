"""The same model for other programs: `model.keras` in Keras's own classes, uncompiled.

Keras has no class for min_gru, min_lstm and slstm: a program that loads such a file imports
`rnnexp.models.recurrent_layers` first.

A loss or metric of our own would keep other programs from loading it. Keras needs 40 ms to build and save a copy, so
it does that once per architecture; the weights of other models are put into the file that came out.
"""

from __future__ import annotations

import importlib
import io
import json
import logging
import threading
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from pickle import PicklingError
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from rnnexp.models import inference, initializers
from rnnexp.models.bundle import Bundle
from rnnexp.models.cudnn import settle_kernels
from rnnexp.models.exporter import Exporter
from rnnexp.models.logits import convention
from rnnexp.registry import register

if TYPE_CHECKING:
    from keras import Model

WEIGHTS, METADATA = "model.weights.h5", "metadata.json"
MAX_TEMPLATES = 8

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Template:
    """The files within a `.keras` file, and under which name each weight of the model lies in that of the weights."""

    files: Mapping[str, bytes]
    places: tuple[str, ...]


_templates: dict[str, _Template | None] = {}
_LOCK = threading.Lock()


@register("exporter")
class keras(Exporter):
    """Keras's own file with Keras's own classes, which any program with Keras can load.

    A network that labels whole sequences ends in a softmax there.
    """

    suffix: ClassVar[str] = ".keras"
    in_every_run: ClassVar[bool] = True

    name: Literal["keras"] = "keras"

    def write(self, path: Path, trained: Bundle) -> None:
        """Write the file, or say why Keras cannot."""
        model = convention(trained.spec).export(trained.model, trained.spec)
        try:
            template = _get_template(model)
            if template is None:
                _copy(model).save(path)
                return
        except (
            NotImplementedError,
            TypeError,
            ValueError,
            AttributeError,
            PicklingError,
        ) as error:  # a PyTorch module's
            log.warning("%s not written: Keras cannot describe the model as data (%s)", path.name, error)
            return
        files = {
            **template.files,
            WEIGHTS: _fill_weights(template, model),
            METADATA: _set_date(template.files[METADATA]),
        }
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)

    def load(self, path: Path) -> Callable[[Any], Any]:
        from keras.saving import load_model

        importlib.import_module("rnnexp.models.recurrent_layers")  # which Keras then knows
        return partial(inference.predict, settle_kernels(load_model(path, compile=False)))


def _copy(model: Model) -> Model:
    kinds = (type(layer) for layer in model._flatten_layers(include_self=False))
    classes = {kind.__name__: kind for kind in kinds if not kind.__module__.startswith("keras.")}  # of its own it knows
    with initializers.skip_draws():
        copy = type(model).from_config(model.get_config(), custom_objects=classes)
    for weight, trained in zip(copy.weights, model.weights):
        weight.assign(trained)
    return copy


def _get_template(model: Model) -> _Template | None:
    """Return what models of this architecture and these settings share; None if the weights cannot be told apart."""
    classes = sorted({str(type(layer)) for layer in model._flatten_layers(include_self=False)})
    key = json.dumps([classes, model.get_config()], sort_keys=True, default=str)
    with _LOCK:
        if key not in _templates:
            while len(_templates) >= MAX_TEMPLATES:
                del _templates[next(iter(_templates))]
            _templates[key] = _make_template(model)
        return _templates[key]


def _make_template(model: Model) -> _Template | None:
    """Save a copy whose first weight is all ones, its second all twos and so on: that tells where each one lies."""
    from tempfile import TemporaryDirectory

    copy = _copy(model)
    for number, weight in enumerate(copy.weights, start=1):
        weight.assign(np.full(weight.shape, number, weight.dtype))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        copy.save(path)
        with zipfile.ZipFile(path) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
    if not {WEIGHTS, METADATA} <= files.keys():
        return None
    constants = _find_constants(files[WEIGHTS])
    places = [
        constants.get((float(number), tuple(weight.shape)), []) for number, weight in enumerate(copy.weights, start=1)
    ]
    if any(len(names) != 1 for names in places):
        return None
    return _Template(files, tuple(names[0] for names in places))


def _find_constants(weights: bytes) -> dict[tuple[float, tuple[int, ...]], list[str]]:
    """Return the names of the arrays that hold one number throughout, by this number and their shape."""
    import h5py

    names: dict[tuple[float, tuple[int, ...]], list[str]] = {}

    def look(name: str, item: Any) -> None:
        values = item[()] if isinstance(item, h5py.Dataset) else None
        if isinstance(values, np.ndarray | np.generic) and values.size and (values == values.flat[0]).all():
            names.setdefault((float(values.flat[0]), values.shape), []).append(name)

    with h5py.File(io.BytesIO(weights), "r") as file:
        file.visititems(look)
    return names


def _fill_weights(template: _Template, model: Model) -> bytes:
    import h5py
    from keras import ops

    buffer = io.BytesIO(template.files[WEIGHTS])
    with h5py.File(buffer, "r+") as file:
        for place, weight in zip(template.places, model.weights):
            file[place][...] = ops.convert_to_numpy(weight)
    return buffer.getvalue()


def _set_date(metadata: bytes) -> bytes:
    return json.dumps({**json.loads(metadata), "date_saved": f"{datetime.now():%Y-%m-%d@%H:%M:%S}"}).encode()
