"""Put a dataset of several inputs together: read, share out, learn from the training part."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data.apply_sequences import find_classes
from rnnexp.data.dataset import WHOLE, Part, Summary
from rnnexp.data.example_weights import KEY, check_weights, share_weights
from rnnexp.data.inputs.examples import Examples
from rnnexp.data.inputs.input_pipeline import InputPipeline, fit, say_missing
from rnnexp.data.inputs.source import MultiInputSource
from rnnexp.data.leaks import find_foreign_targets, find_shared_groups, shared_examples
from rnnexp.data.recordings import cut
from rnnexp.data.sequences import SequenceDataset, Truth, labels_of, summarize_examples, truth_of
from rnnexp.data.shares import Pieces, share_out, used
from rnnexp.data.spec import TaskSpec
from rnnexp.data.target_scaling import fit_targets, scale_targets
from rnnexp.errors import DataError, count

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, kw_only=True)
class MultiInputDataset(SequenceDataset):
    """Examples with several inputs each; `examples` are what was read, `sequences` number them."""

    examples: Examples

    def content(self, index: int) -> object:
        """Return what an example is told by."""
        return self.examples.take_content(index)

    def example(self) -> DataFrame:
        """Return two examples as a served model takes them, a row each; a sequence is a list of its steps."""
        return lay_rows(self.examples.take(np.resize(self.parts["train"].indices, 2)), self.pipeline)


def load(source: MultiInputSource) -> MultiInputDataset:
    """Load a source of several inputs; mistakes in the data raise DataError."""
    examples = source.read()
    _refuse_repeated_ids(examples)
    if examples.weights is not None:
        check_weights(examples.weights, examples.place)
    truth = truth_of(examples.as_sequences(), source.outline(), labels_of)
    pieces = share_out(source, examples.parts, truth.labels, len(examples), examples.groups)
    chosen, pieces, unused = used(pieces, len(examples))
    if unused:
        examples = examples.take(chosen)
        truth = truth_of(examples.as_sequences(), source.outline(), labels_of)
    truth.check(source, examples.as_sequences(), pieces)
    missing = say_missing(examples, source.masks_missing())
    pipeline, learned = fit(source, examples, pieces["train"], source.name_id())
    pipeline = replace(pipeline, targets=fit_targets(source, truth.y, pieces["train"]))
    repeated = _say_repeated(examples, pieces, truth)
    notes = (*examples.notes, *missing, *learned, *repeated, *unused)
    return _put_together(source, replace(examples, notes=notes), truth, pieces, pipeline)


def apply(source: MultiInputSource, pipeline: InputPipeline, spec: TaskSpec) -> MultiInputDataset:
    """Load a source as one part, with all that a trained model has learned."""
    examples = source.read()
    sequences = examples.as_sequences()
    truth = truth_of(sequences, spec, lambda found: (find_classes(found, spec.classes), spec.classes))
    examples = replace(examples, notes=(*examples.notes, *say_missing(examples, allowed=True)))
    pieces = {WHOLE: np.arange(len(examples), dtype=np.int32)}
    made = _put_together(source, examples, truth, pieces, pipeline)
    return replace(made.for_model(spec), scored=WHOLE)


def _put_together(
    source: MultiInputSource, examples: Examples, truth: Truth, pieces: Pieces, pipeline: InputPipeline
) -> MultiInputDataset:
    arrays = pipeline.lay_out(examples) | {"y": scale_targets(pipeline.targets, truth.y)}
    if examples.weights is not None:
        arrays[KEY] = share_weights(examples.weights, pieces.items())
    return MultiInputDataset(
        spec=truth.complete(source.outline(), pipeline.describe()),
        parts={name: Part(arrays, indices) for name, indices in pieces.items()},
        batch=pipeline.batch,
        summary=_summarize(source, examples, pieces),
        scored="test" if "test" in pieces else "train",
        scaling=pipeline.to_json(),
        sequences=examples.as_sequences(),
        pipeline=pipeline,
        windows=cut(np.ones(len(examples), np.int64), None),
        examples=examples,
        unscaled=truth.y,
    )


def _summarize(source: MultiInputSource, examples: Examples, pieces: Pieces) -> Summary:
    contents: list[Any] = [examples.targets, list(map(str, examples.ids))]
    for values in examples.inputs.values():
        contents += [np.asarray(one, np.float64) if isinstance(one, np.ndarray) else one for one in values]
    return summarize_examples(source, examples, pieces, contents)


def _refuse_repeated_ids(examples: Examples) -> None:
    first: dict[object, int] = {}
    for index, one in enumerate(examples.ids):
        if (before := first.setdefault(one, index)) != index:
            raise DataError(
                f"{examples.place(before)} and {examples.place(index)} have the same id, `{one}`: each example needs "
                "one of its own; data.groups keeps the examples of one person or machine in one set"
            )


def _say_repeated(examples: Examples, pieces: Pieces, truth: Truth) -> list[str]:
    """Refuse an example that is in the test part and in another one; count texts and sequences that are."""
    held = [(name, index) for name, piece in pieces.items() if name != "train" for index in piece.tolist()]
    known = {examples.take_content(int(index)): int(index) for index in pieces["train"]}
    for name, index in held:
        if (other := known.get(examples.take_content(index))) is not None and examples.parts is None:
            raise DataError(
                f"{examples.place(other)} and {examples.place(index)} have the same inputs, and data.split puts one "
                f"into train and one into {name}, where the answer is known then: leave one out"
            )
    notes = []
    for name, values in examples.inputs.items():
        if values and isinstance(values[0], tuple):  # of a row of categories many are alike
            continue
        told = [one.tobytes() if isinstance(one, np.ndarray) else one for one in values]
        seen = {told[int(index)] for index in pieces["train"] if len(told[int(index)])}
        for part in (part for part in pieces if part != "train"):
            if number := sum(told[int(index)] in seen for index in pieces[part]):
                notes.append(
                    f"{count(number, 'example')} of the {part} set with a `{name}` that is in the training set, too"
                )
    return notes


def leaks(dataset: Any) -> Iterator[str]:
    """Yield which examples, ids, groups and whole inputs are in two parts, and what a scaler has seen of others."""
    yield from shared_examples(dataset)
    yield from find_shared_groups(dataset, dataset.examples.groups)
    ids, examples = dataset.examples.ids, dataset.examples
    for one, other in itertools.combinations(dataset.parts, 2):
        both = {*ids[dataset.list_examples(one)]} & {*ids[dataset.list_examples(other)]}
        if both:
            yield f"{count(len(both), 'id')} in {one} and in {other}, such as `{sorted(map(str, both))[0]}`"
        if examples.parts is None:
            first, second = ({*map(dataset.content, dataset.list_examples(part).tolist())} for part in (one, other))
            if first & second:
                yield f"{count(len(first & second), 'example')} with the same inputs in {one} and in {other}"
    yield from _find_foreign_scalers(dataset)
    yield from find_foreign_targets(dataset)


def _find_foreign_scalers(dataset: Any) -> Iterator[str]:
    """Look whether scaled inputs have mean 0 over the training examples: otherwise others had a say."""
    train = dataset.list_examples("train")
    for name, saved in dataset.scaling["inputs"].items():
        if not saved.get("mean"):
            continue
        raw = [dataset.examples.inputs[name][int(index)] for index in train]
        values = np.concatenate([np.atleast_2d(one) for one in dataset.pipeline.inputs_by_name[name].clean(raw)])
        if len(values) and np.abs(values[:, : len(saved["mean"])].mean(axis=0, dtype=np.float64)).max() > 1e-3:
            yield f"the scaler of `{name}` was not fitted on the training examples alone"


def lay_rows(examples: Examples, pipeline: InputPipeline) -> DataFrame:
    """Lay out examples as a served model takes them: the columns of texts and tables, and one of lists per sequence."""
    import pandas

    columns: dict[str, list[Any]] = {pipeline.id: [str(one) for one in examples.ids]}
    for name, one in pipeline.inputs_by_name.items():
        values = examples.inputs[name]
        if not values or isinstance(values[0], np.ndarray):
            columns[name] = [np.asarray(each, np.float64).tolist() for each in values]
        elif isinstance(values[0], tuple):
            columns |= {column: [row[at] for row in values] for at, column in enumerate(one.columns)}
        else:
            first, *others = one.columns
            columns |= {first: list(values)} | {other: [""] * len(values) for other in others}
    return pandas.DataFrame(columns)
