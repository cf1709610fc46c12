"""Score a tagger and its baselines on the same tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data import padding
from rnnexp.data.dataset import Part, Predictions
from rnnexp.data.texts.vocabulary import UNKNOWN
from rnnexp.evaluation import breakdown, classes, classification
from rnnexp.evaluation.classes import Extra, Fit, Rivals
from rnnexp.evaluation.kept_baselines import KeptBaselines
from rnnexp.evaluation.outputs import FULL, require_finite
from rnnexp.evaluation.report import Report, Scores, Scoring
from rnnexp.models import inference
from rnnexp.models.logits import softmax
from rnnexp.tasks.tagging import baselines as tag_baselines
from rnnexp.tasks.tagging import chunks
from rnnexp.tasks.tagging.dataset import TagDataset, TagPipeline

if TYPE_CHECKING:
    from pandas import DataFrame

AT_ONCE = 256  # texts that are tagged side by side: changes the speed, not the result
ALL_KNOWN = "the vocabulary has every token of these"
NO_CHUNK = "the tags mark no chunk here"
LENGTHS = 4  # that these are padded to: a network is compiled anew for each


def report(model: Any, dataset: TagDataset, scoring: Scoring) -> Report:
    """Tag the scored part, and compare each token with the truth."""
    size = FULL if scoring.batch_size == "full" else scoring.batch_size

    def predict(part: str) -> Predictions:
        return dataset.restore(part, softmax(scores(model, dataset.parts[part], size)))

    predictions = predict(dataset.scored)
    require_finite(predictions)
    marked = chunks.marks(dataset.spec.classes)
    actual = chunks.chunks(_tags_of(dataset, predictions.actual)) if marked else set()
    more = partial(_more, dataset, scoring.extra, actual)
    made = classes.compared(dataset, predictions, more, _make_rivals(dataset), tables(dataset, predictions, marked))
    skipped = {} if f"{dataset.scored}/unknown_accuracy" in made.metrics else {"unknown_accuracy": ALL_KNOWN}
    skipped |= {"chunk_f1": NO_CHUNK} if marked and not actual else {}
    return replace(made, skipped={**made.skipped, **skipped}, validation=scoring.validate(dataset, predict))


def _make_rivals(dataset: TagDataset) -> Rivals:
    return Rivals(partial(baselines, dataset), dataset.words, kinds=[*KINDS.values()])


def scores(model: Any, part: Part, size: int) -> np.ndarray:
    """Return the scores (tokens, tags) of all tokens of a part, in order; sequences of like length go side by side."""
    lengths = part.arrays["length"][part.indices]
    found: list[Any] = [None] * len(part)
    for rows in part.alike(size):
        chosen = part.indices[rows]
        x = padding.masked_inputs(part.arrays_for(chosen), chosen)
        for row, one in zip(rows, np.asarray(inference.predict(model, x), np.float32)):
            found[row] = one[: lengths[row]]
    return np.concatenate(found)


def tagged(bundle: Any, sequences: Sequence[Sequence[str]]) -> tuple[np.ndarray, np.ndarray]:
    """Return the tags (tokens,) that a trained model gives to tokens, by number, and the probability of each."""
    pipeline = bundle.preprocessor
    seen = list(map(pipeline.seen, sequences))
    if bundle.baseline is None:
        found = _read(bundle.model, pipeline, seen)
    else:
        found = classes.answer(bundle.baseline, seen, len(pipeline.tags))
    return found.argmax(axis=1), found.max(axis=1)


def _read(model: Any, pipeline: TagPipeline, seen: Sequence[Sequence[str]]) -> np.ndarray:
    """Return the probabilities (tokens, tags) that a network gives to tokens as it sees them."""
    encoded = pipeline.encoder.number(seen)
    arrays = padding.laid_out(encoded.ids, encoded.offsets)
    cuts = padding.bounds(encoded.lengths, LENGTHS) if len(seen) > AT_ONCE else ()
    return softmax(scores(model, Part(arrays, np.arange(len(seen)), cuts), AT_ONCE))


KINDS: dict[str, type] = {  # the baselines that a run keeps, by name
    "majority": tag_baselines.MostFrequentTag,
    "most_frequent_tag": tag_baselines.MostFrequentTag,
    "window": tag_baselines.Window,
}


def baselines(dataset: TagDataset) -> dict[str, Fit]:
    """Return what fits each baseline to the training part."""
    count, own = len(dataset.spec.classes), dataset.trained_on
    if own is None:  # the best constant answer, which has seen the truth
        return {"majority": partial(tag_baselines.fit_majority, dataset.truth(dataset.scored), count)}
    train, known = own.words("train"), own.truth("train")
    return {
        "majority": partial(tag_baselines.fit_majority, known, count),
        "most_frequent_tag": partial(tag_baselines.fit_most_frequent_tag, train, known, count),
        "window": partial(tag_baselines.fit_window, train, known, count),
    }


def keep_baselines(dataset: TagDataset, report: Report) -> KeptBaselines:
    """Keep what the baselines need to tag other texts."""
    return classes.keep(dataset, report, _make_rivals(dataset))


def _tags_of(dataset: TagDataset, labels: np.ndarray) -> list[list[str]]:
    """Cut the tags (tokens,) of the scored part into those of each sequence."""
    names, part = np.array(dataset.spec.classes, dtype=object), dataset.parts[dataset.scored]
    ends = np.cumsum(part.arrays["length"][part.indices])
    return [list(own) for own in np.split(names[labels], ends[:-1])]


def _more(
    dataset: TagDataset, extra: Extra, actual: set[chunks.Chunk], labels: np.ndarray, chosen: np.ndarray
) -> dict[str, float]:
    """Score sequences that are right as a whole, unknown tokens, and chunks where there are `actual` ones."""
    part, right = dataset.parts[dataset.scored], labels == chosen
    first = np.cumsum([0, *part.arrays["length"][part.indices][:-1]])
    values = {"sequence_accuracy": float(np.logical_and.reduceat(right, first).mean())}
    unknown = part.arrays["values"][dataset.tokens(dataset.scored)] == UNKNOWN
    values |= {"unknown_accuracy": float(right[unknown].mean())} if unknown.any() else {}
    values |= chunks.scores(actual, chunks.chunks(_tags_of(dataset, chosen))) if actual else {}
    return values | extra(labels, chosen)


def tables(dataset: TagDataset, predictions: Predictions, marked: bool) -> dict[str, DataFrame]:
    """Return the confusion matrix, the scores of each tag and of each type of chunk, and every token with its tag."""
    import pandas

    names, chosen = dataset.spec.classes, predictions.predicted.argmax(axis=1)
    tokens = dataset.tokens(dataset.scored)
    columns = {
        "example": [dataset.tagged.place(int(token)) for token in tokens],
        "token": [dataset.tagged.words[token] for token in tokens],
        "actual": np.array(names, dtype=object)[predictions.actual],
        "predicted": np.array(names, dtype=object)[chosen],
        "probability": predictions.predicted.max(axis=1),
    }
    frame = pandas.DataFrame(columns)
    found = {
        "confusion": classification.confusion(predictions.actual, chosen, names),
        "classes": classification.by_class(predictions.actual, chosen, names),
        "predictions": frame,
        breakdown.WORST: breakdown.rank_mistakes(frame, predictions.predicted.max(axis=1)),
    }
    if marked:
        both = (chunks.chunks(_tags_of(dataset, labels)) for labels in (predictions.actual, chosen))
        found["chunks"] = chunks.by_type(*both)
    return found


def summary(scores: Scores) -> Iterator[str]:
    """Yield what each tag is worth, the surest mistakes, and how many chunks were found whole, where tags mark any."""
    yield from classes.say_classes(scores)
    found = {name: scores.metrics.get(f"{scores.part}/chunk_{name}") for name in ("f1", "precision", "recall")}
    if None in found.values():
        return
    others = {name: scores.metrics[f"baseline/{name}/chunk_f1"] for name in scores.report.baselines}
    best = max(others, key=lambda name: others[name])
    listed = ", ".join(f"{name} {value:.4f}" for name, value in found.items())
    yield f"  whole chunks: {listed}; best baseline {best}, f1 {others[best]:.4f}"
