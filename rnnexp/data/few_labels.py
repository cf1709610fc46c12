"""Few labels: of each class so many training examples keep theirs, the others only serve to learn what inputs are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import Field

from rnnexp.config.settings import SINCE
from rnnexp.errors import DataError
from rnnexp.registry import settings

if TYPE_CHECKING:
    import numpy as np

T = TypeVar("T")
UNLABELED = "unlabeled"  # the part that no score is of, and no label is read of


@settings
class FewLabels:
    """What is learned without labels, beside examples that have one."""

    labels_per_class: int | None = Field(
        None,
        ge=1,
        description="Training examples of each class that keep their label, chosen at random by the seed; the others "
        "are unlabeled. null: all.",
        json_schema_extra={SINCE: "0.1"},
    )
    unlabeled: str | None = Field(
        None,
        min_length=1,
        description="More examples for pretrain, without labels: a file or glob as path is, labels in it are not read; "
        "of texts one on each line. Looked up here, then in root.",
        json_schema_extra={SINCE: "0.1"},
    )

    def unlabeled_source(self) -> Any:
        """Return the source that reads `unlabeled` alone: nothing of it is validated or tested on."""
        from dataclasses import fields, replace

        others = {one.name: None for one in fields(self) if one.name.startswith(("test_", "val_"))}
        alone: Any = {**others, "path": self.unlabeled, "unlabeled": None, "labels_per_class": None}
        return replace(self, **alone)


def choose_labeled(source: Any, pieces: Mapping[str, np.ndarray], classes: np.ndarray | None) -> dict[str, np.ndarray]:
    """Move training examples to the unlabeled ones, but for as many of each class as keep their label.

    Raises DataError for a class that has fewer.
    """
    import numpy as np

    wanted, train = vars(source).get("labels_per_class"), pieces["train"]
    if wanted is None or classes is None:
        return dict(pieces)
    generator = np.random.Generator(np.random.Philox(np.random.SeedSequence([source.seed, wanted, len(train)])))
    shuffled = train[generator.permutation(len(train))]
    kept = []
    for one in np.unique(classes[train]):
        own = shuffled[classes[shuffled] == one]
        if len(own) < wanted:
            raise DataError(
                f"data.labels_per_class: {wanted} given, but a class has {len(own)} examples in the training set"
            )
        kept.append(own[:wanted])
    chosen = np.sort(np.concatenate(kept))
    rest = np.setdiff1d(np.concatenate([train, pieces.get(UNLABELED, train[:0])]), chosen)
    return {**pieces, "train": chosen, **({UNLABELED: rest} if len(rest) else {})}


def list_labeled(parts: Mapping[str, T]) -> dict[str, T]:
    """Return the parts whose labels are read."""
    return {name: part for name, part in parts.items() if name != UNLABELED}


def list_learned(pieces: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the examples that inputs are learned from, ascending: scalers and vocabularies ask for no label."""
    import numpy as np

    return np.sort(np.concatenate([pieces[name] for name in ("train", UNLABELED) if name in pieces]))
