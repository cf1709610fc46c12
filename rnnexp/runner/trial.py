"""A look at an experiment before it is run: what it is made of, and how long an epoch takes."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnexp import runner, tasks
from rnnexp.config.settings import Experiment
from rnnexp.runner import record
from rnnexp.runner.refits import plan_refits
from rnnexp.runner.warm_start import read_start, take_start

if TYPE_CHECKING:
    from rnnexp.data.dataset import Dataset
    from rnnexp.training.plan import TrainingPlan

log = logging.getLogger("rnnexp")


@dataclass(frozen=True)
class TrialRun:
    """What is known of an experiment before it is run.

    parameters: of the network;  validated: whether there is a validation part
    primary: metric that a reader looks at first, and whether more of it is better
    setup_s: wall time of all that comes before an epoch
    first_epoch_s, epoch_s: wall time with and without compilation; None if no epoch was tried
    validation_score: metric of the validation part in original units, None if there is none
    trainings: how often it is trained, more than once where it walks forward
    """

    parameters: int
    validated: bool
    primary: tuple[str, bool]
    setup_s: float
    first_epoch_s: float | None = None
    epoch_s: float | None = None
    trainings: int = 1
    validation_score: str | None = None


def try_run(experiment: Experiment, threads: int | None = None, epochs: int = 0) -> TrialRun:
    """Read the data and build the network; nothing is written. At most `epochs` epochs are tried for their time.

    Raises what `run` would raise before its first epoch; what goes wrong in an epoch is left to the run.
    """
    began = time.perf_counter()
    device = runner.configure_runtime(experiment, threads)
    plan = runner.make_plan(experiment, Path())
    dataset = runner.load_data(experiment)
    model = runner.build_model(experiment, dataset, device)
    take_start(read_start(experiment), model, dataset)
    setup_s = time.perf_counter() - began
    times = _time_epochs(model, dataset, plan(dataset.spec), epochs) if epochs else []
    validated = bool(dataset.parts.get("val"))
    first, last = (times[0], times[-1]) if times else (None, None)
    trainings = max(1, len(plan_refits(experiment, dataset)))
    primary = record.choose_primary_metric(dataset)
    judge = tasks.of(dataset.spec.task).judge_validation(dataset) if validated else None
    score = judge[0] if judge else None
    return TrialRun(int(model.count_params()), validated, primary, setup_s, first, last, trainings, score)


def _time_epochs(model: Any, dataset: Dataset, plan: TrainingPlan, epochs: int) -> list[float]:
    """Return the seconds of the first epochs, trained without callbacks."""
    from rnnexp.training.fit import fit

    times: list[float] = []

    def heard(epoch: int, metrics: Mapping[str, float]) -> str | None:
        times.append(metrics["time/epoch_s"])
        return "tried" if epoch >= epochs else None

    trainer = replace(plan.trainer, epochs=max(plan.trainer.epochs, epochs))  # the first one alone is compiled, too
    try:
        fit(model, dataset, replace(plan, trainer=trainer, callbacks={}, run_dir=None), heard)
    except Exception as error:  # the run will say it, where it belongs
        log.debug("the trial epochs failed", exc_info=error)
    return times
