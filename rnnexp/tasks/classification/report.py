"""Score a classifier of sequences or texts and its baselines on the same examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data.dataset import Dataset, Predictions
from rnnexp.data.sequences import SequenceDataset
from rnnexp.evaluation import breakdown, classification
from rnnexp.evaluation.classes import Shares, compared, unfitted
from rnnexp.evaluation.outputs import outputs, require_finite
from rnnexp.evaluation.report import Report, Scoring, Undefined
from rnnexp.models.logits import convention
from rnnexp.tasks.classification import sequence_baselines, text_baselines
from rnnexp.tasks.classification.texts import TextDataset

if TYPE_CHECKING:
    from pandas import DataFrame

RUN = 4  # of tokens that are less than words, at most: what a baseline of texts counts
MOST_PRODUCTS = 2e11  # multiplications that the nearest neighbors may take: some ten seconds of one core


def report(model: Any, dataset: SequenceDataset, scoring: Scoring) -> Report:
    """Classify the scored part, and compare with the truth and every baseline that is defined."""
    found = outputs(model, dataset, [dataset.scored], scoring.batch_size)
    predictions = dataset.restore(dataset.scored, convention(dataset.spec).answers(found[dataset.scored]))
    require_finite(predictions)
    made = compared(dataset, predictions, scoring.extra, partial(baselines, dataset), tables(dataset, predictions))
    return replace(made, notes=[*made.notes, *_whole_texts(dataset)])


def baselines(dataset: Dataset) -> dict[str, Shares]:
    """Return what computes each baseline's probabilities (n, classes) for the scored part."""
    own = dataset.trained_on
    if own is None:
        return unfitted(dataset)
    train, scored, classes = own.parts["train"], dataset.parts[dataset.scored], len(dataset.spec.classes)
    y = train.arrays["y"][train.indices]
    found: dict[str, Shares] = {"majority": partial(classification.majority, y, len(scored), classes)}
    if isinstance(dataset, TextDataset) and isinstance(own, TextDataset):
        return found | _of_texts(dataset, own, y)
    if isinstance(dataset, SequenceDataset) and isinstance(own, SequenceDataset):
        known, asked = _sequences(own, train.indices), _sequences(dataset, scored.indices)
        found["nearest"] = partial(_nearest, known, y, asked, classes)
        found["summary"] = partial(sequence_baselines.summary, known, y, asked, classes)
    return found


def _of_texts(dataset: TextDataset, own: TextDataset, y: np.ndarray) -> dict[str, Shares]:
    """Cut texts as the network's are; single characters and pieces of words mean little, but runs of them do."""
    known = [own.texts[i] for i in own.parts["train"].indices]
    asked = [dataset.texts[i] for i in dataset.parts[dataset.scored].indices]
    tokenizer = dataset.pipeline.encoder.tokenizer
    longest = 1 if tokenizer.kind in ("word", "blank") else RUN
    given = (known, y, asked, len(dataset.spec.classes), text_baselines.Cut(tokenizer.split, longest))
    return {
        "naive_bayes": partial(text_baselines.naive_bayes, *given),
        "tfidf_linear": partial(text_baselines.tfidf_linear, *given),
    }


def _whole_texts(dataset: Dataset) -> list[str]:
    """Say so where baselines have read more of a text than the network: they lose nothing by a limit on memory."""
    if not isinstance(dataset, TextDataset) or dataset.trained_on is None:
        return []
    most = dataset.pipeline.encoder.max_length
    if most is None or dataset.sequences.lengths().max() < most:
        return []
    return [f"the network reads {most} tokens of a text at most; the baselines read all of it"]


def _sequences(dataset: SequenceDataset, indices: np.ndarray) -> list[np.ndarray]:
    """Return the sequences in the units in which a network sees them: distances depend on them."""
    return [dataset.pipeline.scaled(dataset.sequences.one(int(index))) for index in indices]


def _nearest(train: Sequence[np.ndarray], y: np.ndarray, asked: Sequence[np.ndarray], classes: int) -> np.ndarray:
    products = float(len(train)) * len(asked) * max(map(len, train)) * train[0].shape[1]
    if products > MOST_PRODUCTS:
        raise Undefined(f"it would take {products:.0e} multiplications to compare all sequences")
    return sequence_baselines.nearest(train, y, asked, classes)


def tables(dataset: Dataset, predictions: Predictions) -> dict[str, DataFrame]:
    """Return the confusion matrix, the scores of each class, and the probabilities."""
    import pandas

    names = dataset.spec.classes
    chosen = predictions.predicted.argmax(axis=1)
    columns: dict[str, Any] = {}
    if isinstance(dataset, SequenceDataset):
        indices = dataset.parts[dataset.scored].indices
        columns["example"] = [dataset.sequences.place(int(index)) for index in indices]
        if isinstance(dataset, TextDataset):
            columns["text"] = [dataset.texts[int(index)] for index in indices]
    columns |= {"actual": np.array(names)[predictions.actual], "predicted": np.array(names)[chosen]}
    columns |= {f"p({name})": predictions.predicted[:, i] for i, name in enumerate(names)}
    frame = pandas.DataFrame(columns)
    return {
        "confusion": classification.confusion(predictions.actual, chosen, names),
        "classes": classification.by_class(predictions.actual, chosen, names, predictions.weight),
        "predictions": frame,
        breakdown.WORST: breakdown.rank_mistakes(frame, predictions.predicted.max(axis=1)),
    }
