"""The score of a trained run: on its own data again, or on others."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from rnnexp import runner, tasks
from rnnexp.deploy.trained import ChangedDataError, Trained, own_data
from rnnexp.errors import ConfigError, RnnexpError, did_you_mean
from rnnexp.runner import record

if TYPE_CHECKING:
    from rnnexp.data.dataset import Dataset
    from rnnexp.evaluation.report import Report
    from rnnexp.tracking.query import TrackedRun

SAME = 1e-4  # relative: a score on another backend or device differs by less
ROUNDING = 1e-6  # of the actual values' deviation: a score that is next to nothing has no digits to compare
LEFT_OUT = "baselines that learn are left out"


@dataclass(frozen=True)
class Scored:
    """The scores of a model on the scored part of a dataset, and what to mind."""

    dataset: Dataset
    report: Report
    notes: Sequence[str] = field(default_factory=list)


def score(trained: Trained, changes: Mapping[str, Any], part: str | None = None) -> Scored:
    """Score a run on data that differ from its own by `changes`, whole; without any on a part of its own, by default
    the one that it was scored on.

    The stored preprocessing is applied to other data, never fitted to them. Raises ConfigError for a part that is
    not there, DataError for data that the model cannot take.
    """
    if changes and part:
        raise ConfigError("--part is of the run's own data; those of --data are scored whole")
    return _on_others(trained, changes) if changes else _on_its_own(trained, part)


def _on_its_own(trained: Trained, part: str | None) -> Scored:
    experiment = trained.configuration()
    dataset = own_data(trained, "a score")
    part = part or dataset.scored
    if not dataset.parts.get(part):
        raise ConfigError(
            f"--part {part}: the data of {trained.called} have the sets {', '.join(dataset.parts)}"
            f"{did_you_mean(part, dataset.parts)}"
        )
    bundle = trained.load()
    report = runner.evaluate(bundle.model, replace(dataset.for_model(bundle.spec), scored=part), experiment)
    if experiment.trainer.refit_every:
        note: str | None = "the model and the sets are those of the last refit (trainer.refit_every)"
    else:
        note = other_score(trained.run, dataset, report) if trained.run and part == dataset.scored else None
    return Scored(replace(dataset, scored=part), report, [note] if note else [])


def other_score(run: TrackedRun, dataset: Dataset, report: Report) -> str | None:
    """Say that the model scores otherwise than in its run, on the same data."""
    metric, _ = record.choose_primary_metric(dataset)
    now, then = report.metrics.get(metric), run.metrics.get(metric)
    if now is None or then is None:
        return None
    actual = report.predictions.actual
    least = ROUNDING * float(actual.std()) if actual.dtype.kind in "fiu" else 0.0
    if math.isclose(now, then, rel_tol=SAME, abs_tol=least):
        return None
    return f"{metric} is {now:.6g} here and was {then:.6g} in the run, on the same data: another device or version"


def _on_others(trained: Trained, changes: Mapping[str, Any]) -> Scored:
    """Score all of other data beside the baselines of the run, and say how much of them it has learned from."""
    task = trained.task
    other = task.other_data(trained, changes)
    dataset, extras = other.dataset, task.extras(trained.bundle, trained.preprocessor)
    own, why = _own(trained, task.examples)
    notes = [*other.notes, *why]
    if own is not None:
        dataset = task.beside(dataset, own)
        notes += filter(None, [task.seen(dataset, own)])
    model = trained.load().model
    if trained.experiment:
        return Scored(dataset, runner.evaluate(model, dataset, trained.experiment, extras), notes)
    from rnnexp.evaluation.report import Scoring

    return Scored(dataset, tasks.evaluate(model, dataset, Scoring("full", intervals=extras)), notes)


def _own(trained: Trained, what: str) -> tuple[Any, list[str]]:
    """Return the data of the run, to which its baselines are fitted again; None and why if they are not there."""
    if trained.experiment is None:
        reason = f"the model has no record of its training data: {what} that it was trained on cannot be identified"
        return None, [f"{reason}, {LEFT_OUT}"]
    try:
        own = own_data(trained, "a score")
    except RnnexpError as error:
        changed = isinstance(error, ChangedDataError)
        reason = "its own data have changed since" if changed else str(error)
        return None, [f"{what} that the run was trained on cannot be identified: {reason}; {LEFT_OUT}"]
    return own, []
