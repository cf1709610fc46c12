"""How raw input becomes what a network takes, rebuilt from what was saved beside its weights, and held against them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from rnnexp import strict
from rnnexp.data.spec import TaskSpec
from rnnexp.errors import DataError, RnnexpError

FILE = "preprocessing.json"

# The kind that preprocessing.json names -> what it is read as.
KINDS = {
    None: "rnnexp.tasks.forecasting.preprocess:Preprocessor",
    "sequences": "rnnexp.data.sequence_pipeline:SequencePipeline",
    "texts": "rnnexp.tasks.classification.texts:TextPipeline",
    "tags": "rnnexp.tasks.tagging.dataset:TagPipeline",
    "pairs": "rnnexp.tasks.sequence_to_sequence.dataset:PairPipeline",
    "language": "rnnexp.tasks.language_modeling.dataset:Language",
}


def rebuild(saved: Mapping[str, Any], spec: TaskSpec) -> Any:
    """Return the Preprocessor of rows, a pipeline or a Language that was saved; DataError if it is damaged, or if the
    network of this spec takes something else.
    """
    kind = saved.get("kind")
    place = KINDS.get(kind) if isinstance(kind, str | None) else None
    if place is None:
        raise DataError(
            f"the model takes `{strict.shorten(kind)}`, which this version does not know: "
            "install the one it was made with"
        )
    module, _, name = place.partition(":")
    try:
        found = getattr(import_module(module), name).from_json(saved)
    except RnnexpError as error:
        raise DataError(f"{FILE}: {strict.shorten(error)}") from None
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise DataError(f"{FILE}: is damaged: {strict.shorten(repr(error))}") from None
    if problem := found.mismatch(spec):
        raise DataError(f"{FILE}: {problem}: it is of another model, or damaged")
    return found
