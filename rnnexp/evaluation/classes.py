"""Score a classifier and its baselines on the same examples."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data.dataset import Dataset, Predictions
from rnnexp.data.sequences import SequenceDataset
from rnnexp.evaluation import classification
from rnnexp.evaluation.metrics import prefixed
from rnnexp.evaluation.report import Report
from rnnexp.tasks.classification import sequence_baselines, text_baselines
from rnnexp.tasks.classification.texts import TextDataset
from rnnexp.tasks.forecasting.baselines import Undefined

if TYPE_CHECKING:
    from pandas import DataFrame

Shares = Callable[[], np.ndarray]
Extra = Callable[[np.ndarray, np.ndarray], dict[str, float]]
Baselines = Callable[[], Mapping[str, Shares]]

_cache: dict[tuple[str, ...], tuple[dict[str, np.ndarray], dict[str, str]]] = {}

RUN = 4  # of tokens that are less than words, at most: what a baseline of texts counts
FEW_NAMES = 5
MOST_PRODUCTS = 2e11  # multiplications that the nearest neighbours may take: some ten seconds of one core


def report(dataset: Dataset, predictions: Predictions, extra: Extra) -> Report:
    """Compare predicted classes with the truth, and with every baseline that is defined; `extra` adds metrics."""
    made = compared(dataset, predictions, extra, partial(baselines, dataset), tables(dataset, predictions))
    return replace(made, notes=[*made.notes, *_whole_texts(dataset)])


def compared(
    dataset: Dataset, predictions: Predictions, extra: Extra, makers: Baselines, tables: Mapping[str, DataFrame]
) -> Report:
    """Do the same with other baselines and tables."""
    labels, names = predictions.actual, dataset.spec.classes
    skipped: dict[str, str] = {}
    made = _known(dataset, makers, skipped)
    metrics: dict[str, float] = {}
    models = {dataset.scored: predictions.predicted, **{f"baseline/{name}": shares for name, shares in made.items()}}
    for prefix, shares in models.items():
        chosen = shares.argmax(axis=1)
        values = classification.scores(labels, chosen, len(names)) | extra(labels, chosen)
        metrics |= prefixed(prefix, values)
    metrics[f"{dataset.scored}/log_loss"] = classification.log_loss(labels, predictions.predicted)
    best = max(made, key=lambda name: metrics[f"baseline/{name}/accuracy"])
    model, base = metrics[f"{dataset.scored}/accuracy"], metrics[f"baseline/{best}/accuracy"]
    if base < 1:
        metrics["skill/accuracy"] = 1 - (1 - model) / (1 - base)
    else:
        skipped["skill/accuracy"] = f"the baseline {best} is exact"
    return Report(
        metrics,
        predictions,
        tables,
        _one_answer(dataset, predictions) + _absent(labels, names),
        {name: replace(predictions, predicted=shares) for name, shares in made.items()},
        skipped,
        best,
        model > base,
    )


def identity(dataset: Dataset) -> tuple[str, ...]:
    """Return what baselines depend on: the data they answer for, and those they are fitted to."""
    own = dataset.trained_on
    return dataset.summary.digest, dataset.scored, own.summary.digest if own else ""


def _known(dataset: Dataset, makers: Baselines, skipped: dict[str, str]) -> dict[str, np.ndarray]:
    """Compute the baselines once for runs on the same data that are trained together: they may take seconds."""
    key = identity(dataset)
    if key not in _cache:
        _cache.clear()
        reasons: dict[str, str] = {}
        _cache[key] = _made(makers(), reasons), reasons
    made, reasons = _cache[key]
    skipped |= reasons
    return made


def _made(makers: Mapping[str, Shares], skipped: dict[str, str]) -> dict[str, np.ndarray]:
    made = {}
    for name, make in makers.items():
        try:
            made[name] = make()
        except Undefined as reason:
            skipped[f"baseline/{name}"] = str(reason)
    return made


def baselines(dataset: Dataset) -> dict[str, Shares]:
    """Return what computes each baseline's probabilities (n, classes) for the scored part."""
    own = dataset.trained_on
    if own is None:
        return _unfitted(dataset)
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


def _unfitted(dataset: Dataset) -> dict[str, Shares]:
    """Without a training part there is only the best constant answer, which has seen the truth."""
    scored = dataset.parts[dataset.scored]
    y = scored.arrays["y"][scored.indices]
    return {"majority": partial(classification.majority, y, len(y), len(dataset.spec.classes))}


def _of_texts(dataset: TextDataset, own: TextDataset, y: np.ndarray) -> dict[str, Shares]:
    """Cut texts as the network's are; single characters and pieces of words mean little, but runs of them do."""
    known = [own.texts[i] for i in own.parts["train"].indices]
    asked = [dataset.texts[i] for i in dataset.parts[dataset.scored].indices]
    tokeniser = dataset.pipeline.encoder.tokeniser
    longest = 1 if tokeniser.kind in ("word", "blank") else RUN
    given = (known, y, asked, len(dataset.spec.classes), text_baselines.Cut(tokeniser.split, longest))
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


def _absent(labels: np.ndarray, names: Sequence[str]) -> list[str]:
    """Say over which classes the averages are, where not over all."""
    there = np.unique(labels)
    if len(there) == len(names):
        return []
    others = [name for number, name in enumerate(names) if number not in there]
    listed = ", ".join(f"`{name}`" for name in others[:FEW_NAMES]) + (", ..." if len(others) > FEW_NAMES else "")
    return [
        f"precision, recall, F1 and balanced accuracy are means over the {len(there)} of {len(names)} classes that are "
        f"scored here; there is none of {listed}"
    ]


def _one_answer(dataset: Dataset, predictions: Predictions) -> list[str]:
    chosen = np.unique(predictions.predicted.argmax(axis=1))
    if len(chosen) > 1 or len(np.unique(predictions.actual)) == 1:
        return []
    return [f"the network found nothing: whatever the input it answers `{dataset.spec.classes[chosen[0]]}`"]


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
    return {
        "confusion": classification.confusion(predictions.actual, chosen, names),
        "classes": classification.by_class(predictions.actual, chosen, names),
        "predictions": pandas.DataFrame(columns),
    }
