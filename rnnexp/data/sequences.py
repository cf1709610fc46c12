"""Independent sequences: shuffled once with a seed, split, scaled, and fed whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data import padding
from rnnexp.data.copies import add_copies
from rnnexp.data.dataset import Dataset, Part, Predictions, Summary, digest
from rnnexp.data.example_weights import KEY, check_weights, share_weights, take_weights
from rnnexp.data.few_labels import UNLABELED, list_labeled, list_learned
from rnnexp.data.labeled import Sequences, read_targets
from rnnexp.data.leaks import check_labels, check_recordings
from rnnexp.data.quantiles import split_quantiles, take_median
from rnnexp.data.recordings import Windows, cut
from rnnexp.data.sequence_pipeline import fit_pipeline
from rnnexp.data.shares import Pieces, share_out, used
from rnnexp.data.spec import InputSpec, TaskSpec
from rnnexp.data.target_scaling import fit_targets, restore_targets, scale_targets
from rnnexp.errors import DataError

if TYPE_CHECKING:
    from rnnexp.data.source import ExampleSource, SequenceSource


@dataclass(frozen=True)
class Truth:
    """What belongs to each sequence: numbers (n, outputs), or labels (n,), which are positions in `classes`."""

    y: np.ndarray
    classes: tuple[str, ...] = ()

    @property
    def labels(self) -> np.ndarray | None:
        """The labels, (n,); None for numbers."""
        return self.y if self.classes else None

    def complete(self, outline: TaskSpec, inputs: dict[str, InputSpec]) -> TaskSpec:
        """Return what the data ask of a model, now that they are known."""
        if self.classes:
            return replace(outline, inputs=inputs, output_shape=(len(self.classes),), classes=self.classes)
        targets = tuple(f"target_{i}" for i in range(self.y.shape[1]))
        return replace(outline, inputs=inputs, output_shape=self.y.shape[1:], targets=targets)

    def check(self, source: ExampleSource, sequences: Sequences, parts: Pieces) -> None:
        """Refuse labels that cannot be learned."""
        if self.classes:
            check_labels(sequences.targets, sequences.source, "sequence", source.label_key(), numbers=True)
            _refuse_absent_class(sequences, self.y, self.classes, parts)

    def beside(self, outputs: np.ndarray) -> Predictions:
        """Put outputs beside the truth: (n, 1, outputs), or probabilities (n, classes) and labels (n,)."""
        predicted = np.asarray(outputs, np.float64)
        if self.classes:
            return Predictions(predicted, self.y)
        return Predictions(predicted.reshape(self.y.shape)[:, None], self.y.astype(np.float64)[:, None])


@dataclass(frozen=True, kw_only=True)
class SequenceDataset(Dataset):
    """Examples that have nothing to do with each other: one sequence in, numbers or a class out.

    sequences: what was read, unscaled;  pipeline: what happens to it before a network sees it
    windows:   of the sequences, the examples of the parts
    unscaled:  what belongs to each example, in the units of the data
    unlabeled: the examples that no label is read of; None if there are none
    """

    sequences: Sequences
    pipeline: Any
    windows: Windows
    unscaled: np.ndarray
    unlabeled: Part | None = None

    def list_examples(self, part: str) -> np.ndarray:
        """Return the sequences whose windows a part holds."""
        return self.windows.list_recordings(self.parts[part].indices)

    def vote(self, part: str, values: np.ndarray) -> np.ndarray:
        """Return the means (n, ...) for each sequence of what is said of the windows (m, ...) of a part."""
        return self.windows.vote(values, self.parts[part].indices)

    def gather_votes(self, part: str, seen: Predictions) -> Predictions:
        """Return the predictions for each sequence of a part, of those for its windows."""
        vote = partial(self.vote, part)
        weight = None if seen.weight is None else self.windows.take_first(seen.weight, self.parts[part].indices)
        quantiles = None if seen.quantiles is None else vote(seen.quantiles)
        actual = self.windows.take_first(seen.actual, self.parts[part].indices)
        return replace(seen, predicted=vote(seen.predicted), actual=actual, weight=weight, quantiles=quantiles)

    def restore(self, part: str, outputs: np.ndarray) -> Predictions:
        """Put outputs for all windows of a part beside the truth."""
        outputs = restore_targets(self.pipeline.targets, outputs)
        truth, levels = Truth(self.list_truth(part), self.spec.classes), self.spec.quantiles
        weight = take_weights(self.parts[part].arrays, self.parts[part].indices)
        made = replace(truth.beside(take_median(outputs, levels)), weight=weight)
        return (
            replace(made, quantiles=split_quantiles(np.asarray(outputs, np.float64), levels)[:, None])
            if levels
            else made
        )

    def truth(self, part: str) -> np.ndarray:
        """Return the classes (n,) or numbers (n, outputs) of the sequences of a part, in order."""
        return self.windows.take_first(self.list_truth(part), self.parts[part].indices)

    def list_truth(self, part: str) -> np.ndarray:
        """Return the classes (m,) or numbers (m, outputs) of the windows of a part, in order."""
        return self.unscaled[self.parts[part].indices]

    def content(self, index: int) -> object:
        """Return what an example is told by."""
        return self.sequences.one(index).tobytes()

    def example(self) -> Any:
        """Return raw sequences such as a served model takes: two that are equally long, (2, time, channels).

        Of frames (2, time, height, width, channels), of recordings of sound (2, samples, 1).
        """
        if self.pipeline.extractor is not None:
            return self.pipeline.extractor.example()
        train = self.list_examples("train")
        lengths = self.sequences.lengths()[train]
        alike = train[lengths == lengths[0]]
        raw = np.stack([self.sequences.one(int(i)) for i in np.resize(alike, 2)]).astype(np.float64)
        return raw.reshape(*raw.shape[:2], *self.sequences.frame) if self.sequences.frame else raw


def load(source: SequenceSource) -> SequenceDataset:
    """Load a source of independent sequences; mistakes in the data raise DataError."""
    sequences = read_sequences(source)
    if source.unlabeled is not None:
        sequences = sequences.join(read_sequences(source.unlabeled_source()), UNLABELED)
    truth = truth_of(sequences, source.outline(), labels_of)
    parts = share_out(source, sequences.parts, truth.labels, len(sequences), sequences.groups)
    chosen, parts, unused = used(parts, len(sequences))
    if unused:
        sequences = sequences.take(chosen)
    sequences, parts = add_copies(sequences, parts)
    truth = truth_of(sequences, source.outline(), labels_of)
    truth.check(source, sequences, parts)
    repeated = check_recordings(sequences, truth.labels, list_labeled(parts), truth.classes)
    windows = cut(sequences.lengths(), source.window_size())
    pipeline, notes = fit_pipeline(source, sequences, windows, list_learned(windows.choose(parts)))
    pipeline = replace(pipeline, targets=fit_targets(source, truth.y, parts["train"]))
    return put_together(
        source,
        replace(sequences, notes=(*sequences.notes, *notes, *repeated, *unused)),
        (truth.y, truth.classes),
        parts,
        (pipeline.past, pipeline.scaled(sequences.values), pipeline),
    )


def put_together(
    source: ExampleSource,
    sequences: Sequences,
    truth: tuple[np.ndarray, tuple[str, ...]],
    pieces: Pieces,
    prepared: tuple[InputSpec, np.ndarray, Any],
) -> SequenceDataset:
    """Make the dataset of sequences that have been shared out.

    truth: targets (n,) or (n, outputs), and the classes;  prepared: input, values as fed, pipeline
    """
    known, (past, values, pipeline) = Truth(*truth), prepared
    varied, windows = past.shape[0] is None, cut(sequences.lengths(), source.window_size())
    pieces = windows.choose(pieces)
    y = known.y[windows.recording]
    arrays = padding.lay_windows(values, windows.begin, windows.length) | {"y": scale_targets(pipeline.targets, y)}
    if sequences.weights is not None:
        arrays[KEY] = share_weights(sequences.weights[windows.recording], pieces.items())
    cuts = padding.bounds(windows.length, source.buckets) if varied and source.buckets > 1 else ()
    inputs = {"past": past} | ({"mask": InputSpec((None,), "bool")} if varied else {})
    parts = {name: Part(arrays, indices, cuts) for name, indices in pieces.items()}
    return SequenceDataset(
        spec=known.complete(source.outline(), inputs),
        parts=list_labeled(parts),
        batch=padding.masked_batch if varied else padding.whole_batch,
        summary=_summary(source, replace(sequences, notes=(*sequences.notes, *windows.describe())), pieces),
        scored="test" if "test" in pieces else "train",
        scaling=pipeline.to_json(),
        sequences=sequences,
        pipeline=pipeline,
        windows=windows,
        unscaled=y,
        unlabeled=parts.get(UNLABELED),
    )


def _summary(source: ExampleSource, sequences: Sequences, pieces: Pieces) -> Summary:
    contents = [sequences.values, sequences.offsets.astype(np.int64), sequences.targets]
    return summarize_examples(source, sequences, pieces, contents)


def summarize_examples(source: ExampleSource, examples: Any, pieces: Pieces, contents: list[Any]) -> Summary:
    """Summarize independent examples by what is in them, to which their weights are added."""
    weights = [] if examples.weights is None else [examples.weights]
    return Summary(
        source=examples.source,
        rows=len(examples),
        series=len(examples),
        sizes={name: len(indices) for name, indices in pieces.items()},
        digest=digest(source, *contents, *weights),
        unit=source.unit or "",
        notes=examples.notes,
    )


def read_sequences(source: SequenceSource) -> Sequences:
    """Read a source; DataError unless there are sequences, of finite numbers, no longer than allowed."""
    read = source.read()
    name = source.name  # type: ignore[attr-defined]
    if not isinstance(read, Sequences) and not (isinstance(read, tuple) and len(read) == 2):
        raise DataError(f"data.{name}: returned {type(read).__name__}; a source of examples returns (inputs, targets)")
    sequences = read if isinstance(read, Sequences) else _sequences_of(name, *read)
    sequences = replace(sequences, source=sequences.source or name)
    short = np.flatnonzero(sequences.lengths() == 0)
    if len(short):
        raise DataError(f"{sequences.place(int(short[0]))}: the sequence has no steps ({len(short)} such sequences)")
    _refuse_not_finite(sequences)
    if sequences.weights is not None:
        check_weights(sequences.weights, sequences.place)
    return _shortened(source, sequences)


def _sequences_of(name: str, inputs: Any, targets: Any) -> Sequences:
    lists = isinstance(inputs, (list, tuple))
    if (not lists and np.ndim(inputs) != 3) or len(inputs) != len(targets) or not len(inputs):
        shape = f"{len(inputs)} sequences" if lists else np.shape(inputs)
        raise DataError(
            f"data.{name}: inputs must be (examples, time, features), or a list of (time, features), with one target "
            f"each; they are {shape} with targets {np.shape(targets)}"
        )
    return Sequences.of(inputs, targets, source=name)


def _refuse_not_finite(sequences: Sequences) -> None:
    bad = np.argwhere(~np.isfinite(sequences.values))
    if len(bad):
        index = int(np.searchsorted(sequences.offsets, bad[0][0], side="right")) - 1
        step, channel = bad[0][0] - sequences.offsets[index] + 1, bad[0][1]
        where = f"frame {step}" if sequences.frame else f"step {step}, channel `{sequences.channels[channel]}`"
        raise DataError(f"{sequences.place(index)}: {where} is not a finite number ({len(bad)} such values)")


def _shortened(source: SequenceSource, sequences: Sequences) -> Sequences:
    """Cut sequences that are longer than allowed, if the settings say so, and count them."""
    most = source.max_length
    long = np.flatnonzero(sequences.lengths() > (most or np.inf))
    if most is None or not len(long):
        return sequences
    first, length = sequences.place(int(long[0])), int(sequences.lengths()[long[0]])
    if source.on_long == "fail":
        raise DataError(
            f"{first}: {length} steps, more than data.max_length={most} ({len(long)} such sequences); "
            "data.on_long=cut keeps their beginning"
        )
    note = (
        f"{len(long)} of {len(sequences)} sequences truncated to their first {most} steps, such as {first} ({length})"
    )
    cut = sequences.take_steps(np.arange(len(sequences)), np.minimum(sequences.lengths(), most))
    return replace(cut, notes=(*sequences.notes, note))


def truth_of(
    sequences: Sequences, spec: TaskSpec, labels: Callable[[Sequences], tuple[np.ndarray, tuple[str, ...]]]
) -> Truth:
    """Return the numbers that belong to each sequence, or what `labels` makes of its label."""
    return Truth(read_targets(sequences)) if spec.outputs == "numbers" else Truth(*labels(sequences))


def labels_of(sequences: Sequences) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the class of each sequence, (n,) integers, and the labels in order."""
    if sequences.targets.ndim != 1:
        told = f"{sequences.source}: labels must be (n,), one each, not {sequences.targets.shape}"
        raise DataError(f"{told}; of several columns of 0 and 1 train on one at a time")
    labels, y = np.unique(sequences.targets, return_inverse=True)
    missing = np.flatnonzero((sequences.targets != sequences.targets) | (sequences.targets == ""))
    if len(missing):
        raise DataError(f"{sequences.place(int(missing[0]))}: the label is missing ({len(missing)} such examples)")
    if len(labels) < 2:
        raise DataError(f"{sequences.source}: classification needs at least 2 labels; the data have {labels.tolist()}")
    return y.astype(np.int32), tuple(str(label) for label in labels)


def _refuse_absent_class(sequences: Sequences, y: np.ndarray, classes: tuple[str, ...], parts: Pieces) -> None:
    """A class that training has never seen can only be answered wrongly."""
    for index in np.setdiff1d(np.arange(len(classes)), y[parts["train"]]):
        where = np.flatnonzero(y == index)
        raise DataError(
            f"{sequences.place(int(where[0]))}: the label `{classes[index]}` does not occur in the training set "
            f"({len(where)} such examples); leave it out, or give more of it"
        )
