"""What a run is put together from: plan, network and evaluation, each made of its settings and of what is there."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnexp import registry, tasks
from rnnexp.component import is_ours
from rnnexp.config.settings import Experiment
from rnnexp.failures import describe

if TYPE_CHECKING:
    from rnnexp import runtime
    from rnnexp.data.dataset import Dataset
    from rnnexp.data.spec import TaskSpec
    from rnnexp.evaluation.report import Report, Scoring
    from rnnexp.models.transfer import Transfer
    from rnnexp.tasks.forecasting.intervals import Intervals
    from rnnexp.training.plan import TrainingPlan

log = logging.getLogger("rnnexp")


def make_plan(experiment: Experiment, run_dir: Path | None) -> Callable[[TaskSpec], TrainingPlan]:
    """Build what can be built before the data are known, so that its mistakes come first."""
    from rnnexp.models.logits import convention
    from rnnexp.training.monitor import is_scaled
    from rnnexp.training.plan import TrainingPlan
    from rnnexp.training.returned import require_loss, require_optimizer, require_schedule

    optimizer = require_optimizer(experiment.optimizer, experiment.optimizer.build())
    require_schedule(experiment.schedule, experiment.trainer.epochs)
    own = registry.names("metric")  # computed once, at the end

    def complete(spec: TaskSpec) -> TrainingPlan:
        settings = experiment.loss or registry.lookup("loss", spec.loss)()
        loss = require_loss(settings, settings.build())
        convention(spec).check(loss, settings.name)
        return TrainingPlan(
            loss=loss,
            optimizer=optimizer,
            trainer=experiment.trainer,
            metrics=list(dict.fromkeys(name for name in (*spec.metrics, *experiment.metrics) if name not in own)),
            schedule=experiment.schedule,
            callbacks=experiment.callbacks,
            seed=experiment.seed,
            run_dir=run_dir,
            grad_norm=experiment.trainer.log_grad_norm,
            scaled=is_scaled(vars(experiment.data)),
        )

    return complete


def build_model(experiment: Experiment, dataset: Dataset, device: runtime.Runtime) -> Any:
    """Build the network and say which of its layers can use the fast kernel."""
    from rnnexp.models.averaging import build_average, list_seeds
    from rnnexp.models.build import build, find_given_weights
    from rnnexp.models.bundle import find_exponents
    from rnnexp.models.fitting_weights import refuse_beyond
    from rnnexp.training.class_weights import check_weights
    from rnnexp.training.prepare import use_precision

    spec = dataset.spec
    check_weights(experiment.trainer.class_weights, spec)
    with use_precision(experiment.trainer.precision), refuse_beyond(device.free_memory, experiment.optimizer.build):
        given = find_given_weights(experiment.model, dataset)
        if experiment.ensemble == 1:
            model = build(experiment.model, spec, experiment.seed, given)
        else:
            seeds, exponents = list_seeds(experiment.seed, experiment.ensemble), find_exponents(spec, dataset.scaling)
            model = build_average(experiment.model, spec, seeds, given, exponents)
    tell_kernels(model, device)
    return model


def tell_kernels(model: Any, device: runtime.Runtime) -> None:
    """Say which layers of a network can use the fast kernel."""
    from rnnexp.models.cudnn import report_kernels

    for line in report_kernels(model, device.backend, device.device):
        log.log(logging.INFO if device.device == "gpu" else logging.DEBUG, "%s", line)


def evaluate(
    model: Any, dataset: Dataset, experiment: Experiment, intervals: Intervals | None = None, validates: bool = False
) -> Report:
    """Score a trained network beside its baselines; `intervals` are those that it has already.

    validates: whether the validation part is scored, too
    """
    return tasks.evaluate(model, dataset, make_scoring(experiment, intervals, validates))


def evaluate_finished(model: Any, dataset: Dataset, experiment: Experiment, validates: bool = False) -> Report:
    """Give a network that has been trained by gradients what is fitted beside them, and score it."""
    notes = tasks.of(dataset.spec.task).finish_network(model, dataset, experiment.model)
    report = evaluate(model, dataset, experiment, validates=validates)
    return replace(report, notes=[*report.notes, *notes])


def make_scoring(experiment: Experiment, intervals: Intervals | None = None, validates: bool = False) -> Scoring:
    """Return what is asked of the evaluations of an experiment."""
    from rnnexp.evaluation.report import Scoring

    size = experiment.trainer.batch_size
    size = size if size == "full" else max(size, 256)
    return Scoring(size, experiment.metrics, intervals, validates)


def add_memory(
    report: Report, model: Any, dataset: Dataset, experiment: Experiment, start: Transfer | None = None
) -> Report:
    """Add to a report what the network remembers, or why that is not defined; `start` is what it has taken first."""
    from rnnexp.evaluation.memory import METRIC, TABLE, count_memory, measure_memory
    from rnnexp.evaluation.report import Undefined
    from rnnexp.models.build import draw_weights, find_given_weights

    own = is_ours(type(experiment.model))

    def draw_first() -> bool:
        left = draw_weights(experiment.model, model, experiment.seed, find_given_weights(experiment.model, dataset))
        if start:
            start.fill(model)
        return not left

    try:
        table = measure_memory(model, dataset, draw_first)
    except Exception as error:  # of a user's own network, which has been trained and scored
        if own and not isinstance(error, Undefined):
            raise
        reason = str(error) if isinstance(error, Undefined) else describe(error, registry.list_plugins())
        return replace(report, skipped={**report.skipped, METRIC: reason})
    memory = {METRIC: float(count_memory(table["norm"].to_numpy()))}
    return replace(report, metrics={**report.metrics, **memory}, tables={**report.tables, TABLE: table})
