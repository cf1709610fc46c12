"""Score a tagger of frames and its baselines on the same frames."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data.dataset import Part, Predictions
from rnnexp.evaluation import breakdown, classes, classification
from rnnexp.evaluation.classes import Fit, Rivals
from rnnexp.evaluation.kept_baselines import KeptBaselines
from rnnexp.evaluation.outputs import FULL, require_finite
from rnnexp.evaluation.report import Report, Scoring
from rnnexp.models.logits import softmax
from rnnexp.tasks import frame_control
from rnnexp.tasks.tagging import report as tag_report
from rnnexp.tasks.tagging.frame_tag_baselines import (
    FrameTagger,
    MajorityLabel,
    fit_frame_tagger,
    fit_majority_label,
)
from rnnexp.tasks.tagging.frame_tags import FrameTagDataset

if TYPE_CHECKING:
    from pandas import DataFrame

# The baselines that a run keeps, by name.
KINDS: dict[str, type] = {
    "majority_label": MajorityLabel,
    "frame": FrameTagger,
    "frame_and_clip": FrameTagger,
    "frame_and_neighbors": FrameTagger,
}


def report(model: Any, dataset: FrameTagDataset, scoring: Scoring) -> Report:
    """Label the frames of the scored part, in order and shuffled, and compare each with the truth."""
    size = FULL if scoring.batch_size == "full" else scoring.batch_size

    def score(part: Part) -> np.ndarray:
        return softmax(tag_report.scores(model, part, size))

    part = dataset.parts[dataset.scored]
    predictions = dataset.restore(dataset.scored, score(part))
    require_finite(predictions)
    more = partial(_more, part, scoring)
    made = classes.compared(dataset, predictions, more, _make_rivals(dataset), tables(dataset, predictions))
    control, order = _shuffle(score, part, predictions)
    return replace(
        made,
        metrics={**made.metrics, f"{dataset.scored}/shuffled_accuracy": control},
        notes=[*made.notes, order],
        validation=scoring.validate(dataset, lambda name: dataset.restore(name, score(dataset.parts[name]))),
    )


def _shuffle(score: Any, part: Part, predictions: Predictions) -> tuple[float, str]:
    """Return the accuracy on shuffled frames, each of which keeps its label, and what that says."""
    shuffled, order = frame_control.draw_shuffled_frames(part)
    first = _first_frames(part)
    moved_labels = predictions.actual[np.repeat(first, part.arrays["length"][part.indices]) + order]
    right = predictions.predicted.argmax(axis=1) == predictions.actual
    moved = score(shuffled).argmax(axis=1) == moved_labels
    in_order, in_none = (np.add.reduceat(one.astype(float), first) for one in (right, moved))
    accuracy = (float(right.mean()), float(moved.mean()))
    return accuracy[1], frame_control.compare_orders(in_order, in_none, accuracy)


def _first_frames(part: Part) -> np.ndarray:
    return np.cumsum([0, *part.arrays["length"][part.indices][:-1]])


def _more(part: Part, scoring: Scoring, labels: np.ndarray, chosen: np.ndarray) -> dict[str, float]:
    """Score clips that are right as a whole."""
    right = np.logical_and.reduceat(labels == chosen, _first_frames(part))
    return {"sequence_accuracy": float(right.mean())} | scoring.extra(labels, chosen)


def _make_rivals(dataset: FrameTagDataset) -> Rivals:
    return Rivals(partial(baselines, dataset), dataset.list_clips, kinds=[*KINDS.values()])


def keep_baselines(dataset: FrameTagDataset, report: Report) -> KeptBaselines:
    """Keep what the baselines need to label other clips."""
    return classes.keep(dataset, report, _make_rivals(dataset))


def baselines(dataset: FrameTagDataset) -> dict[str, Fit]:
    """Return what fits each baseline to the training part."""
    count, own = len(dataset.spec.classes), dataset.trained_on
    if own is None:  # the best constant answer, which has seen the truth
        return {"majority_label": partial(fit_majority_label, dataset.truth(dataset.scored), count)}
    train, known = own.list_clips("train"), own.truth("train")
    return {
        "majority_label": partial(fit_majority_label, known, count),
        "frame": partial(fit_frame_tagger, train, known, count, "frame"),
        "frame_and_clip": partial(fit_frame_tagger, train, known, count, "clip"),
        "frame_and_neighbors": partial(fit_frame_tagger, train, known, count, "neighbors"),
    }


def tables(dataset: FrameTagDataset, predictions: Predictions) -> dict[str, DataFrame]:
    """Return the confusion matrix, the scores of each label, and every frame with its label."""
    import pandas

    names, chosen = dataset.spec.classes, predictions.predicted.argmax(axis=1)
    indices = dataset.parts[dataset.scored].indices
    lengths = dataset.sequences.lengths()[indices]
    frame = pandas.DataFrame(
        {
            "example": np.repeat([dataset.sequences.place(int(i)) for i in indices], lengths),
            "frame": np.concatenate([np.arange(1, length + 1) for length in lengths]),
            "actual": np.array(names, dtype=object)[predictions.actual],
            "predicted": np.array(names, dtype=object)[chosen],
            "probability": predictions.predicted.max(axis=1),
        }
    )
    return {
        "confusion": classification.confusion(predictions.actual, chosen, names),
        "classes": classification.by_class(predictions.actual, chosen, names),
        "predictions": frame,
        breakdown.WORST: breakdown.rank_mistakes(frame, predictions.predicted.max(axis=1)),
    }
