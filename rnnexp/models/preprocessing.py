"""How raw input becomes what a network takes, rebuilt from what was saved beside its weights, and held against them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rnnexp import registry, strict
from rnnexp.data.spec import TaskSpec
from rnnexp.errors import DataError, RnnexpError

FILE = "preprocessing.json"


def rebuild(saved: Mapping[str, Any], spec: TaskSpec) -> Any:
    """Return the Preprocessor of rows, a pipeline or a Language that was saved; DataError if it is damaged, or if the
    network of this spec takes something else.
    """
    try:
        preprocessor = registry.lookup("task", spec.task)().preprocessor(saved)
    except RnnexpError as error:
        raise DataError(f"{FILE}: {strict.shorten(error)}") from None
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise DataError(f"{FILE}: is damaged: {strict.shorten(repr(error))}") from None
    if problem := preprocessor.mismatch(spec):
        raise DataError(f"{FILE}: {problem}: it is of another model, or damaged")
    return preprocessor
