"""Weights as arrays of a file, and a network that is made for them: nothing is unpickled, and nothing is allocated that
the file does not hold.
"""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from rnnexp import strict
from rnnexp.errors import ConfigError
from rnnexp.models.averaging import list_members

if TYPE_CHECKING:
    import keras

FILE = "weights.npz"
MAX_LISTED = 5  # differences that a message lists
# Of a file that is no archive of arrays: zipfile and NumPy have many words for it.
DAMAGES = (
    *(OSError, ValueError, EOFError, KeyError, OverflowError, SyntaxError),
    *(MemoryError, RuntimeError, zipfile.BadZipFile),
)

_KINDS = {"f": "floating-point numbers"}

Shape = tuple[int, ...]


def save_weights(folder: Path, model: keras.Model) -> None:
    """Write one array for each weight, under its path."""
    from keras import ops

    arrays = {path: ops.convert_to_numpy(weight) for path, weight in name_weights(model).items()}
    if len(arrays) < len(model.weights):
        raise ConfigError(f"model: `{model.name}` has two weights of the same path; name its layers")
    np.savez(folder / FILE, **arrays)


def name_weights(model: keras.Model) -> dict[str, Any]:
    """Return each weight by its path; networks that are averaged have the same paths, so their names come first."""
    members = list_members(model)
    if not members:
        return {weight.path: weight for weight in model.weights}
    return {f"{member.name}/{weight.path}": weight for member in members for weight in member.weights}


def read_shapes(folder: Path, name: str = FILE, kinds: str = "f") -> dict[str, Shape]:
    """Read names and shapes alone: a few bytes per array, whatever a header claims; `kinds` are NumPy's of its types.

    ConfigError for what would take more memory than the file has bytes, or hold objects.
    """
    with strict.open_file(folder, name) as file:
        try:
            return _read_headers(file, kinds)
        except DAMAGES as error:
            raise _make_damage_error(folder / name, error) from None


def _read_headers(file: BinaryIO, kinds: str) -> dict[str, Shape]:
    shapes: dict[str, Shape] = {}
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if sum(member.file_size for member in members) > os.fstat(file.fileno()).st_size:
            raise ValueError("it is compressed, or claims more than it holds; weights are saved as they are")
        for member in members:
            name = member.filename.removesuffix(".npy")
            if name in shapes:
                raise ValueError(f"`{strict.shorten(name)}` is there twice")
            with archive.open(member) as array:
                shapes[name] = _read_header(name, member.file_size, array, kinds)
    return shapes


def _read_header(name: str, size: int, file: Any, kinds: str) -> Shape:
    major, _ = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    if dtype.kind not in kinds or (dtype.kind == "f" and dtype.itemsize > 8):
        raise ValueError(f"`{strict.shorten(name)}.npy` holds {dtype} values, not {_KINDS.get(kinds, 'plain ones')}")
    if all(side >= 0 for side in shape) and file.tell() + dtype.itemsize * math.prod(shape) > size:
        raise ValueError(f"`{strict.shorten(name)}` has shape {shape}, and {size:,} bytes, which are fewer")
    return shape


def build_for_weights(held: Mapping[str, Shape], path: Path, network: Callable[[], keras.Model]) -> keras.Model:
    """Return what `network` builds if it needs just the arrays that are `held`; until then it has no memory.

    Within a stateless scope Keras puts off the values of the variables that are made: that of a network of 60,000
    units, which somebody has written beside the weights of one of 3, would be 107 GiB.
    """
    import keras
    from keras.src.backend.common import global_state
    from keras.src.backend.common.variables import initialize_all_variables

    try:
        with keras.StatelessScope(initialize_variables=False):
            model = network()
        _refuse_difference(path, held, {key: tuple(one.shape) for key, one in name_weights(model).items()})
    except BaseException:
        global_state.set_global_attribute("uninitialized_variables", [])  # else the next scope would make them
        raise
    initialize_all_variables()
    return model


def load_weights(folder: Path, model: keras.Model) -> None:
    """Assign the weights once all of them are right, so that nothing is half loaded."""
    variables = name_weights(model)
    expected = {name: tuple(weight.shape) for name, weight in variables.items()}
    _refuse_difference(folder / FILE, read_shapes(folder), expected)
    arrays = read_weights(folder)
    for name, weight in variables.items():
        weight.assign(arrays[name])


def read_weights(folder: Path) -> dict[str, np.ndarray]:
    """Return all weights of a folder by their paths; ConfigError for a file that is damaged, or values not finite."""
    path, shapes = folder / FILE, read_shapes(folder)
    with strict.open_file(folder, FILE) as file:
        try:
            with np.load(file, allow_pickle=False) as archive, np.errstate(over="ignore"):
                arrays = {name: archive[name].astype(np.float32) for name in shapes}
        except DAMAGES as error:
            raise _make_damage_error(path, error) from None
    if infinite := [name for name, values in arrays.items() if not np.isfinite(values).all()]:
        raise ConfigError(f"{path}: `{infinite[0]}` has values that are not finite numbers")
    return arrays


def _refuse_difference(path: Path, saved: Mapping[str, Shape], expected: Mapping[str, Shape]) -> None:
    problems = [f"{path}: `{key}` is missing" for key in expected if key not in saved]
    problems += [f"{path}: `{strict.shorten(key)}` belongs to no layer" for key in saved if key not in expected]
    problems += [
        f"{path}: `{key}` has shape {saved[key]}, the model needs {shape}"
        for key, shape in expected.items()
        if key in saved and saved[key] != shape
    ]
    if problems:
        more = [f"{path}: and {len(problems) - MAX_LISTED:,} more"] if len(problems) > MAX_LISTED else []
        raise ConfigError(*problems[:MAX_LISTED], *more)


def _make_damage_error(path: Path, error: BaseException) -> ConfigError:
    return ConfigError(f"{path}: cannot be read as weights: {strict.shorten(error) or type(error).__name__}")
