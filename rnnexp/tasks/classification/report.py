"""Score a classifier of sequences or texts and its baselines on the same examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data.dataset import Dataset, Predictions
from rnnexp.data.inputs.dataset import MultiInputDataset
from rnnexp.data.sequences import SequenceDataset
from rnnexp.evaluation import breakdown, classes, classification
from rnnexp.evaluation.classes import Fit, Rivals
from rnnexp.evaluation.input_weights import measure_weights, say_weights
from rnnexp.evaluation.kept_baselines import KeptBaselines
from rnnexp.evaluation.metrics import prefixed
from rnnexp.evaluation.outputs import outputs, require_finite
from rnnexp.evaluation.report import VALIDATION, Report, Scores, Scoring
from rnnexp.evaluation.tables import MOST_ROWS
from rnnexp.evaluation.tfidf import make_cut
from rnnexp.models.logits import convention
from rnnexp.tasks import frame_control, input_baselines
from rnnexp.tasks.classification import frame_baselines, minirocket, sequence_baselines, text_baselines
from rnnexp.tasks.texts import TextDataset

if TYPE_CHECKING:
    from pandas import DataFrame

# The baselines that a run keeps, by name.
KINDS: dict[str, type] = {
    "majority": classification.Majority,
    "nearest": sequence_baselines.Nearest,
    "summary": sequence_baselines.Summary,
    "segments": sequence_baselines.Segments,
    "minirocket": minirocket.MiniRocket,
    "mean_frame": frame_baselines.MeanFrame,
    "mean_and_deviation": frame_baselines.MeanFrame,
    "pca": frame_baselines.FrameComponents,
    "pca_minirocket": frame_baselines.FrameRocket,
    "naive_bayes": text_baselines.TextClassifier,
    "tfidf_linear": text_baselines.TextClassifier,
    "nb_svm": text_baselines.TextClassifier,
    "tfidf_chars": text_baselines.WordsAndCharacters,
    input_baselines.ALL: input_baselines.InputsLinear,
}


def list_kinds() -> Mapping[str, type]:
    """Return the classes of the baselines that a run keeps, by name."""
    return input_baselines.Kinds(KINDS)


def report(model: Any, dataset: SequenceDataset, scoring: Scoring) -> Report:
    """Classify the scored part, and compare with the truth and every baseline that is defined."""
    seen = _predict(model, dataset, dataset.scored, scoring)
    require_finite(seen)
    predictions = dataset.gather_votes(dataset.scored, seen)
    rivals, shown = _make_rivals(dataset), tables(dataset, predictions) | _lay_windows(dataset, seen)
    shown |= measure_weights(model, dataset, scoring.batch_size)
    made = classes.compared(dataset, predictions, scoring.extra, rivals, shown)
    validation = scoring.validate(dataset, lambda part: _predict(model, dataset, part, scoring))
    scores, part = _score_windows(dataset, seen), dataset.parts[dataset.scored]
    votes = dataset.windows.say_votes(part.indices, "accuracy", scores.get(f"{dataset.scored}/windows/accuracy"))
    control, order = _shuffle(model, dataset, scoring, predictions)
    return replace(
        made,
        metrics={**made.metrics, **scores, **control},
        notes=[*made.notes, *_whole_texts(dataset), *votes, *order],
        validation=validation and dataset.gather_votes(VALIDATION, validation),
    )


def _make_rivals(dataset: SequenceDataset) -> Rivals:
    return Rivals(
        partial(baselines, dataset),
        partial(list_inputs, dataset),
        dataset.vote,
        [*KINDS.values()],
        lambda one: fill_cut(one, dataset.pipeline),
        dataset.texts if isinstance(dataset, TextDataset) else (),
    )


def fill_cut(baseline: Any, pipeline: Any) -> Any:
    """Give a baseline of texts that was read from a file the tokens of the network, which it was fitted to."""
    if isinstance(baseline, input_baselines.InputsLinear):
        return baseline.with_pipeline(pipeline)
    of_texts = isinstance(baseline, text_baselines.TextClassifier | text_baselines.WordsAndCharacters)
    return baseline.with_cut(make_cut(pipeline.encoder.tokenizer)) if of_texts else baseline


def _score_windows(dataset: SequenceDataset, seen: Predictions) -> dict[str, float]:
    """Return the scores of single windows, where recordings were cut into some."""
    if dataset.windows.size is None:
        return {}
    chosen, count = seen.predicted.argmax(axis=1), len(dataset.spec.classes)
    return prefixed(f"{dataset.scored}/windows", classification.scores(seen.actual, chosen, count, seen.weight))


def _shuffle(
    model: Any, dataset: SequenceDataset, scoring: Scoring, predictions: Predictions
) -> tuple[dict[str, float], list[str]]:
    """Return the score of a network on shuffled frames, and what that says of its own; nothing without frames."""
    if dataset.spec.frame is None:
        return {}, []
    shuffled, _ = frame_control.draw_shuffled_frames(dataset.parts[dataset.scored])
    other = replace(dataset, parts={**dataset.parts, dataset.scored: shuffled})
    found = _predict(model, other, dataset.scored, scoring)
    right, moved = (one.predicted.argmax(axis=1) == one.actual for one in (predictions, found))
    accuracy = (float(right.mean()), float(moved.mean()))
    return {f"{dataset.scored}/shuffled_accuracy": accuracy[1]}, [frame_control.compare_orders(right, moved, accuracy)]


def _predict(model: Any, dataset: SequenceDataset, part: str, scoring: Scoring) -> Predictions:
    found = outputs(model, dataset, [part], scoring.batch_size)
    return dataset.restore(part, convention(dataset.spec).answers(found[part]))


def keep_baselines(dataset: SequenceDataset, report: Report) -> KeptBaselines:
    """Keep what the baselines need to label_examples others."""
    return classes.keep(dataset, report, _make_rivals(dataset))


def summary(scores: Scores) -> Iterator[str]:
    """Yield how each class is told, the surest mistakes, and how much each input counts."""
    yield from classes.say_classes(scores)
    yield from say_weights(scores.report.tables)


def baselines(dataset: Dataset) -> dict[str, Fit]:
    """Return what fits each baseline to the training part."""
    own, count = dataset.trained_on, len(dataset.spec.classes)
    if own is None:  # there is only the best constant answer, which has seen the truth
        return {"majority": partial(classification.majority, _list_labels(dataset, dataset.scored), count)}
    y = own.parts["train"].arrays["y"][own.parts["train"].indices]
    found: dict[str, Fit] = {"majority": partial(classification.majority, _list_labels(own, "train"), count)}
    if not isinstance(own, SequenceDataset):
        return found
    known = list_inputs(own, "train")
    if isinstance(own, MultiInputDataset):
        return found | input_baselines.list_fits(own.pipeline, known, y, count)
    if isinstance(dataset, TextDataset):
        cut = make_cut(dataset.pipeline.encoder.tokenizer)
        found["naive_bayes"] = partial(text_baselines.fit_naive_bayes, known, y, count, cut)
        found["tfidf_linear"] = partial(text_baselines.fit_tfidf_linear, known, y, count, cut)
        found["nb_svm"] = partial(text_baselines.fit_nb_svm, known, y, count, cut)
        found["tfidf_chars"] = partial(text_baselines.fit_tfidf_chars, known, y, count, cut)
    elif dataset.spec.frame:
        found["mean_frame"] = partial(frame_baselines.fit_mean_frame, known, y, count)
        found["mean_and_deviation"] = partial(frame_baselines.fit_mean_frame, known, y, count, deviates=True)
        found["pca"] = partial(frame_baselines.fit_frame_components, known, y, count)
        found["nearest"] = partial(sequence_baselines.fit_nearest, known, y, count)
        found["pca_minirocket"] = partial(frame_baselines.fit_frame_rocket, known, y, count)
    else:
        found["nearest"] = partial(sequence_baselines.fit_nearest, known, y, count)
        found["summary"] = partial(sequence_baselines.Summary.fit, known, y, count)
        if own.pipeline.extractor is not None:
            found["segments"] = partial(sequence_baselines.Segments.fit, known, y, count)
        found["minirocket"] = partial(minirocket.fit_minirocket, known, y, count)
    return found


def _list_labels(dataset: Dataset, part: str) -> np.ndarray:
    """Return the labels of the examples of a part, of a recording once."""
    own = dataset.parts[part]
    return dataset.truth(part) if isinstance(dataset, SequenceDataset) else own.arrays["y"][own.indices]


def list_inputs(dataset: SequenceDataset, part: str) -> list[Any]:
    """Return the texts of a part, all inputs of its examples, or its windows in the units in which a network sees them:
    distances depend on them.
    """
    indices = dataset.parts[part].indices
    if isinstance(dataset, MultiInputDataset):
        return list(dataset.pipeline.clean(dataset.examples, indices))
    if isinstance(dataset, TextDataset):
        return [dataset.texts[i] for i in indices]
    return [dataset.pipeline.scaled(one) for one in dataset.windows.split(dataset.sequences.values, indices)]


def _whole_texts(dataset: Dataset) -> list[str]:
    """Say so where baselines have read more of a text than the network: they lose nothing by a limit on memory."""
    if not isinstance(dataset, TextDataset) or dataset.trained_on is None:
        return []
    most = dataset.pipeline.encoder.max_length
    if most is None or dataset.sequences.lengths().max() < most:
        return []
    return [f"the network reads {most} tokens of a text at most; the baselines read all of it"]


def tables(dataset: Dataset, predictions: Predictions) -> dict[str, DataFrame]:
    """Return the confusion matrix, the scores of each class, and the probabilities."""
    import pandas

    names = dataset.spec.classes
    chosen = predictions.predicted.argmax(axis=1)
    columns: dict[str, Any] = {}
    if isinstance(dataset, SequenceDataset):
        indices = dataset.list_examples(dataset.scored)
        columns["example"] = [dataset.sequences.place(int(index)) for index in indices]
        if isinstance(dataset, TextDataset):
            columns["text"] = [dataset.texts[int(index)] for index in indices]
        if dataset.windows.size:
            columns["windows"] = dataset.windows.count(dataset.parts[dataset.scored].indices)
    frame = pandas.DataFrame(columns | _lay_answers(names, predictions))
    return {
        "confusion": classification.confusion(predictions.actual, chosen, names),
        "classes": classification.by_class(predictions.actual, chosen, names, predictions.weight),
        "predictions": frame,
        breakdown.WORST: breakdown.rank_mistakes(frame, predictions.predicted.max(axis=1)),
    }


def _lay_answers(names: tuple[str, ...], predictions: Predictions) -> dict[str, Any]:
    """Return the columns of true and most probable labels, and of all probabilities."""
    chosen = predictions.predicted.argmax(axis=1)
    columns: dict[str, Any] = {"actual": np.array(names)[predictions.actual], "predicted": np.array(names)[chosen]}
    return columns | {f"p({name})": predictions.predicted[:, i] for i, name in enumerate(names)}


def _lay_windows(dataset: SequenceDataset, seen: Predictions) -> dict[str, DataFrame]:
    """Return a table of what each window was taken for, where recordings were cut into some."""
    import pandas

    if dataset.windows.size is None:
        return {}
    named = dataset.windows.name_steps(dataset.sequences, dataset.parts[dataset.scored].indices[:MOST_ROWS])
    answers = {name: values[:MOST_ROWS] for name, values in _lay_answers(dataset.spec.classes, seen).items()}
    return {"windows": pandas.DataFrame({"window": named, **answers})}
