"""What baselines have computed, kept in the user's cache for other processes: jobs of a sweep, and the next run.

A file is plain arrays and JSON, never a pickle, for its owner alone. It is found by all that decides about the numbers:
the data with their parts, our code, the libraries, the machine and how many threads compute; what is damaged is
computed anew.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from time import process_time
from typing import Any, TypeVar, get_args, get_type_hints
from zipfile import BadZipFile

import numpy as np

from rnnexp import registry, runtime
from rnnexp.data.dataset import Dataset
from rnnexp.disk import put_whole
from rnnexp.runtime.digests import hash_own_code, hash_plugins
from rnnexp.runtime.machine import find_version, make_cache_folder

T = TypeVar("T")

FOLDER = "baselines"
MIN_SECONDS = 0.2  # of all cores together: what takes less is not kept
MAX_BYTES, MAX_FILE_BYTES = 200 * 2**20, 64 * 2**20
LIBRARIES = ("numpy", "scipy", "scikit-learn")
TREE = "tree"  # the array that holds JSON

log = logging.getLogger("rnnexp")


@dataclass(frozen=True)
class Kept:
    """How a value is kept.

    kinds: the classes of the baselines in it;  complete: adds all that a file leaves out
    texts: that baselines read, where the digest of the data is of their tokens
    """

    kinds: Sequence[Any] = ()
    complete: Callable[[Any], Any] = lambda value: value
    texts: Sequence[str] = ()


def remember(dataset: Dataset, what: str, compute: Callable[[], T], kept: Kept) -> T:
    """Return what another process has computed of these data, completed, or compute it, and keep what took long.

    Data that are held against those of another run are always computed: their summary does not tell of both.
    """
    folder = make_cache_folder() if runtime.takes_cached and "train" in dataset.parts else None
    if folder is None:
        return compute()
    key = _make_key(dataset, what, kept.texts)
    path = folder / FOLDER / f"{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:32]}.npz"
    kinds = _list_classes(kept.kinds)
    # Whatever is wrong with a file, it is made again: a baseline checks what it is made of, too.
    with suppress(OSError, EOFError, BadZipFile, ValueError, TypeError, KeyError, IndexError):
        found: T = kept.complete(_read(path, key, kinds))
        os.utime(path)  # the oldest leave first
        return found
    began = process_time()
    made = compute()
    if process_time() - began >= MIN_SECONDS:
        _keep(path, key, made, kinds)
    return made


def _make_key(dataset: Dataset, what: str, texts: Sequence[str]) -> list[str]:
    """List all that decides about what is computed."""
    indices = {name: np.ascontiguousarray(part.indices) for name, part in dataset.parts.items()}
    parts = [f"{name} {hashlib.sha256(own.data).hexdigest()}" for name, own in indices.items()]
    parts.append(hashlib.sha256(json.dumps(list(texts)).encode()).hexdigest())
    own = [dataset.spec.task, what, dataset.summary.digest, dataset.scored, str(dataset.season), *parts]
    return [*own, str(runtime.count_threads()), *_list_versions(tuple(registry.list_plugins()))]


def _list_versions(plugins: tuple[str, ...]) -> tuple[str, ...]:
    """Return what computes: code of ours and of plugins, libraries, and the machine, whose processor rounds."""
    digests = [digest for files in hash_plugins(plugins).values() for digest in files.values()]
    libraries = [f"{name} {find_version(name)}" for name in LIBRARIES]
    machine = (platform.python_version(), platform.machine(), platform.node())
    return (*digests, hash_own_code(), *libraries, *machine)


def _list_classes(kinds: Sequence[Any]) -> Mapping[str, type]:
    """Return the dataclasses that baselines are made of, by name: nothing else is made from a file."""
    found: dict[str, type] = {}
    waiting = list(kinds)
    while waiting:
        one = waiting.pop()
        if is_dataclass(one) and isinstance(one, type) and one.__name__ not in found:
            found[one.__name__] = one
            waiting += get_type_hints(one, include_extras=True).values()
        waiting += get_args(one)
    return found


def _read(path: Path, key: list[str], kinds: Mapping[str, type]) -> Any:
    """Raises ValueError or another of those that `remember` knows where there is nothing to be read."""
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        arrays = [file[str(number)] for number in range(len(file.files) - 1)]
        kept = json.loads(file[TREE].tobytes())
    if kept["key"] != key:
        raise ValueError("it is of something else")
    return _decode(kept["value"], arrays, kinds)


def _keep(path: Path, key: list[str], made: Any, kinds: Mapping[str, type]) -> None:
    """Write a file, and remove the oldest while all together are too large."""
    arrays: list[np.ndarray] = []
    try:
        tree = json.dumps({"key": key, "value": _encode(made, arrays, kinds)}).encode()
        if len(tree) + sum(array.nbytes for array in arrays) > MAX_FILE_BYTES:
            return
        path.parent.mkdir(exist_ok=True, mode=0o700)
        put_whole(path, lambda new: _write(new, tree, arrays))
        kept = sorted(path.parent.glob("*.npz"), key=os.path.getmtime, reverse=True)
        sizes = np.cumsum([one.stat().st_size for one in kept])
        for one, size in zip(kept, sizes):
            if size > MAX_BYTES:
                one.unlink(missing_ok=True)
    except (OSError, TypeError) as error:  # a full disk, another process that removes, or what is none of these kinds
        log.debug("%s: %s", path, error)


def _write(new: Path, tree: bytes, arrays: list[np.ndarray]) -> None:
    with new.open("wb") as file:  # NumPy would add an ending to a name
        named: dict[str, Any] = {str(number): array for number, array in enumerate(arrays)}
        np.savez(file, **{**named, TREE: np.frombuffer(tree, np.uint8)})


def _encode(value: Any, arrays: list[np.ndarray], kinds: Mapping[str, type]) -> Any:
    """Return JSON for a value, and put its arrays into a list. Raises TypeError for what is not plain."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [_encode(one, arrays, kinds) for one in value]}
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"dict": {key: _encode(one, arrays, kinds) for key, one in value.items()}}
    name = type(value).__name__
    if kinds.get(name) is not type(value):
        raise TypeError(f"{name} is not kept")
    kept = [item.name for item in fields(kinds[name]) if item.metadata.get("kept", True)]
    return {"class": name, "fields": {key: _encode(getattr(value, key), arrays, kinds) for key in kept}}


def _decode(value: Any, arrays: list[np.ndarray], kinds: Mapping[str, type]) -> Any:
    if not isinstance(value, dict):
        return value
    if "class" in value:
        return kinds[value["class"]](**{key: _decode(one, arrays, kinds) for key, one in value["fields"].items()})
    ((kind, inner),) = value.items()
    if kind == "array":
        return arrays[inner]
    if kind == "dict":
        return {key: _decode(one, arrays, kinds) for key, one in inner.items()}
    return {"list": list, "tuple": tuple}[kind](_decode(one, arrays, kinds) for one in inner)
