"""A trained model as a folder that can be read without running anybody's code.

model.json          architecture with its settings, the data's spec, plugins, versions
weights.npz         one array per weight, under the weight's path; never pickled
preprocessing.json  how raw rows become inputs and outputs become original units
model.keras         the same model for other programs, in Keras's own classes; one that labels whole sequences ends in
                    a softmax there: other programs expect probabilities, as they did of earlier versions

`exporters` writes these files. Here they are read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from rnnexp import registry, strict
from rnnexp.config.renamed import current_part
from rnnexp.data.spec import TaskSpec
from rnnexp.errors import ConfigError, DataError, RnnexpError, count
from rnnexp.models import inference, weights
from rnnexp.models.averaging import rebuild_average
from rnnexp.models.build import build_network
from rnnexp.models.logits import convention
from rnnexp.task import complete_spec

if TYPE_CHECKING:
    import keras

FORMAT = 2
ABOUT, PREPROCESSING = "model.json", "preprocessing.json"


@dataclass(frozen=True)
class Bundle:
    """A trained model with what it was told of its data.

    architecture: the settings that it was built by
    plugins:      modules of the user's own that these come from
    folder:       where it was loaded from, None for one that is in none
    baseline:     what answers in the place of the model; None if nothing does
    """

    model: keras.Model
    spec: TaskSpec
    scaling: Mapping[str, Any]
    architecture: Any = None
    plugins: Sequence[str] = ()
    folder: Path | None = None
    baseline: Any = None

    @cached_property
    def preprocessor(self) -> Any:
        """Turns raw input into what the network takes: a Preprocessor of rows, a pipeline, a Language."""
        return rebuild_preprocessor(self.scaling, self.spec)

    @cached_property
    def extras(self) -> Any:
        """What its task has left beside the weights, such as prediction intervals; None if nothing."""
        code = registry.lookup("task", self.spec.task)()
        return None if self.folder is None else code.extras(self.folder, self.preprocessor)

    def predict(self, x: Any, batch_size: int = 1024) -> np.ndarray:
        """Return what the network says of prepared inputs (n, time, features), or a dict of inputs: numbers as it has
        been trained to give them, or the probabilities (n, classes) of classes.
        """
        examples = len(x) if hasattr(x, "shape") else len(next(iter(x.values())))
        batches = [slice(i, i + batch_size) for i in range(0, examples, batch_size)]
        outputs = np.concatenate([inference.predict(self.model, _slice(x, batch)) for batch in batches])
        return convention(self.spec).answers(outputs)


def _slice(x: Any, batch: slice) -> Any:
    return {name: values[batch] for name, values in x.items()} if isinstance(x, Mapping) else x[batch]


def load(folder: Path, plugins: Sequence[str] = (), allow: str = "pass plugins={!r}") -> Bundle:
    """Rebuild a model from its folder; `plugins` are the modules of the caller's own that it may import, and `allow`
    is how a user of the caller names them.

    Raises ConfigError naming the file if anything is missing, damaged, of another shape or of a newer format.
    """
    about = _read_about(folder)
    path, spec, held = folder / ABOUT, _read_spec(folder / ABOUT, about), weights.read_shapes(folder)
    architecture = _read_architecture(path, about, plugins, allow)
    scaling = strict.read_json(folder, PREPROCESSING)
    _refuse_more_layers(path, about.architecture, len(held))
    _refuse_more_members(path, about.members, len(held))
    build = partial(_build, architecture, spec, about.members, scaling)
    model = _build_network(path, architecture, build, held)
    weights.load_weights(folder, model)
    return Bundle(model, spec, scaling, architecture, about.plugins, folder)


def load_exported(folder: Path, call: Callable[[Any], Any]) -> Bundle:
    """Return a model whose network has been exported, without Keras: `call` gives what the exported one does."""
    path, about = folder / ABOUT, _read_about(folder)
    spec = _read_spec(path, about)
    if spec.labels_sequences:  # an exported one ends in a softmax
        spec = replace(spec, outputs="probabilities")
    architecture = _read_architecture(path, about, (), "name them with --plugins")
    network: Any = inference.ExportedNetwork(call)
    return Bundle(network, spec, strict.read_json(folder, PREPROCESSING), architecture, folder=folder)


@dataclass(frozen=True)
class Preview:
    """What is known of a saved model without Keras: what it takes and gives, and how raw data become that."""

    spec: TaskSpec
    scaling: Mapping[str, Any]
    preprocessor: Any


def preview(folder: Path) -> Preview:
    """Read what does not need Keras; an error if the preprocessing is not for what the model takes."""
    spec, saved = _read_spec(folder / ABOUT, _read_about(folder)), strict.read_json(folder, PREPROCESSING)
    return Preview(spec, saved, rebuild_preprocessor(saved, spec))


@dataclass(frozen=True)
class _About:
    """What model.json holds; `members` are networks that are averaged, each of this architecture."""

    architecture: dict[str, Any]
    spec: dict[str, Any]
    plugins: list[str]
    members: int = 1


def _read_about(folder: Path) -> _About:
    about, path = strict.read_json(folder, ABOUT), folder / ABOUT
    if (found := about.get("format")) not in (1, FORMAT):
        raise ConfigError(f"{path}: format {strict.shorten(repr(found))}; this version reads formats 1 to {FORMAT}")
    read: _About = strict.checked(_About, about, path)
    if found == 1:
        complete_spec(read.spec)
    return read


def _read_spec(path: Path, about: _About) -> TaskSpec:
    spec: TaskSpec = strict.checked(TaskSpec, about.spec, path)
    if flaw := spec.flaw():
        raise ConfigError(f"{path}: does not describe a model: {flaw}")
    return spec


def _read_architecture(path: Path, about: _About, plugins: Sequence[str], allow: str) -> Any:
    """Build the settings of an architecture; a file alone never makes its plugins run."""
    registry.load_plugins(list(plugins))
    name, needed = strict.shorten(about.architecture.get("name")), about.plugins
    if name not in registry.names("model") and needed:
        raise ConfigError(
            f"{path}: `{name}` comes from the plugin(s) {', '.join(needed)}, and loading them would run their code; "
            f"if you trust them, {allow.format(needed)}"
        )
    try:
        return registry.lookup("model", name)(**current_part("model", about.architecture))
    except ConfigError as error:
        raise ConfigError(*(f"{path}: {problem}" for problem in error.problems)) from None
    except ValidationError as error:
        found = ", ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()[:3])
        raise ConfigError(f"{path}: does not describe a model: {strict.shorten(found)}") from None
    except TypeError as error:
        raise ConfigError(f"{path}: does not describe a model: {strict.shorten(error)}") from None


def _refuse_more_layers(path: Path, settings: Mapping[str, Any], arrays: int) -> None:
    """Refuse lists of sizes, one for each layer, that have more layers than there are arrays of weights."""
    longest = max((len(value) for value in settings.values() if isinstance(value, list)), default=0)
    if longest > arrays:
        raise ConfigError(f"{path}: {longest:,} layers are asked for; {weights.FILE} holds {count(arrays, 'array')}")


def _refuse_more_members(path: Path, members: int, arrays: int) -> None:
    if not 1 <= members <= max(1, arrays):
        raise ConfigError(f"{path}: {members:,} members are asked for; {weights.FILE} holds {count(arrays, 'array')}")


def _build(architecture: Any, spec: TaskSpec, members: int, scaling: Mapping[str, Any]) -> keras.Model:
    if members == 1:
        return build_network(architecture, spec, seed=0)
    return rebuild_average(architecture, spec, members, find_exponents(spec, scaling))


def find_exponents(spec: TaskSpec, scaling: Mapping[str, Any]) -> Sequence[float] | None:
    """Return by which power of e original values grow with each output of a network; None if they do not."""
    found: Sequence[float] | None = registry.lookup("task", spec.task)().find_exponents(
        rebuild_preprocessor(scaling, spec)
    )
    return found


def _build_network(
    path: Path, architecture: Any, build: Callable[[], keras.Model], held: Mapping[str, tuple[int, ...]]
) -> keras.Model:
    """Build the network for the weights that are held; one of a plugin, which the caller trusts, as it likes."""
    if type(architecture).__module__.partition(".")[0] != "rnnexp":
        return build()
    try:
        return weights.build_for_weights(held, path.parent / weights.FILE, build)
    except RnnexpError:
        raise
    except Exception as error:  # whatever Keras says of layers that do not go together
        raise ConfigError(f"{path}: does not describe a model that can be built: {strict.shorten(error)}") from None


def rebuild_preprocessor(saved: Mapping[str, Any], spec: TaskSpec) -> Any:
    """Return the Preprocessor of rows, a pipeline or a Language that was saved; DataError if it is damaged, or if the
    network of this spec takes something else.
    """
    try:
        preprocessor = registry.lookup("task", spec.task)().preprocessor(saved)
    except RnnexpError as error:
        raise DataError(f"{PREPROCESSING}: {strict.shorten(error)}") from None
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise DataError(f"{PREPROCESSING}: is damaged: {strict.shorten(repr(error))}") from None
    if problem := preprocessor.mismatch(spec):
        raise DataError(f"{PREPROCESSING}: {problem}: it is of another model, or damaged")
    return preprocessor
