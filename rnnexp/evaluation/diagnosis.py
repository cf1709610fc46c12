"""Why a network loses to its best baseline: one line where its curves or its data leave no doubt, else none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.task import primary

if TYPE_CHECKING:
    from rnnexp.evaluation.report import Report
    from rnnexp.training.plan import History

DIAGNOSIS = "rnnexp.diagnosis"
TAIL = 5  # the last fifth of the epochs is held against the fifth before it
GAIN = 0.05  # share of the loss by which it falls from one to the other where training should have gone on
FEW_STEPS, ENOUGH_STEPS = 100, 500
WORSE, BETTER, APART = 1.2, 0.9, 1.5  # validation since its best epoch, training since then, and one over the other
DROPOUT = 0.3


@dataclass(frozen=True)
class Cause:
    """Why a network lost: a code to filter by, what was seen, and the override to try."""

    code: str
    seen: str
    override: str


def explain_defeat(
    report: Report, part: str, history: History, steps: int, causes: tuple[Iterable[Cause], Any]
) -> Report:
    """Add the first cause that is sure to the report of a network that lost; that of one that did not stays as it is.

    steps:  of training in each epoch
    causes: what the data say, and the settings of the model
    """
    of_data, model = causes
    skill = report.metrics.get(f"skill/{primary(report.metrics, part)}")
    if report.beats_baseline is not False or (skill is not None and skill >= 0):
        return report
    for cause in (*find_undertrained(history, steps), *of_data, *find_overfit(history.epochs, model)):
        why = f"why: {cause.seen}; try {cause.override}"
        return replace(report, why=why, tags={**report.tags, DIAGNOSIS: cause.code})
    return report


def find_undertrained(history: History, steps: int) -> Iterator[Cause]:
    """Yield the cause of a loss that was still falling when all epochs were through."""
    losses, epochs = _curve(history.epochs), len(history.epochs)
    if history.stopped is not None or not np.isfinite(losses).all() or not epochs:
        return
    tail = max(1, epochs // TAIL)
    falling = epochs > 1 and int(np.argmin(losses)) >= epochs - tail
    if falling and epochs >= 2 * tail:
        before, after = float(np.median(losses[-2 * tail : -tail])), float(np.median(losses[-tail:]))
        falling = before > 0 and after < (1 - GAIN) * before
    if falling:
        more = max(3 * epochs, -(-ENOUGH_STEPS // steps))
        seen = f"the loss was still falling at the last of {epochs} epochs ({epochs * steps} steps)"
        yield Cause("under_trained", seen, f"trainer.epochs={more}")
    elif epochs * steps < FEW_STEPS and int(np.argmin(losses)) == epochs - 1:
        more = -(-ENOUGH_STEPS // steps)
        yield Cause("under_trained", f"it was trained for {epochs * steps} steps only", f"trainer.epochs={more}")


def find_overfit(epochs: Sequence[Mapping[str, float]], model: Any) -> Iterator[Cause]:
    """Yield the cause of a validation loss that has risen for long while that of training went on falling."""
    train, val = (np.array([row.get(f"{part}/loss", np.nan) for row in epochs]) for part in ("train", "val"))
    if len(epochs) < 2 or not (np.isfinite(train).all() and np.isfinite(val).all()):
        return
    best = int(np.argmin(val))
    risen = val[-1] >= WORSE * val[best] and train[-1] <= BETTER * train[best] and val[-1] > APART * train[-1]
    usual = getattr(model, "dropout", None)
    if best < len(epochs) - 1 and risen and isinstance(usual, (int, float)) and usual < DROPOUT:
        seen = f"it overfits the training set: after epoch {best + 1} the validation loss rose from "
        seen += f"{val[best]:.3g} to {val[-1]:.3g}, while that of training fell to {train[-1]:.3g}"
        yield Cause("overfit", seen, f"model.dropout={DROPOUT}")


def _curve(epochs: Sequence[Mapping[str, float]]) -> np.ndarray:
    key = "val/loss" if any("val/loss" in row for row in epochs) else "train/loss"
    return np.array([row.get(key, np.nan) for row in epochs], dtype=float)
