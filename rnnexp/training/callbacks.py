"""The built-in callbacks: stop early, lower the learning rate, keep weights on disk, write each epoch's metrics."""

from __future__ import annotations

import csv
import io
import logging
from io import SEEK_END
from math import inf
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from rnnexp.disk import DISK_FULL
from rnnexp.paths import LONGEST, name_problem
from rnnexp.registry import register
from rnnexp.training.checkpoint import WEIGHTS, mark_best, prune, save_weights
from rnnexp.training.pure_callback import Action, EpochEnd, Numbers, PureCallback
from rnnexp.training.training_state import EpochCallback, State, TrainingState

MAX_FAILURES = 3  # checkpoints in a row that the disk does not take

log = logging.getLogger("rnnexp")


@register("callback")
class early_stopping(PureCallback):
    """Stop after `patience` epochs without a better value; which weights are kept is
    `trainer.restore_best`'s to say.
    """

    name: Literal["early_stopping"] = "early_stopping"
    monitor: str | None = Field(None, description="metric to watch; null: trainer.monitor")
    patience: int = Field(10, ge=1, description="epochs without a better value before training stops")
    min_delta: float = Field(0.0, ge=0, description="a value counts as better if it is better by more than this")
    start_epoch: int = Field(1, ge=1, description="first epoch that is watched")

    def initial(self) -> State:
        return {"best": inf, "waited": 0}

    def update(self, numbers: Numbers, state: State, now: EpochEnd) -> tuple[State, Action]:
        where, watched = now.xp.where, now.epoch >= numbers["start_epoch"]
        better = watched & (now.value < state["best"] - numbers["min_delta"])
        waited = where(better, 0, state["waited"] + where(watched, 1, 0))
        stop = watched & (waited >= numbers["patience"])
        return {"best": where(better, now.value, state["best"]), "waited": waited}, Action(stop, 1.0)


@register("callback")
class plateau(PureCallback):
    """Multiply the learning rate by `factor` after `patience` epochs without a better value, on
    top of the schedule.
    """

    name: Literal["plateau"] = "plateau"
    monitor: str | None = Field(None, description="metric to watch; null: trainer.monitor")
    factor: float = Field(0.5, gt=0, lt=1, description="factor on the learning rate")
    patience: int = Field(5, ge=1, description="epochs without a better value before the rate is lowered")
    min_delta: float = Field(1e-4, ge=0, description="a value counts as better if it is better by more than this")
    cooldown: int = Field(0, ge=0, description="epochs after a reduction that are not counted")
    min_learning_rate: float = Field(0.0, ge=0, description="the learning rate is not lowered below this")

    def initial(self) -> State:
        return {"best": inf, "waited": 0, "cooling": 0}

    def update(self, numbers: Numbers, state: State, now: EpochEnd) -> tuple[State, Action]:
        where, cooling = now.xp.where, state["cooling"] > 0
        better = now.value < state["best"] - numbers["min_delta"]
        waited = where(better, 0, state["waited"] + 1)
        lower = (waited >= numbers["patience"]) & ~cooling
        after = {
            "best": where(better, now.value, state["best"]),
            "waited": where(lower | cooling, 0, waited),
            "cooling": where(lower, numbers["cooldown"], where(cooling, state["cooling"] - 1, 0)),
        }
        return after, Action(False, where(lower, _factor(numbers, now), 1.0))


def _factor(numbers: Numbers, now: EpochEnd) -> Any:
    """Return the factor for the present rate, nearer to one than `factor` only because of `min_learning_rate`."""
    lowest = now.xp.maximum(numbers["factor"], numbers["min_learning_rate"] / now.rate)
    return now.xp.where(now.rate <= numbers["min_learning_rate"], 1.0, lowest)


@register("callback")
class checkpoints(EpochCallback):
    """Save weights to `checkpoints/` in the run folder every `every` epochs and whenever an epoch is the
    best so far.
    """

    late: ClassVar[bool] = True
    writes: ClassVar[bool] = True
    name: Literal["checkpoints"] = "checkpoints"
    every: int = Field(10, ge=1, description="epochs between two checkpoints")
    keep: int = Field(2, ge=1, description="how many of the newest are kept, the best one apart")
    best: bool = Field(True, description="also save the epoch that is the best so far, and keep the last such")

    def weights_every(self) -> int | None:
        return self.every

    def weights_of_best(self) -> bool:
        return self.best

    def initial(self) -> State:
        return {"best": "", "failures": 0}

    def on_epoch_end(self, training: TrainingState, state: State) -> None:
        is_best = self.best and training.is_best
        if not is_best and training.epoch % self.every and training.epoch != training.epochs:
            return
        if training.weights is None:  # a better epoch has followed within the same second
            return
        root, weights = training.folder(self.name) / "checkpoints", training.weights()
        try:
            folder = save_weights(root, training.epoch, weights, training.metrics)
            if is_best:
                state["best"] = folder.name
                mark_best(root, folder.name, training.epoch)
            prune(root, self.keep, WEIGHTS, root / str(state["best"]))
            state["failures"] = 0
        except OSError as error:
            state["failures"] = failures = int(state["failures"]) + 1
            if failures == 1:
                told = "epoch %d could not be saved; the last good one is kept"
                log.warning(f"%s: %s: {told}", root, error.strerror, training.epoch)
            if failures == MAX_FAILURES:
                training.stop = DISK_FULL

    def copies(self, epochs: int) -> int:
        return min(self.keep, epochs // self.every + 1) + self.best + 1  # one in the making


@register("callback")
class csv_log(EpochCallback):
    """Append one row per epoch to a file in the run folder; whole rows are on disk after each epoch."""

    late: ClassVar[bool] = True
    writes: ClassVar[bool] = True
    name: Literal["csv_log"] = "csv_log"
    file: str = Field("history.csv", pattern=r"^[^/\\]+$", description="name of the file in the run folder")

    def check(self) -> list[str]:
        problem = name_problem(self.file, parts=False)
        long = len(self.file.encode(errors="replace")) > LONGEST
        return [f"file: {problem}"] if problem else [f"file: has more than {LONGEST} bytes; shorten it"] if long else []

    def initial(self) -> State:
        return {"bytes": 0, "unwritten": ""}

    def on_epoch_end(self, training: TrainingState, state: State) -> None:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, ["epoch", *training.metrics])
        if not state["bytes"] and not state["unwritten"]:
            writer.writeheader()
        writer.writerow({"epoch": training.epoch, **training.metrics})
        state["unwritten"] = str(state["unwritten"]) + text.getvalue()
        _add(training.folder(self.name) / self.file, state)


def _add(path: Path, state: State) -> None:
    """Write rows behind those that the state knows of: later ones are of a training that has been cut short.

    What a full disk does not take is written with what comes next.
    """
    data = str(state["unwritten"]).encode()
    try:
        with path.open("ab") as file:
            file.truncate(min(int(state["bytes"]), file.tell()))
            file.seek(0, SEEK_END)
            file.write(data)
    except OSError as error:
        log.warning("%s: %s; the missing rows are written once that is possible", path, error.strerror)
        return
    state["bytes"], state["unwritten"] = int(state["bytes"]) + len(data), ""
