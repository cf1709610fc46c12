"""Lines of marks as numbers, and what a saved model has to know of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data.dataset import WHOLE, Dataset, Part, Predictions, Summary, digest
from rnnexp.data.shares import share_out
from rnnexp.data.spec import TaskSpec
from rnnexp.errors import DataError
from rnnexp.tasks.requests import Draft

if TYPE_CHECKING:
    from pandas import DataFrame


def read_lines(path: str, length: int | None = None) -> list[str]:
    lines = Path(path).read_text().split()
    for number, line in enumerate(lines, start=1):
        if set(line) - set(".|") or len(line) != (length or len(line)):
            raise DataError(f"{path}, line {number}: `{line}` is no line of {length} marks")
    return lines


@dataclass(frozen=True)
class Pipeline:
    """How many marks a line has."""

    length: int

    def inputs(self, lines: Sequence[str]) -> np.ndarray:
        """Return what a network takes, (n, length, 1)."""
        if wrong := [line for line in lines if len(line) != self.length]:
            raise DataError(f"`{wrong[0]}`: the model takes lines of {self.length} marks")
        return np.array([[[char == "|"] for char in line] for line in lines], np.float32)

    def mismatch(self, spec: TaskSpec) -> str:
        return "" if spec.inputs["past"].shape == (self.length, 1) else "the network takes other lines"

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Pipeline:
        return cls(int(saved["length"]))


@dataclass(frozen=True, kw_only=True)
class LineDataset(Dataset):
    lines: tuple[str, ...]

    def restore(self, part: str, outputs: np.ndarray) -> Predictions:
        """Return whole counts (n,) beside the true ones."""
        chosen = self.parts[part]
        return Predictions(counts(outputs), chosen.arrays["y"][chosen.indices, 0])

    def content(self, index: int) -> object:
        return self.lines[index]

    def example(self) -> DataFrame:
        import pandas

        return pandas.DataFrame({"marks": self.lines[:2]})


def counts(outputs: np.ndarray) -> np.ndarray:
    return np.asarray(np.round(np.logaddexp(0, np.asarray(outputs, np.float64)[:, 0])))


def batch(arrays: Mapping[str, Any], indices: Any) -> tuple[Any, Any, Any]:
    return arrays["x"][indices], arrays["y"][indices], None


def load(source: Any) -> LineDataset:
    lines = source.read()
    return _dataset(
        source, lines, share_out(source, None, None, len(lines)), "test" if source.split != "none" else "train"
    )


def apply(source: Any, pipeline: Pipeline, spec: TaskSpec) -> LineDataset:
    lines = source.read()
    pipeline.inputs(lines)
    return _dataset(source, lines, {WHOLE: np.arange(len(lines))}, WHOLE)


def _dataset(source: Any, lines: list[str], pieces: Mapping[str, np.ndarray], scored: str) -> LineDataset:
    pipeline = Pipeline(source.sequence_length)
    arrays = {"x": pipeline.inputs(lines), "y": np.array([[line.count("|")] for line in lines], np.float32)}
    return LineDataset(
        spec=source.outline(),
        parts={name: Part(arrays, np.asarray(indices, np.int32)) for name, indices in pieces.items()},
        batch=batch,
        summary=Summary(source.path, len(lines), 1, {k: len(v) for k, v in pieces.items()}, digest(source, lines)),
        scored=scored,
        scaling={"kind": "marks", "length": pipeline.length},
        lines=tuple(lines),
    )


def inspect(path: str, given: Mapping[str, Any]) -> Draft:
    """Propose an experiment for a file of lines."""
    lines = read_lines(path)
    return Draft(
        [f"{path}: {len(lines)} lines of {len(lines[0])} marks"],
        "How many marks are there?",
        {"data": "marks", "model": "summing_head"},
        {"path": path, "sequence_length": len(lines[0])},
    )
