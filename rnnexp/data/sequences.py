"""Independent sequences: shuffled once with a seed, split, and fed whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data.dataset import Arrays, Dataset, Part, Predictions, Summary
from rnnexp.data.spec import InputSpec, TaskSpec
from rnnexp.errors import DataError

if TYPE_CHECKING:
    from rnnexp.data.source import SequenceSource


@dataclass(frozen=True, kw_only=True)
class SequenceDataset(Dataset):
    """Examples that have nothing to do with each other: one sequence in, numbers or a class out."""

    @property
    def steps(self) -> int:
        return 1

    def restore(self, part: str, outputs: np.ndarray) -> Predictions:
        """Put outputs beside the truth: (n, 1, outputs), or probabilities (n, classes) and labels (n,)."""
        chosen = self.parts[part]
        actual = chosen.arrays["y"][chosen.indices]
        if self.spec.task == "classification":
            return Predictions(np.asarray(outputs, np.float64), actual)
        predicted = np.asarray(outputs, np.float64).reshape(actual.shape)[:, None]
        return Predictions(predicted, actual.astype(np.float64)[:, None])


def assemble(source: SequenceSource) -> SequenceDataset:
    """Load a source of independent sequences; mistakes in the data raise DataError."""
    inputs, targets = _arrays(source)
    y, classes = _targets(source, targets)
    parts = split(source, len(inputs))
    scaled, scaling, notes = _scale(source, inputs, parts["train"])
    arrays = {"x": scaled.astype(np.float32), "y": y}
    outputs = (len(classes),) if classes else y.shape[1:]
    names = ("label",) if classes else tuple(f"target_{i}" for i in range(y.shape[1]))
    return SequenceDataset(
        spec=TaskSpec(
            source.task,
            {"past": InputSpec(inputs.shape[1:])},
            outputs,
            classes=classes,
            targets=names,
            loss="cross_entropy" if classes else "mse",
        ),
        parts={name: Part(arrays, indices) for name, indices in parts.items()},
        batch=batch,
        summary=Summary(
            source=source.name,  # type: ignore[attr-defined]
            rows=len(inputs),
            series=len(inputs),
            sizes={name: len(indices) for name, indices in parts.items()},
            digest=_digest(source, inputs, targets),
            units=source.units or "",
            notes=tuple(notes),
        ),
        scored="train" if source.split == "none" else "test",
        scaling=scaling,
    )


def batch(arrays: Arrays, indices: Any) -> tuple[Any, Any, None]:
    """Gather examples: x (b, time, features), y (b, outputs) numbers or (b,) classes."""
    return arrays["x"][indices], arrays["y"][indices], None


def split(source: SequenceSource, examples: int) -> dict[str, np.ndarray]:
    """Share out shuffled examples; with `folds` those outside the test part are shared out again."""
    sizes = _sizes(source, examples)
    shuffle = np.random.Generator(np.random.Philox(np.random.SeedSequence([source.seed, examples])))
    ends = np.cumsum(list(sizes.values()))
    order = shuffle.permutation(examples) if source.split != "none" else np.arange(examples)
    pieces = dict(zip(sizes, np.split(order[: ends[-1]], ends[:-1])))
    if source.folds is not None:
        rest = np.concatenate([piece for name, piece in pieces.items() if name != "test"])
        blocks = np.array_split(rest, source.folds)
        held_out = blocks.pop(source.fold - 1)
        pieces = {"train": np.concatenate(blocks), "val": held_out, "test": pieces["test"]}
    for name, piece in pieces.items():
        if len(piece) == 0:
            raise DataError(f"the {name} part has no example out of {examples}; change data.split")
    return {name: np.sort(piece).astype(np.int32) for name, piece in pieces.items()}


def _sizes(source: SequenceSource, examples: int) -> dict[str, int]:
    if source.split == "none":
        return {"train": examples}
    given, fractions = source.split, source.split.kind() == "fractions"
    train, val = (
        int(examples * float(size or 0) + 1e-9) if fractions else int(size or 0) for size in (given.train, given.val)
    )
    test = given.test if isinstance(given.test, int) else examples - train - val
    if train + val + test > examples:
        raise DataError(f"data.split asks for {train + val + test} examples; there are {examples}")
    return {"train": train} | ({"val": val} if val else {}) | {"test": test}


def _arrays(source: SequenceSource) -> tuple[np.ndarray, np.ndarray]:
    inputs, targets = (np.asarray(array) for array in source.read())
    if inputs.ndim != 3 or len(inputs) != len(targets):
        raise DataError(
            f"data.{source.name}: inputs must be (examples, time, features) with one target each; "  # type: ignore[attr-defined]
            f"they are {inputs.shape} with targets {targets.shape}"
        )
    bad = np.argwhere(~np.isfinite(inputs))
    if len(bad):
        raise DataError(f"example {bad[0][0]}, step {bad[0][1]}, feature {bad[0][2]} is not a finite number")
    return inputs, targets


def _targets(source: SequenceSource, targets: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    if source.task == "classification":
        labels, y = np.unique(targets, return_inverse=True)
        if len(labels) < 2:
            raise DataError(f"classification needs at least 2 labels; the data have {labels.tolist()}")
        return y.astype(np.int32), tuple(str(label) for label in labels)
    y = targets.reshape(len(targets), -1).astype(np.float32)
    if not np.isfinite(y).all():
        raise DataError(f"the target of example {int(np.argwhere(~np.isfinite(y))[0][0])} is not a finite number")
    return y, ()


def _scale(
    source: SequenceSource, inputs: np.ndarray, train: np.ndarray
) -> tuple[np.ndarray, Mapping[str, Any], list[str]]:
    """Standardise each feature over the training examples, all steps together."""
    if source.scaler == "none":
        return inputs, {}, []
    rows = inputs[train].reshape(-1, inputs.shape[-1]).astype(np.float64)
    flat = rows.min(axis=0) == rows.max(axis=0)
    mean, deviation = rows.mean(axis=0), np.where(flat, 1.0, rows.std(axis=0))
    notes = [f"feature {i} is constant in the training part: divided by 1" for i in np.flatnonzero(flat)]
    return (inputs - mean) / deviation, {"mean": mean.tolist(), "deviation": deviation.tolist()}, notes


def _digest(source: SequenceSource, inputs: np.ndarray, targets: np.ndarray) -> str:
    sha = hashlib.sha256(np.ascontiguousarray(inputs).tobytes())
    sha.update(np.ascontiguousarray(targets).tobytes())
    sha.update(json.dumps(asdict(source), sort_keys=True, default=str).encode())
    return sha.hexdigest()[:32]
