"""Pretraining for labels: what it asks of a network, and what the encoders before and after it are worth.

A linear probe is a logistic regression on what a network gives to its output layer: Alain and Bengio, Understanding
intermediate layers using linear classifier probes, 2016.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from rnnexp.data.sequences import SequenceDataset
from rnnexp.data.unlabeled import describe_pretraining
from rnnexp.evaluation.classes import add_rivals
from rnnexp.evaluation.classification import make_logistic
from rnnexp.evaluation.report import Report
from rnnexp.models.features import make_plain_encoder

Features = Callable[[str], np.ndarray]  # the name of a part -> (m, features) of its windows


def find_mistakes(experiment: Any) -> list[str]:
    """List why a network cannot be pretrained on these data."""
    settings, model, spec = experiment.top.pretrain, experiment.model, experiment.data.outline()
    problems = []
    if vars(model).get("start") is not None:
        problems.append("pretrain: given beside model.start; give one of them")
    if experiment.top.ensemble > 1:
        problems.append("pretrain: given beside ensemble; pretrain one network, and start the ensemble from its run")
    if spec.several:
        return [*problems, "pretrain: reads sequences or texts, and these data have several inputs; leave it out"]
    if settings.task == "masked" and spec.inputs["past"].vocabulary is not None:
        problems.append("pretrain.task: masked hides numbers, and these data are texts; use next")
    if settings.task == "next" and vars(model).get("bidirectional"):
        problems.append(
            "pretrain.task: next is known to a network that reads backwards, too; use model.bidirectional=false, or "
            "masked for numbers"
        )
        return problems
    if vars(model).get("patch_size"):
        problems.append("pretrain: given beside model.patch_size: there is no output for each step; leave one out")
    plain = make_plain_encoder(model)
    if plain is None:
        return [*problems, f"pretrain: model={model.name} has no recurrent layers of ours that give an output per step"]
    from rnnexp.models.recurrent_checks import check_spec

    return problems + [f"pretrain: {one}" for one in check_spec(plain, describe_pretraining(spec, settings.task))]


def compare_encoders(report: Report, dataset: SequenceDataset, rivals: Mapping[str, Any]) -> Report:
    """Add other networks' probabilities (n, classes), and linear models on features that encoders give."""
    made = {name: one if isinstance(one, np.ndarray) else fit_probe(dataset, one) for name, one in rivals.items()}
    return add_rivals(report, dataset, lambda actual, predicted: {}, made)


def fit_probe(dataset: SequenceDataset, features: Features) -> np.ndarray:
    """Return the probabilities (n, classes) that a logistic regression gives for the scored part."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    train, scaler = dataset.parts["train"], StandardScaler()
    inputs = scaler.fit_transform(features("train"))
    model = LogisticRegression(max_iter=5000).fit(inputs, train.arrays["y"][train.indices])
    answers = make_logistic(model, len(dataset.spec.classes)).predict(scaler.transform(features(dataset.scored)))
    return dataset.vote(dataset.scored, answers)
