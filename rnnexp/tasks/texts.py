"""Put a dataset of texts together: read, share out, learn a vocabulary from the training part, number."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.cells import is_number
from rnnexp.data import padding
from rnnexp.data.apply_sequences import apply_whole
from rnnexp.data.few_labels import list_labeled, list_learned
from rnnexp.data.labeled import Sequences
from rnnexp.data.leaks import check_labels
from rnnexp.data.sequences import SequenceDataset, Truth, labels_of, put_together
from rnnexp.data.shares import share_out, used
from rnnexp.data.spec import InputSpec, TaskSpec
from rnnexp.data.target_scaling import TargetScaling, fit_targets, read_scaling
from rnnexp.data.texts.corpus import Texts, classes, require_in_training
from rnnexp.data.texts.encoder import Encoder
from rnnexp.data.texts.prepare import prepare
from rnnexp.data.texts.vectors import vectors_of
from rnnexp.errors import DataError, count

if TYPE_CHECKING:
    from pandas import DataFrame

    from rnnexp.data.texts.source import LabeledTexts

KIND = "texts"
SEVERAL = re.compile(r"[\s;|,]+")  # between numbers of one cell
MOST_LABELS, FEW = 20, 3  # labels that are named one by one; texts of a label that may be there by mistake


@dataclass(frozen=True)
class TextPipeline:
    """What serving a model of texts needs to know of its data.

    columns: those of a table that they were in
    targets: how numbers to predict are scaled; None: they are as they were read
    """

    encoder: Encoder
    columns: tuple[str, ...] = ()
    targets: TargetScaling | None = None

    def inputs(self, texts: Sequence[str]) -> dict[str, Any]:
        """Return what a network takes; DataError names a text that is empty."""
        encoded = self.encoder.encode(texts)
        return padding.masked_inputs(padding.laid_out(encoded.ids, encoded.offsets), np.arange(len(texts)))

    def mismatch(self, spec: TaskSpec) -> str:
        """Say why a network of this spec is not for these texts; an empty string if it is."""
        fits = (spec.classes or spec.outputs == "numbers") and not spec.per_step
        other = "" if fits else "the network does not label texts"
        if self.targets and not other:
            other = self.targets.find_flaw(spec)
        return self.encoder.mismatch(spec.inputs.get("past")) or other

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        own: dict[str, Any] = {"columns": list(self.columns)} if self.columns else {}
        own |= {"targets": self.targets.to_json()} if self.targets else {}
        return {"kind": KIND, **self.encoder.to_json(), **own}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> TextPipeline:
        """Rebuild a pipeline from what `to_json` wrote."""
        columns = saved.get("columns", [])
        if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
            raise DataError(f"the columns of texts are damaged: {columns!r}"[:200])
        return cls(Encoder.from_json(saved), tuple(columns), read_scaling(saved.get("targets")))


@dataclass(frozen=True, kw_only=True)
class TextDataset(SequenceDataset):
    """Texts as sequences of tokens; `texts` are what was read."""

    texts: tuple[str, ...]

    def content(self, index: int) -> object:
        """Return what an example is told by."""
        return self.texts[index]

    def example(self) -> DataFrame:
        """Return two texts as a served model takes them."""
        import pandas

        first, *others = TextPipeline.from_json(self.scaling).columns or ("text",)  # of joined ones the rest are empty
        texts = [self.texts[int(i)] for i in self.parts["train"].indices[:2]]
        return pandas.DataFrame({first: texts, **dict.fromkeys(others, "")})


def load(source: LabeledTexts) -> TextDataset:
    """Load a source of texts; mistakes in the data raise DataError."""
    texts = source.read()
    truth = _tell_truth(source, texts)
    if more := source.read_unlabeled((texts.labels or ("",))[0]):
        texts = texts.join(more)
        truth = _tell_truth(source, texts)
    groups = None if texts.groups is None else np.array(texts.groups)
    pieces = share_out(source, np.array(texts.parts), truth.labels, len(texts), groups)
    chosen, pieces, unused = used(pieces, len(texts))
    if unused:
        texts = texts.take(chosen)
        truth = _tell_truth(source, texts)
    if truth.classes:
        check_labels(texts.labels or (), texts.places.name, "text", source.label_key(), numbers=True)
        require_in_training(texts, pieces["train"])
    prepared = prepare(texts, {**list_labeled(pieces), "train": list_learned(pieces)}, source.rules())
    vectors = vectors_of(source, prepared.encoder)
    notes = (
        *texts.notes,
        _labels(texts, truth.y, truth.classes) if truth.classes else _spread(truth.y),
        *_two_labels(texts, "label" if truth.classes else "number"),
        *prepared.notes,
        *(vectors.notes if vectors else ()),
        *unused,
    )
    texts = replace(texts, notes=notes)
    values = prepared.encoded.ids
    dimension = vectors.values.shape[1] if vectors else None
    past = InputSpec((None,), "int32", len(prepared.encoder.vocabulary), dimension)
    sequences = as_sequences(texts, prepared.encoded.offsets, values, None if truth.classes else truth.y)
    targets = fit_targets(source, truth.y, pieces["train"])
    made = put_together(
        source,
        sequences,
        (truth.y, truth.classes),
        pieces,
        (past, values, TextPipeline(prepared.encoder, source.text_columns(), targets)),
    )
    digest = hashlib.sha256(made.summary.digest.encode() + "\0".join(texts.texts).encode("utf-8", "surrogatepass"))
    if vectors:
        digest.update(vectors.values.tobytes())
    own = {
        "summary": replace(made.summary, digest=digest.hexdigest()[:32]),
        "vectors": vectors.values if vectors else None,
    }
    return TextDataset(**{**vars(made), **own}, texts=texts.texts)


def _tell_truth(source: LabeledTexts, texts: Texts) -> Truth:
    """Return the classes of all texts, or their numbers."""
    if source.outline().outputs == "numbers":
        return Truth(read_targets(texts))
    classes(texts)
    return Truth(*labels_of(as_sequences(texts, np.arange(len(texts) + 1), np.zeros(len(texts), np.int32))))


def read_targets(texts: Texts) -> np.ndarray:
    """Return the numbers that stand in the place of labels, (n, 1); DataError names the place of what is none."""
    found = np.full((len(texts), 1), np.nan, np.float32)
    for index, cell in enumerate(texts.labels or ()):
        with suppress(ValueError):
            found[index] = float(cell)
    if len(bad := np.flatnonzero(~np.isfinite(found[:, 0]))):
        cell = (texts.labels or ())[bad[0]]
        several = len(parts := SEVERAL.split(cell.strip("[]() "))) > 1 and all(map(is_number, parts))
        instead = "data.task=classification takes labels"
        if several:
            instead = "one number for each text is supported, and no sequence of numbers"
        where = texts.place(int(bad[0]))
        raise DataError(f"{where}: the target `{cell[:40]}` is not a number ({len(bad)} such texts); {instead}")
    return found


def _spread(y: np.ndarray) -> str:
    return f"numbers from {y.min():.6g} to {y.max():.6g}, mean {y.mean(dtype=np.float64):.6g}"


def _labels(texts: Texts, y: np.ndarray, names: Sequence[str]) -> str:
    """Count the texts of each label; those of few may be mistakes, and are named with their places."""
    counts = np.bincount(y, minlength=len(names))
    told = [f"{name} ({number:,})" for name, number in zip(names, counts)]
    shown = (
        ", ".join(told) if len(told) <= MOST_LABELS else f"{len(told):,}, of {counts.min():,} to {counts.max():,} texts"
    )
    rare = [f"{names[i]}: {texts.cite(np.flatnonzero(y == i))}" for i in np.flatnonzero(counts < FEW)[:MOST_LABELS]]
    return f"labels: {shown}" + (f"; rare ones: {'; '.join(rare)}" if rare and len(texts.texts) >= MOST_LABELS else "")


def _two_labels(texts: Texts, what: str) -> list[str]:
    """Count the texts that stand there with two labels or numbers: short ones may, in data that people have labeled."""
    labels, first = texts.labels or (), dict[str, int]()
    earlier = [first.setdefault(text, index) for index, text in enumerate(texts.texts)]
    other = [index for index, one in enumerate(earlier) if labels[index] != labels[one]]
    if not other:
        return []
    have = f"{count(len(other), 'text')} {'has' if len(other) == 1 else 'have'}"
    return [
        f"{have} another {what} than the same text before, such as {texts.place(earlier[other[0]])} and "
        f"{texts.place(other[0])}"
    ]


def as_sequences(texts: Texts, offsets: np.ndarray, values: np.ndarray, numbers: np.ndarray | None = None) -> Sequences:
    """Lay out texts as sequences of tokens: `values` (tokens,), text i being `offsets[i]:offsets[i + 1]`.

    numbers: (n, 1) in the place of labels
    """
    groups = None if texts.groups is None else np.array(texts.groups)
    return Sequences(
        values,
        offsets,
        np.array(texts.labels) if numbers is None else numbers,
        ("token",),
        groups=groups,
        weights=None if texts.weights is None else np.array(texts.weights),
        place=texts.place,
        source=texts.places.name,
        notes=texts.notes,
    )


def apply(source: LabeledTexts, pipeline: TextPipeline, spec: TaskSpec) -> TextDataset:
    """Load a source with the vocabulary and the classes of a trained model; DataError as `apply_sequences`."""
    texts = source.read()
    encoded = pipeline.encoder.encode(texts.texts, texts.place)
    unknown = encoded.unknown(np.arange(len(texts)))
    cut = (
        [f"{len(encoded.cut)} of {len(texts)} texts truncated to the tokens that the model reads"]
        if len(encoded.cut)
        else []
    )
    notes = (*texts.notes, f"unknown tokens: {unknown:.1%}", *cut)
    numbers = read_targets(texts) if spec.outputs == "numbers" else None
    sequences = as_sequences(replace(texts, notes=notes), encoded.offsets, encoded.ids, numbers)
    made = apply_whole(source, sequences, spec, (spec.inputs["past"], encoded.ids, pipeline))
    return TextDataset(**vars(made), texts=texts.texts)
