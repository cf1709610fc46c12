"""Which names `metrics` may hold: Keras's own, read from its source without importing it, and registered ones."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from rnnexp import registry
from rnnexp.config import loss_names
from rnnexp.errors import ConfigError, did_you_mean
from rnnexp.task import ACCURACY, reported

# What `rnnexp.training.prepare` gives a class of its own choosing, beside what `keras.metrics.get` knows.
RENAMED = {"rmse": "RootMeanSquaredError", "r2": "R2Score", "auc": "AUC"}
SHORT = {**RENAMED, **dict.fromkeys(ACCURACY, "Accuracy")}
# Keras gets classes (n,) or (b, time) beside their logits, or numbers (n, outputs), or forecasts (n, horizon, targets).
OF_CLASSES = ("SparseCategoricalAccuracy", "SparseCategoricalCrossentropy", "SparseTopKCategoricalAccuracy")
# Of numbers: the last two are several at once, which no log takes.
REFUSED = (*OF_CLASSES, "F1Score", "FBetaScore")


def mistakes(given: Collection[str], spec: Any) -> list[str]:
    """Return a line for each name that training would refuse; `spec` is the TaskSpec of the data, None if not known."""
    if not given:
        return []  # most experiments name none: nothing is read
    known = {**_identifiers(), **SHORT, **dict.fromkeys(registry.names("metric"))}
    return [f"metrics: {problem}" for name in given if (problem := _problem(name, spec, known))]


def accepted(spec: Any) -> list[str]:
    """List what Keras can compute in each epoch of such data, by every name that it has."""
    known = {**_identifiers(), **SHORT}
    return sorted(name for name in known if _problem(name, spec, known) is None)


def _problem(name: str, spec: Any, known: dict[str, str | None]) -> str | None:
    if name not in known:
        return _unknown(name, spec, known)
    cls = known[name]
    of_strings = spec is not None and spec.loss in loss_names.OF_STRINGS
    if cls is None or (name in ACCURACY and not of_strings):  # registered, or chosen by Keras to fit the task
        return None
    definition = _classes()[cls]
    if not _compares(definition):
        return f"`{name}` does not compare predictions with actual values"
    if needed := _required(definition):
        return f"`{name}` needs {', '.join(needed)}, which a name alone cannot give; register a metric of your own"
    if spec is not None and not _fits(cls, spec):
        what = "several quantiles" if spec.quantiles else spec.task
        return f"Keras cannot compute `{name}` of {what} while training; {_reported(spec)}"
    return None


def _unknown(name: str, spec: Any, known: dict[str, str | None]) -> str:
    if spec and name in reported(spec.task):
        return f"Keras has no metric `{name}`; {_reported(spec)}"
    choices = [choice for choice in known if choice == choice.lower() and _problem(choice, spec, known) is None]
    hint = did_you_mean(name, choices) or f"; choose from {', '.join(sorted(choices))}"
    return f"Keras has no metric `{name}`, and none is registered under this name{hint}"


def _reported(spec: Any) -> str:
    return f"the report at the end has {', '.join(reported(spec.task))} in any case"


def _fits(cls: str, spec: Any) -> bool:
    """Say whether Keras can compare what a network gives with the truth."""
    if spec.loss in loss_names.OF_STRINGS:
        return False
    if spec.loss in loss_names.OF_CLASSES:
        return cls in OF_CLASSES
    return not spec.quantiles and cls not in REFUSED and (cls != "R2Score" or len(spec.output_shape) == 1)


@cache
def _identifiers() -> dict[str, str | None]:
    """Map every name that `keras.metrics.get` knows to its class: CamelCase, snake_case, and aliases such as mse."""
    tree = ast.parse((_folder() / "__init__.py").read_text(encoding="utf-8"))
    listed = [item.id for node in tree.body for item in _all_objects(node)]
    aliases: dict[str, str | None] = {
        str(key.value): value.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Dict)
        for key, value in zip(node.keys, node.values)
        if isinstance(key, ast.Constant) and isinstance(value, ast.Name)
    }
    return {**{name: name for name in listed}, **{_snake_case(name): name for name in listed}, **aliases}


def _all_objects(node: ast.stmt) -> Iterator[ast.Name]:
    if (
        isinstance(node, ast.Assign)
        and ast.unparse(node.targets[0]) == "ALL_OBJECTS"
        and isinstance(node.value, ast.Set)
    ):
        yield from (item for item in node.value.elts if isinstance(item, ast.Name))


def _snake_case(name: str) -> str:
    """Do as Keras does: `MeanIoU` becomes `mean_io_u`, `F1Score` becomes `f1_score`."""
    return re.sub("([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)).lower()


@cache
def _classes() -> dict[str, ast.ClassDef]:
    files = (path for path in sorted(_folder().glob("*.py")) if not path.stem.endswith("_test"))
    nodes = (node for path in files for node in ast.parse(path.read_text(encoding="utf-8")).body)
    return {node.name: node for node in nodes if isinstance(node, ast.ClassDef)}


def _folder() -> Path:
    spec = importlib.util.find_spec("keras")
    if spec is None or spec.origin is None:
        raise ConfigError("metrics: Keras is not installed; run: pip install 'keras>=3.15.1'")
    return Path(spec.origin).parent / "src" / "metrics"


def _compares(definition: ast.ClassDef) -> bool:
    """Tell metrics from sums and means of whatever they are given."""
    return [argument.arg for argument in _method(definition, "update_state").args][1:2] == ["y_true"]


def _required(definition: ast.ClassDef) -> list[str]:
    signature = _method(definition, "__init__")
    positional = [argument.arg for argument in signature.args]
    return positional[1 : len(positional) - len(signature.defaults)]


def _method(definition: ast.ClassDef, name: str) -> Any:
    """Return the arguments of a method, which may be written in a base class."""
    for node in definition.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return node.args
    bases = (ast.unparse(base).rpartition(".")[2] for base in definition.bases)
    return _method(next(_classes()[base] for base in bases if base in _classes()), name)
