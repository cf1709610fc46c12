"""What is asked of a trained run, and what it answers; each kind of input has one function that does it."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rnnexp.errors import ConfigError

if TYPE_CHECKING:
    from pandas import DataFrame

    from rnnexp.deploy.trained import Trained

# What a model takes -> the module whose `answer(trained, question)` gives its predictions.
KINDS = {
    "rows": "rnnexp.deploy.rows",
    "sequences": "rnnexp.deploy.sequences",
    "texts": "rnnexp.deploy.texts",
    "language": "rnnexp.deploy.language",
    "pairs": "rnnexp.deploy.pairs",
    "tags": "rnnexp.deploy.tags",
}


@dataclass(frozen=True)
class Question:
    """What is to be predicted.

    path:    a file or folder, for texts also a text itself; None: what follows the run's own data
    changes: of the settings by which the run reads its data
    levels:  of prediction intervals in percent; None: the usual one, if the run has it
    """

    path: str | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    levels: Sequence[int] | None = None


@dataclass(frozen=True)
class Answer:
    """Predictions, one a row: of forecasts with their dates, of labels with the probability of each.

    notes:     what to mind, one sentence each
    intervals: level -> how many errors its intervals are made from, and the share of the test values they held
    """

    frame: DataFrame
    notes: list[str] = field(default_factory=list)
    intervals: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)


def predict(trained: Trained, question: Question) -> Answer:
    """Predict with a trained run."""
    if trained.kind not in KINDS:
        raise ConfigError(f"{trained.called} takes {trained.kind}, which this version of rnnexp does not know")
    answer: Answer = importlib.import_module(KINDS[trained.kind]).answer(trained, question)
    return answer
