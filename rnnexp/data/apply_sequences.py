"""Other examples as a trained model sees them: nothing is fitted, and all of them are one part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from rnnexp.data.dataset import WHOLE
from rnnexp.data.labeled import Sequences
from rnnexp.data.sequence_pipeline import SequencePipeline
from rnnexp.data.sequences import SequenceDataset, put_together, read_sequences, truth_of
from rnnexp.data.source import SequenceSource
from rnnexp.data.spec import InputSpec, TaskSpec
from rnnexp.errors import DataError, did_you_mean


def apply_sequences(source: SequenceSource, pipeline: SequencePipeline, spec: TaskSpec) -> SequenceDataset:
    """Load a source with the scaler and the classes of a trained model.

    DataError names the sequence that has other channels, another length, or a label that the model does not know.
    """
    sequences = read_fitting(source, pipeline)
    return apply_whole(source, sequences, spec, (pipeline.past, pipeline.scaled(sequences.values), pipeline))


def read_fitting(source: SequenceSource, pipeline: SequencePipeline) -> Sequences:
    """Read a source; DataError for sequences whose channels or lengths are not those that a trained model takes."""
    sequences = read_sequences(source.fill_channels(pipeline.channels).fill_extractor(pipeline.extractor))
    if sequences.frame != pipeline.frame:
        raise DataError(f"{sequences.source}: the frames are {sequences.frame}; the model takes {pipeline.frame}")
    if len(sequences.channels) != len(pipeline.channels):
        have, wanted = (", ".join(channels) for channels in (sequences.channels, pipeline.channels))
        raise DataError(f"{sequences.source}: the channels {have} are not those of the model: {wanted}")
    odd = [index for index, steps in enumerate(sequences.lengths()) if not pipeline.fits(int(steps))]
    if odd:
        place, steps = sequences.place(odd[0]), int(sequences.lengths()[odd[0]])
        taken = f"sequences of {pipeline.length}{' or more' if pipeline.fits(1 + (pipeline.length or 0)) else ''}"
        raise DataError(f"{place}: {steps} steps; the model takes {taken} ({len(odd)} such)")
    return sequences.with_scale(pipeline.scale)


def apply_whole(source: Any, sequences: Sequences, spec: TaskSpec, prepared: tuple[InputSpec, np.ndarray, Any]) -> Any:
    """Make the dataset of examples with the classes of a trained model; `prepared` as in `put_together`."""
    truth = truth_of(sequences, spec, lambda found: (find_classes(found, spec.classes), spec.classes))
    pieces = {WHOLE: np.arange(len(sequences), dtype=np.int32)}
    made = put_together(source, sequences, (truth.y, truth.classes), pieces, prepared)
    return replace(made.for_model(spec), scored=WHOLE)


def find_classes(sequences: Sequences, known: Sequence[str]) -> np.ndarray:
    """Return the classes (n,) of a trained model that the labels name; DataError for one that it does not know."""
    labels = [str(label) for label in sequences.targets]
    strange = [index for index, label in enumerate(labels) if label not in known]
    if strange:
        label = labels[strange[0]]
        raise DataError(
            f"{sequences.place(strange[0])}: the label `{label}` is not one of the model's, {', '.join(known)} "
            f"({len(strange)} such examples){did_you_mean(label, known)}"
        )
    return np.array([known.index(label) for label in labels], dtype=np.int32)
