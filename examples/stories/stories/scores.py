"""Score a network on questions beside what answers them without training."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data.dataset import Predictions
from rnnexp.evaluation import breakdown, classes, classification
from rnnexp.evaluation.classes import Fit, Rivals
from rnnexp.evaluation.kept_baselines import KeptBaselines
from rnnexp.evaluation.outputs import outputs, require_finite
from rnnexp.evaluation.report import Report, Scoring
from rnnexp.models.logits import convention
from stories.baselines import LastMention, LastPlace, Rules
from stories.dataset import StoryDataset

if TYPE_CHECKING:
    from pandas import DataFrame

KINDS: dict[str, type] = {
    "majority": classification.Majority,
    "last_place": LastPlace,
    "last_mention": LastMention,
    "rules": Rules,
}


def report(model: Any, dataset: StoryDataset, scoring: Scoring) -> Report:
    """Answer the questions of the scored part, and compare with the truth and every baseline."""

    def predict(part: str) -> Predictions:
        found = outputs(model, dataset, [part], scoring.batch_size)[part]
        return dataset.restore(part, convention(dataset.spec).answers(found))

    predictions = predict(dataset.scored)
    require_finite(predictions)
    made = classes.compared(
        dataset, predictions, scoring.extra, _make_rivals(dataset), _lay_tables(dataset, predictions)
    )
    return replace(made, validation=scoring.validate(dataset, predict))


def keep_baselines(dataset: StoryDataset, report: Report) -> KeptBaselines:
    """Keep what the baselines need to answer other questions."""
    return classes.keep(dataset, report, _make_rivals(dataset))


def _make_rivals(dataset: StoryDataset) -> Rivals:
    return Rivals(partial(_list_fits, dataset), dataset.list_questions, kinds=[*KINDS.values()])


def _list_fits(dataset: StoryDataset) -> dict[str, Fit]:
    own, answers = dataset.trained_on, dataset.pipeline.answers
    known = dataset.truth(dataset.scored) if own is None else own.truth("train")
    rules: dict[str, Fit] = {name: partial(KINDS[name], answers) for name in ("last_place", "last_mention", "rules")}
    return {"majority": partial(classification.majority, known, len(answers)), **rules}


def _lay_tables(dataset: StoryDataset, predictions: Predictions) -> dict[str, DataFrame]:
    import pandas

    names, chosen = dataset.spec.classes, predictions.predicted.argmax(axis=1)
    asked = dataset.list_questions(dataset.scored)
    frame = pandas.DataFrame(
        {
            "example": [one.place for one in asked],
            "text": [one.text for one in asked],
            "story": [" ".join(one.facts) for one in asked],
            "actual": np.array(names)[predictions.actual],
            "predicted": np.array(names)[chosen],
            "probability": predictions.predicted.max(axis=1),
        }
    )
    return {
        "confusion": classification.confusion(predictions.actual, chosen, names),
        "classes": classification.by_class(predictions.actual, chosen, names),
        "predictions": frame,
        breakdown.WORST: breakdown.rank_mistakes(frame, predictions.predicted.max(axis=1)),
    }
