"""Where a training stands, whole: from a snapshot it goes on as if it had never been put down.

Variables are known by their place and their path, in which the numbers that Keras appends to its own names are left
out: these depend on what the process has built before.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from rnnexp.errors import ConfigError
from rnnexp.training.plan import Rows

Tree = Any  # mappings within mappings; arrays or numbers at their ends
Arrays = Mapping[str, np.ndarray]

KINDS = "biufU"  # of NumPy's types: numbers and texts
STOPPED = "state/stopped"  # where the compiled engine has why it has ended
MAX_LISTED = 3  # differences that a message lists
_NUMBER = re.compile(r"_\d+(?=$|[/_])")


@dataclass(frozen=True)
class Position:
    """The plain facts of a snapshot.

    engine, backend: what trained
    epoch:   epochs that are done;  step: gradient steps of the next one that are done, too
    company: epochs of the ensemble, whose members go on side by side; equal to `epoch` for one alone
    stop:    why the training has ended before its last epoch; None if it has not
    seconds: wall time so far
    run:     what the caller has noted beside it
    """

    engine: str
    backend: str
    epoch: int
    step: int = 0
    company: int = 0
    stop: str | None = None
    seconds: float = 0.0
    run: dict[str, Any] = field(default_factory=dict)

    def require(self, engine: str, backend: str) -> None:
        """Raise ConfigError for a snapshot of another engine or backend, whose arithmetic is another one."""
        if (self.engine, self.backend) != (engine, backend):
            raise ConfigError(
                f"it is of engine {self.engine or 'none'} on {self.backend or 'no backend'}, "
                f"this training is of engine {engine} on {backend}"
            )


@dataclass(frozen=True)
class Snapshot:
    """A training between two of its steps: `arrays` by path, and its position."""

    arrays: Arrays
    position: Position

    def part(self, name: str) -> dict[str, np.ndarray]:
        """Return the arrays below a name, by the rest of their paths."""
        return select_below(self.arrays, name)

    def reopened(self) -> Snapshot:
        """Return it as of a training that has not ended, though it had more epochs left."""
        arrays = {path: np.zeros_like(array) if path == STOPPED else array for path, array in self.arrays.items()}
        position = self.position  # the compiled engine may have counted epochs that were not trained any more
        return Snapshot(arrays, replace(position, stop=None, company=position.epoch))

    def rows(self) -> list[dict[str, float]]:
        """Return the metrics of the epochs that are done."""
        columns = {name: array.tolist() for name, array in self.part("history").items()}
        return [dict(zip(columns, values)) for values in zip(*columns.values())]


def select_below(arrays: Arrays, name: str) -> dict[str, np.ndarray]:
    """Return the arrays below a name, by the rest of their paths."""
    return {path[len(name) + 1 :]: array for path, array in arrays.items() if path.startswith(f"{name}/")}


def encode_values(values: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return what somebody remembers as arrays: arrays as they are, lists of them, and as JSON what is plain.

    Objects of any other kind are left out: `find_left_out`.
    """
    arrays: dict[str, np.ndarray] = {}
    for name, value in values.items():
        if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in KINDS:
            arrays[f"array/{name}"] = np.asarray(value)
        elif isinstance(value, list) and value and all(isinstance(one, np.ndarray) for one in value):
            arrays |= {f"arrays/{name}/{place:04d}": one for place, one in enumerate(value)}
        elif (text := _write_plain(value)) is not None:
            arrays[f"plain/{name}"] = np.array(text)
    return arrays


def find_left_out(values: Mapping[str, Any], arrays: Arrays) -> list[str]:
    """Return the names of values that are not among the arrays which `encode_values` has made of them."""
    ways = ("plain/{}", "array/{}", "arrays/{}/0000")
    return [name for name in values if not any(way.format(name) in arrays for way in ways)]


def _write_plain(value: Any) -> str | None:
    """Return what is of plain values as JSON; None for what would come back as something else."""
    try:
        text = json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return None
    return text if repr(json.loads(text)) == repr(value) else None


def decode_values(arrays: Arrays) -> dict[str, Any]:
    """Return what `encode_values` was given."""
    plain = {name: json.loads(str(text)) for name, text in select_below(arrays, "plain").items()}
    single = {name: array[()] for name, array in select_below(arrays, "array").items()}
    lists: dict[str, list[np.ndarray]] = {}
    for path, array in sorted(select_below(arrays, "arrays").items()):
        lists.setdefault(path.rpartition("/")[0], []).append(array)
    return {**plain, **single, **lists}


def make_columns(rows: Rows) -> dict[str, np.ndarray]:
    """Return the metrics of epochs as arrays (epochs,)."""
    return {name: np.array([row[name] for row in rows], np.float64) for name in (rows[0] if rows else ())}


def name_variables(variables: Sequence[Any]) -> list[str]:
    """Return a name for each of Keras's variables, the same in every process that builds the same."""
    return [f"{place:04d}/{_NUMBER.sub('', variable.path)}" for place, variable in enumerate(variables)]


def flatten(tree: Tree, path: str = "") -> dict[str, np.ndarray]:
    """Return the arrays of a tree by their paths."""
    if not isinstance(tree, Mapping):
        return {path: np.asarray(tree)}
    below = (flatten(value, f"{path}/{key}" if path else str(key)) for key, value in tree.items())
    return {name: array for part in below for name, array in part.items()}


def fill(template: Tree, arrays: Arrays, besides: Sequence[str] = ()) -> Tree:
    """Return a tree like `template` of other arrays; ConfigError if these are not just those that it has.

    What is below one of the names `besides` is left to others.
    """
    expected = flatten(template)
    arrays = {path: array for path, array in arrays.items() if path.partition("/")[0] not in besides}
    problems = [f"`{path}` is missing" for path in expected if path not in arrays]
    problems += [f"`{path}` belongs to nothing here" for path in arrays if path not in expected]
    problems += [
        f"`{path}` has shape {arrays[path].shape} of {arrays[path].dtype}, needed is {like.shape} of {like.dtype}"
        for path, like in expected.items()
        if path in arrays and (arrays[path].shape, arrays[path].dtype) != (like.shape, like.dtype)
    ]
    if problems:
        more = f", and {len(problems) - MAX_LISTED:,} more" if len(problems) > MAX_LISTED else ""
        raise ConfigError(f"it is of another training: {', '.join(problems[:MAX_LISTED])}{more}")
    return _put(template, arrays, "")


def _put(template: Tree, arrays: Arrays, path: str) -> Tree:
    if not isinstance(template, Mapping):
        return arrays[path]
    return {key: _put(value, arrays, f"{path}/{key}" if path else str(key)) for key, value in template.items()}


def name_lists(tree: Tree, names: Mapping[str, Sequence[str]]) -> Tree:
    """Return a tree whose lists of values of variables are mappings by their names."""
    if not isinstance(tree, Mapping):
        return tree
    return {
        key: dict(zip(names[key], value, strict=True)) if isinstance(value, list) else name_lists(value, names)
        for key, value in tree.items()
    }


def list_named(tree: Tree, names: Mapping[str, Sequence[str]]) -> Tree:
    """Undo `name_lists`."""
    if not isinstance(tree, Mapping):
        return tree
    return {key: [*value.values()] if key in names else list_named(value, names) for key, value in tree.items()}
