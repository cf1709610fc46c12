"""Clips with a label for each frame as numbers: shared out by clips, an output for each frame."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rnnexp.data import padding
from rnnexp.data.dataset import WHOLE, Part, Predictions, Summary, digest
from rnnexp.data.labeled import Sequences
from rnnexp.data.leaks import check_labels, check_recordings
from rnnexp.data.recordings import cut
from rnnexp.data.sequence_pipeline import SequencePipeline
from rnnexp.data.sequences import SequenceDataset, read_sequences
from rnnexp.data.shares import Pieces, share_out, used
from rnnexp.data.spec import TaskSpec
from rnnexp.errors import DataError, count, did_you_mean


@dataclass(frozen=True, kw_only=True)
class FrameTagDataset(SequenceDataset):
    """Clips, each frame of which has a label; `sequences` are what was read."""

    def restore(self, part: str, outputs: np.ndarray) -> Predictions:
        """Put probabilities (frames, labels) beside the truth."""
        return Predictions(outputs, self.truth(part))

    def truth(self, part: str) -> np.ndarray:
        """Return the labels (frames,) of a part, clip by clip."""
        return self.parts[part].arrays["y"][self.list_steps(part)]

    def list_steps(self, part: str) -> np.ndarray:
        """Return the places of a part's frames among all, in order."""
        offsets = self.sequences.offsets
        return np.concatenate([np.arange(offsets[i], offsets[i + 1]) for i in self.parts[part].indices])

    def list_clips(self, part: str) -> list[np.ndarray]:
        """Return the clips of a part, (time, pixels), as a network sees them."""
        return [self.pipeline.scaled(self.sequences.one(int(i))) for i in self.parts[part].indices]


def load(source: Any) -> FrameTagDataset:
    """Load a source of clips with a label for each frame; mistakes in the data raise DataError."""
    sequences = read_sequences(source)
    pieces = share_out(source, sequences.parts, None, len(sequences), sequences.groups)
    chosen, pieces, unused = used(pieces, len(sequences), "clip")
    sequences = sequences.take(chosen) if unused else sequences
    names, y = _number_labels(sequences)
    check_labels(_texts(sequences), sequences.source, "frame", source.label_key())
    _require_in_training(sequences, y, names, pieces["train"])
    notes = (*sequences.notes, *check_recordings(sequences, None, pieces, ()), *unused)
    pipeline = SequencePipeline((), frame=sequences.frame, scale=sequences.scale)
    return _put_together(source, replace(sequences, notes=notes), (y, names), pieces, pipeline)


def apply(source: Any, pipeline: SequencePipeline, spec: TaskSpec) -> FrameTagDataset:
    """Load a source with the labels of a trained model, as one part."""
    sequences = read_sequences(source)
    if sequences.frame != pipeline.frame:
        raise DataError(f"{sequences.source}: the frames are {sequences.frame}; the model takes {pipeline.frame}")
    labels, known = _texts(sequences), {name: place for place, name in enumerate(spec.classes)}
    strange = [place for place, label in enumerate(labels) if label not in known]
    if strange:
        label = labels[strange[0]]
        raise DataError(
            f"{_place(sequences, strange[0])}: the label `{label}` is not one of the model's, {', '.join(known)} "
            f"({count(len(strange), 'such frame')}){did_you_mean(label, known)}"
        )
    y = np.array([known[label] for label in labels], np.int32)
    pieces = {WHOLE: np.arange(len(sequences), dtype=np.int32)}
    made = _put_together(source, sequences.with_scale(pipeline.scale), (y, spec.classes), pieces, pipeline)
    return replace(made.for_model(spec), scored=WHOLE)


def _texts(sequences: Sequences) -> list[str]:
    return [str(label) for label in np.asarray(sequences.step_targets)]


def _place(sequences: Sequences, step: int) -> str:
    index = int(np.searchsorted(sequences.offsets, step, side="right")) - 1
    return f"{sequences.place(index)}, frame {step - sequences.offsets[index] + 1}"


def _number_labels(sequences: Sequences) -> tuple[tuple[str, ...], np.ndarray]:
    labels = _texts(sequences)
    missing = [place for place, label in enumerate(labels) if label in ("", "nan")]
    if missing:
        raise DataError(f"{_place(sequences, missing[0])}: the label is missing ({len(missing)} such frames)")
    names, y = np.unique(np.asarray(sequences.step_targets), return_inverse=True)
    if len(names) < 2:
        raise DataError(f"{sequences.source}: all frames have the label `{names[0]}`; tagging needs at least 2")
    return tuple(str(name) for name in names), y.astype(np.int32)


def _require_in_training(sequences: Sequences, y: np.ndarray, names: tuple[str, ...], train: np.ndarray) -> None:
    """Refuse labels that no training frame has: nothing could be learned about them."""
    own = np.concatenate([np.arange(sequences.offsets[i], sequences.offsets[i + 1]) for i in train])
    for absent in np.setdiff1d(np.arange(len(names)), y[own]):
        places = np.flatnonzero(y == absent)
        raise DataError(
            f"{_place(sequences, int(places[0]))}: the label `{names[absent]}` does not occur in the training set "
            f"({count(len(places), 'such frame')}). Change data.split or data.seed, or give more of it"
        )


def _put_together(
    source: Any,
    sequences: Sequences,
    truth: tuple[np.ndarray, tuple[str, ...]],
    pieces: Pieces,
    pipeline: SequencePipeline,
) -> FrameTagDataset:
    """Make the dataset; `truth`: labels (frames,), and their names in order."""
    y, names = truth
    arrays = padding.laid_out(pipeline.scaled(sequences.values), sequences.offsets) | {"y": y}
    cuts = padding.bounds(arrays["length"], source.buckets) if source.buckets > 1 else ()
    outline = source.outline()
    frames = ", ".join(f"{name} {int(sequences.lengths()[own].sum()):,}" for name, own in pieces.items())
    return FrameTagDataset(
        spec=replace(
            outline, inputs={**outline.inputs, "past": pipeline.past}, output_shape=(len(names),), classes=names
        ),
        parts={name: Part(arrays, indices, cuts) for name, indices in pieces.items()},
        batch=padding.stepwise_batch,
        summary=Summary(
            source=sequences.source,
            rows=len(y),
            series=len(sequences),
            sizes={name: len(indices) for name, indices in pieces.items()},
            digest=digest(source, sequences.values, sequences.offsets.astype(np.int64), _texts(sequences)),
            unit=source.unit or "",
            notes=(*sequences.notes, f"frames: {frames}"),
        ),
        scored=next(part for part in ("test", "train", *pieces) if part in pieces),
        scaling=pipeline.to_json(),
        sequences=sequences,
        pipeline=pipeline,
        unscaled=y,
        windows=cut(sequences.lengths(), None),
    )
