"""What a trained run says of new input: by its network, or by one of the baselines that it was scored beside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rnnexp.deploy.trained import Trained
from rnnexp.evaluation.kept_baselines import NETWORK, Choice, choose, guard_answer

if TYPE_CHECKING:
    from rnnexp.tasks.requests import PredictRequest, PredictResponse


@dataclass(frozen=True)
class Answer:
    """Predictions, and who made them: the network, or a baseline by its name."""

    response: PredictResponse
    choice: Choice

    def to_json(self, trained: Trained, rows: Mapping[str, Any]) -> dict[str, Any]:
        """Return plain values that say whose predictions these are, and how; `rows` go between the two."""
        about = {"run": trained.run.run_id if trained.run else None, "model": trained.called}
        about |= {"answered_by": self.choice.name, "kind": trained.preview.scaling.get("kind", "rows")}
        return {**about, **rows, "intervals": self.response.intervals, "notes": self.response.notes}


def predict(trained: Trained, request: PredictRequest, model: str = NETWORK) -> Answer:
    """Predict with a run's network, with one of its baselines, or with the best of them on its validation part.

    model: `network`, the name of its architecture or of a baseline, or `best`
    Raises ConfigError for a name that is none, or that was not kept; mistakes in the request as the task does.
    """
    choice = choose(trained.bundle, trained.task.baseline_kinds, model, own=trained.name)
    chosen = replace(trained, baseline=choice.baseline) if choice.baseline is not None else trained  # reads it once
    response = guard_answer(choice.name, lambda: chosen.task.predict(chosen, request))
    notes = [choice.note, *response.notes] if choice.note else response.notes
    return Answer(replace(response, notes=notes), choice)
