"""Which epoch's weights a model has in the end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.errors import DivergedError
from rnnexp.training.monitor import LOSSES, BestValue
from rnnexp.training.training_state import TrainingState

if TYPE_CHECKING:
    from rnnexp.training.plan import History

log = logging.getLogger("rnnexp")

Values = list[np.ndarray]
LIMIT = 1e30  # of a loss: its gradient's squares are beyond float32, so nothing is learned from it any more
ADVICE = "lower optimizer.learning_rate or clip the gradient (optimizer.clipnorm=1)"
DEAD_EPOCHS = 5  # with a loss that is the same to the bit


class BestWeights:
    """Hold the weights to end with, in memory: the best epoch's, or without validation the last
    finite one's.
    """

    def __init__(self, monitor: str, keep_best: bool, initial: Values) -> None:
        self.best_value = BestValue(monitor)
        self.keep_best = keep_best
        self.values = initial
        self.epoch = 0

    def update(self, epoch: int, value: float, values: Callable[[], Values]) -> bool:
        """Take in the monitored `value` of a finite epoch; return whether it is the best so far.

        Weights that are not finite, though the losses still were, raise FloatingPointError: the next epoch
        could only be worse.
        """
        candidate = values()
        if not all(np.isfinite(array).all() for array in candidate):
            raise FloatingPointError
        is_best = self.best_value.update(value, epoch)
        if is_best or not self.keep_best:
            self.values, self.epoch = candidate, epoch
        return is_best

    def numbers(self) -> dict[str, float]:
        """Return what is remembered beside the weights."""
        best = self.best_value
        return {"kept_epoch": self.epoch, "best": best.best, "best_epoch": best.best_epoch, "waited": best.epochs}

    def restore(self, values: Values, numbers: Mapping[str, Any]) -> None:
        """Take over weights, and what `numbers` has returned beside them."""
        best = self.best_value
        self.values, self.epoch = values, numbers["kept_epoch"]
        best.best, best.best_epoch, best.epochs = numbers["best"], numbers["best_epoch"], numbers["waited"]


def handle_divergence(state: TrainingState, broken: str, on_divergence: str, step: int = 0) -> None:
    """Say where a training has met infinity, as a DivergedError if that is wished.

    step: gradient steps that were done of an epoch that was broken off there; 0 if it was finished
    """
    where = f"epoch {state.epoch}, step {step}" if step else f"epoch {state.epoch}"
    rate = state.metrics["opt/learning_rate"]
    text = f"{where}: {describe_divergence(state.metrics, broken)}, at learning rate {rate:g}; {ADVICE}"
    if on_divergence == "fail":
        raise DivergedError(text)
    log.warning("%s", text)


def describe_divergence(metrics: Mapping[str, float], broken: str) -> str:
    """Say what is wrong with a loss, or with a weight, and its value where one is known."""
    shown = f" ({metrics[broken]:g})" if broken in metrics else ""
    return f"{broken} is infinite, not a number or above {LIMIT:g}{shown}"


def refuse_untrained(history: History) -> None:
    """Raise DivergedError where not even the first epoch left weights: those that are there were never trained."""
    if history.best_epoch == 0:
        last = history.epochs[-1]
        broken = find_not_finite(last) or ("a weight" if np.isfinite(last[history.monitor]) else history.monitor)
        raise DivergedError(
            f"epoch {len(history.epochs)}: {describe_divergence(last, broken)}, and no epoch has left trained weights "
            f"to score, whatever trainer.on_divergence says; {ADVICE}"
        )


def find_not_finite(metrics: Mapping[str, float]) -> str | None:
    """Return the name of a loss that is not a number or beyond all bounds, None if none is."""
    return next((name for name in LOSSES if not abs(metrics.get(name, 0.0)) < LIMIT), None)


def is_dead(rows: Sequence[Mapping[str, float]]) -> bool:
    """Say whether a training has just shown the same loss to the bit for the last epochs, and never learned anything.

    One that has converged is below its first epoch, of which the untrained network was a part.
    """
    name = next((name for name in ("train/total_loss", "train/loss") if rows and name in rows[0]), "train/loss")
    first, recent = [[row.get(name) for row in part] for part in (rows[:1], rows[-DEAD_EPOCHS - 1 :])]
    last, before = recent[-DEAD_EPOCHS:], recent[:-DEAD_EPOCHS]
    still = len(last) == DEAD_EPOCHS and last.count(last[0]) == DEAD_EPOCHS and before != [last[0]]
    return still and bool(last[0]) and last[0] >= first[0] and rows[-1]["opt/learning_rate"] > 0  # type: ignore[operator]


def warn_of_death(rows: Sequence[Mapping[str, float]]) -> None:
    """Say once that a training learns nothing; it goes on, as it may have been asked to."""
    if is_dead(rows):
        log.warning(
            "epoch %d: the loss has been %g to the bit for %d epochs and is not below that of the first: the network "
            "learns nothing; try another optimizer.learning_rate or model.activation, optimizer.clipnorm=1, or "
            "trainer.precision=float32",
            *(len(rows), rows[-1]["train/loss"], DEAD_EPOCHS),
        )
