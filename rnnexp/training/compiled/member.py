"""One training as it is seen from outside its ensemble."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any

import numpy as np

from rnnexp.training.backends.base import GRAD_NORM, to_decimal
from rnnexp.training.compiled.program_settings import RUNNING

OUTSIDE = -1
Rows = list[dict[str, float]]


class Member:
    """What a training is told by its ensemble, and the weights that are its own.

    rows: metrics of the epochs since the last look;  span: when they were trained, seconds since 1970
    """

    def __init__(self, ensemble: Any, index: int) -> None:
        self.ensemble, self.index = ensemble, index
        self.epoch, self.code, self.kept_epoch, self.best_epoch, self.best = 0, RUNNING, 0, 0, inf
        self.rows: Rows = []
        self.span = (0.0, 0.0)
        spec = ensemble.specs[index]
        self._rates, self._samples = spec.rates, spec.batch_plan.train.part.samples

    @property
    def running(self) -> bool:
        return self.code == RUNNING and self.epoch < len(self._rates)

    def add_rows(self, columns: dict[str, np.ndarray], span: tuple[float, float], seconds: float) -> None:
        """Take in the metrics of some epochs, (epochs,) each, and the seconds that one of them took."""
        rates, factors = columns.pop("rate"), columns.pop("factor").tolist()
        columns.pop("ran", None)
        planned = self._rates[self.epoch : self.epoch + len(factors)]
        shown = [own if factor == 1 else to_decimal(rate) for own, factor, rate in zip(planned, factors, rates)]
        norms = {key: columns.pop(key).tolist() for key in [*columns] if key.startswith(GRAD_NORM)}
        lists = {key: values.tolist() for key, values in columns.items()} | {"opt/learning_rate": shown} | norms
        time = {"time/epoch_s": seconds, "time/samples_per_s": self._samples / max(seconds, 1e-9)}
        self.rows = [{**dict(zip(lists, values)), **time} for values in zip(*lists.values())]
        self.span = span
        self.epoch += len(self.rows)

    def update(self, state: Mapping[str, float]) -> None:
        """Take in where the training stands now."""
        self.code, self.best = int(state["stopped"]), state["best"]
        self.kept_epoch, self.best_epoch = int(state["kept_epoch"]), int(state["best_epoch"])

    def restore(self, epoch: int, state: Mapping[str, Any]) -> None:
        """Be where the training has been after `epoch` epochs."""
        self.epoch = epoch
        self.update({key: state[key].item() for key in TOLD})

    def stop(self, code: int = OUTSIDE) -> None:
        """Train no further, whatever the program thinks."""
        if self.running:
            self.code = code
            self.ensemble.stop(self.index, code)

    def weights(self, key: str) -> list[np.ndarray]:
        """Return weights, in the order of `BackendTrainer.variables`: `kept`, `best_weights`, or the `last` epoch's."""
        if key == "last":
            weights = self.ensemble.program.weights({k: self.ensemble.value(self.index, k) for k in LAST})
        else:
            weights = self.ensemble.value(self.index, key)
        return [np.asarray(value) for value in [*weights["trainable"], *weights["other"]]]

    def optimizer(self) -> list[np.ndarray]:
        """Return the state of the optimizer after the last epoch."""
        return [np.asarray(value) for value in self.ensemble.value(self.index, "optimizer")]

    def is_best(self) -> bool:
        """Say whether no training of the group is better so far, by what chooses its best weights."""
        return not any(member.best < self.best for member in self.ensemble.members)


LAST = ("trainable", "other", "optimizer")
TOLD = ("stopped", "kept_epoch", "best_epoch", "best")  # what a member knows of its state
