"""What MLflow writes for a model of a kind, kept in this process and in the user's cache: to have it written again it
must be imported, and takes a quarter of a second.

Two models are of a kind if MLflow would write the same for both, but for what names the model. The cache holds the
example, a few raw rows, with the rest; it is for its owner alone.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rnnexp.disk import put_whole
from rnnexp.runtime.machine import find_version, make_cache_folder
from rnnexp.tracking.mlflow_import import ENVIRONMENT

MAX_KEPT = 16
MAX_BYTES = 1 << 20
_PLAIN = {"str", "float", "int", "bool", "NoneType"}  # of which MLflow tells a column by the types in it
_BUILD = ("mlflow", "pip", "setuptools", "wheel")  # whose versions are among what it writes

log = logging.getLogger("rnnexp")


@dataclass(frozen=True)
class ModelTemplate:
    """What models have in common: MLmodel, the texts beside it, and the size of these in bytes as MLflow counts it."""

    about: Mapping[str, Any]
    files: Mapping[str, str]
    size: int


_templates: dict[str, ModelTemplate] = {}


def name_kind(rows: Any, outputs: Any, asked: object) -> str:
    """Name the kind of a model by its example, the types of what it answers, all else that is `asked`, and by what
    MLflow looks at by itself.
    """
    settings = {name: value for name, value in os.environ.items() if name.startswith("MLFLOW_")}
    versions = [*map(find_version, _BUILD), *sys.version_info]
    looked_at = [sorted({**ENVIRONMENT, **settings}.items()), versions, os.getcwd() if _is_uv_project() else None]
    kind = repr((_describe(rows, _list_content), _describe(outputs, _describe_column), asked, looked_at))
    return hashlib.sha256(kind.encode(errors="surrogatepass")).hexdigest()


def _describe(table: Any, column_of: Callable[[Any], Any]) -> Any:
    """Tell of a table its columns, of an array its shape but for the number of rows, and what is said of the values."""
    if hasattr(table, "columns"):
        return [(name, str(column.dtype), column_of(column.to_numpy())) for name, column in table.items()]
    shape = getattr(table, "shape", (0,))[1:]
    return type(table).__name__, shape, column_of(table) if isinstance(table, np.ndarray) else _list_content(table)


def _list_content(value: Any) -> Any:
    """Return all that is in a value, of which `repr` leaves out a part if it is long."""
    if isinstance(value, np.ndarray) and value.dtype.kind != "O":
        return str(value.dtype), value.shape, value.tobytes()
    return [*map(_list_content, value)] if isinstance(value, np.ndarray | list | tuple) else repr(value)


def _describe_column(values: np.ndarray) -> Any:
    """Tell of outputs what makes a difference to how MLflow describes them."""
    if values.dtype.kind in "iub":
        return str(values.dtype)
    if values.dtype.kind in "fM":
        return str(values.dtype), bool(np.isnan(values).any())
    types = {type(value).__name__ for value in values.ravel()}
    return sorted(types) if types <= _PLAIN else _list_content(values)


def _is_uv_project() -> bool:
    """Say whether MLflow takes requirements from a file of the working directory, which may change."""
    return Path("uv.lock").exists()


def find_template(kind: str) -> ModelTemplate | None:
    """Return what MLflow has written for a kind of model; None if it is to be asked."""
    path = _find_path(kind)
    if kind not in _templates and path:
        with suppress(OSError, ValueError, TypeError):  # not there, or damaged
            _keep(kind, ModelTemplate(**json.loads(path.read_text(encoding="utf-8"))))
    return _templates.get(kind)


def save_template(kind: str, template: ModelTemplate) -> None:
    """Keep what MLflow has written for a kind of model."""
    _keep(kind, template)
    path = _find_path(kind)
    try:
        text = json.dumps(asdict(template))
        if path is None or len(text) > MAX_BYTES:
            return
        path.parent.mkdir(exist_ok=True, mode=0o700)
        put_whole(path, lambda new: new.write_text(text, encoding="utf-8"))
        for old in sorted(path.parent.iterdir(), key=os.path.getmtime)[:-MAX_KEPT]:
            old.unlink()
    except (OSError, TypeError) as error:  # a full disk, or what is no JSON
        log.debug("%s: %s", path, error)


def _keep(kind: str, template: ModelTemplate) -> None:
    while len(_templates) >= MAX_KEPT:
        del _templates[next(iter(_templates))]
    _templates[kind] = template


def _find_path(kind: str) -> Path | None:
    folder = None if _is_uv_project() else make_cache_folder()
    return folder / "models" / f"{kind}.json" if folder else None
