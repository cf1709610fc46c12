"""A trained model as a folder that can be read without running anybody's code.

model.json          architecture with its settings, the data's spec, plugins, versions
weights.npz         one array per weight, under the weight's path; never pickled
preprocessing.json  how raw rows become inputs and outputs become original units
model.keras         the same model for other programs, in Keras's own classes
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from rnnexp import registry
from rnnexp.data.spec import TaskSpec
from rnnexp.errors import ConfigError, DataError
from rnnexp.models import inference, plain
from rnnexp.models.build import build

if TYPE_CHECKING:
    import keras

FORMAT = 1

# The kind that preprocessing.json names -> what it is read as.
PREPROCESSORS = {
    None: "rnnexp.data.preprocess:Preprocessor",
    "sequences": "rnnexp.data.sequence_pipeline:SequencePipeline",
    "texts": "rnnexp.data.texts.dataset:TextPipeline",
    "tags": "rnnexp.data.texts.tags:TagPipeline",
    "pairs": "rnnexp.data.texts.pairs:PairPipeline",
    "language": "rnnexp.data.texts.stream:Language",
}


@dataclass(frozen=True)
class Bundle:
    """A model that has been loaded, with what it was told of its data."""

    model: keras.Model
    spec: TaskSpec
    scaling: Mapping[str, Any]

    @cached_property
    def preprocessor(self) -> Any:
        """Turns raw input into what the network takes: a Preprocessor of rows, a pipeline, a Language."""
        kind = self.scaling.get("kind")
        place = PREPROCESSORS.get(None if kind is None else str(kind))
        if place is None:
            raise DataError(
                f"the model takes `{kind}`, which this version does not know: install the one it was made with"
            )
        module, _, name = place.partition(":")
        return getattr(import_module(module), name).from_json(self.scaling)

    def predict(self, x: Any, batch_size: int = 1024) -> np.ndarray:
        """Return the network's raw outputs for prepared inputs (n, time, features), or a dict of inputs."""
        examples = len(x) if hasattr(x, "shape") else len(x["past"])
        batches = [slice(i, i + batch_size) for i in range(0, examples, batch_size)]
        return np.concatenate([inference.predict(self.model, _part(x, batch)) for batch in batches])


def _part(x: Any, batch: slice) -> Any:
    return {name: values[batch] for name, values in x.items()} if isinstance(x, Mapping) else x[batch]


def save(
    folder: Path,
    model: keras.Model,
    architecture: Any,
    spec: TaskSpec,
    scaling: Mapping[str, Any],
    plugins: Sequence[str],
) -> None:
    """Write a model into `folder`, which is made if need be; existing files of a bundle are replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    about = {
        "format": FORMAT,
        "architecture": asdict(architecture),
        "spec": asdict(spec),
        "plugins": list(plugins),
        "versions": {package: _version(package) for package in ("rnnexp", "keras")},
    }
    _write_json(folder / "model.json", about)
    _write_json(folder / "preprocessing.json", dict(scaling))
    np.savez(folder / "weights.npz", **_weights(model))  # type: ignore[arg-type]
    plain.save(folder / "model.keras", model)


def load(folder: Path, plugins: Sequence[str] = ()) -> Bundle:
    """Rebuild a model from its folder; `plugins` are the modules of the caller's own that it may import.

    Raises ConfigError naming the file if anything is missing, damaged, of another shape or of a newer format.
    """
    about = _read_json(folder / "model.json")
    if about.get("format") != FORMAT:
        raise ConfigError(
            f"{folder / 'model.json'}: format {about.get('format')!r}; this version reads format {FORMAT}"
        )
    architecture, spec = _described(folder / "model.json", about, plugins)
    model = build(architecture, spec, seed=0)
    _read_weights(folder / "weights.npz", model)
    return Bundle(model, spec, _read_json(folder / "preprocessing.json"))


def _described(path: Path, about: Mapping[str, Any], plugins: Sequence[str]) -> tuple[Any, TaskSpec]:
    try:
        settings = dict(about["architecture"])
        cls = _architecture(path, str(settings["name"]), about["plugins"], plugins)
        return cls(**settings), TypeAdapter(TaskSpec).validate_python(about["spec"])
    except ValidationError as error:
        found = ", ".join(f"{item['loc'][0]}: {item['msg']}" for item in error.errors())
        raise ConfigError(f"{path}: does not describe a model: {found}") from None
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{path}: does not describe a model: {error!r}") from None


def _architecture(path: Path, name: str, needed: Any, plugins: Sequence[str]) -> type:
    """Look an architecture up; a file alone never makes its plugins run."""
    registry.load_plugins(list(plugins))
    if name not in registry.names("model") and needed:
        modules = ", ".join(map(str, needed))
        raise ConfigError(
            f"{path}: `{name}` comes from the plugin(s) {modules}, and loading them would run their code; "
            f"if you trust them, pass plugins={list(map(str, needed))!r}"
        )
    return registry.lookup("model", name)


def _weights(model: keras.Model) -> dict[str, np.ndarray]:
    from keras import ops

    arrays = {weight.path: ops.convert_to_numpy(weight) for weight in model.weights}
    if len(arrays) < len(model.weights):
        raise ConfigError(f"model: `{model.name}` has two weights of the same path; name its layers")
    return arrays


def _read_weights(path: Path, model: keras.Model) -> None:
    """Assign weights once all headers are right, so that nothing is half loaded, and nothing unpickled."""
    wanted = {weight.path: tuple(weight.shape) for weight in model.weights}
    try:
        found = _headers(path)
        _refuse_difference(path, found, wanted)
        with np.load(path, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in wanted}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ConfigError(f"{path}: cannot be read as weights: {error}") from None
    for weight in model.weights:
        weight.assign(arrays[weight.path])


def _headers(path: Path) -> dict[str, tuple[int, ...]]:
    """Read names and shapes alone: a few bytes per array, whatever size a header claims."""
    shapes = {}
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            with archive.open(member) as file:
                major, _ = np.lib.format.read_magic(file)
                read = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
                shape, _, dtype = read(file)
            if dtype.kind != "f":
                raise ValueError(f"`{member.filename}` holds {dtype} values, not floating-point numbers")
            shapes[member.filename.removesuffix(".npy")] = shape
    return shapes


def _refuse_difference(path: Path, found: Mapping[str, tuple[int, ...]], wanted: Mapping[str, tuple[int, ...]]) -> None:
    problems = [f"{path}: `{key}` is missing" for key in wanted if key not in found]
    problems += [f"{path}: `{key}` belongs to no layer" for key in found if key not in wanted]
    problems += [
        f"{path}: `{key}` has shape {found[key]}, the model needs {shape}"
        for key, shape in wanted.items()
        if key in found and found[key] != shape
    ]
    if problems:
        raise ConfigError(*problems)


@cache
def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # run from its source
        return "unknown"


def _write_json(path: Path, values: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(values, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: must hold a JSON object, not {type(values).__name__}")
    return values
