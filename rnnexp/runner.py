"""One run from settings to result: the lines of `run` tell the whole story."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnexp import record, registry, runtime, tasks, tracking
from rnnexp.config.settings import Experiment
from rnnexp.errors import ConfigError, DataError, DivergedError, count
from rnnexp.paths import name_problem, short_name
from rnnexp.run_folder import claimed
from rnnexp.samples import Samples

if TYPE_CHECKING:
    from rnnexp.data.dataset import Dataset, Predictions
    from rnnexp.data.spec import TaskSpec
    from rnnexp.evaluation.report import Report
    from rnnexp.tasks.forecasting.intervals import Intervals
    from rnnexp.training.engine.compiled import CompiledTraining
    from rnnexp.training.fit import Step
    from rnnexp.training.history import History
    from rnnexp.training.plan import Plan

DRAWN = 3  # of runs that are trained together, the best so many get their pictures at once

log = logging.getLogger("rnnexp")


@dataclass(frozen=True)
class Result:
    """What a run leaves behind.

    metrics:  everything that was logged at the end, by its MLflow name
    history:  one mapping of metrics per epoch, and which epoch was kept
    report:   scores beside baselines, tables, and predictions in original units
    forecast: what follows the data or `data.forecast_from`, (series, horizon, targets); None if undefined
    scored:   the part that the scores are of, "test" or "train"
    run_id:   of the MLflow run; None with `tracking=off`
    seconds:  from the first line to the last
    """

    experiment: Experiment
    metrics: Mapping[str, float]
    history: History
    report: Report
    forecast: Any
    scored: str
    unit: str
    run_id: str | None
    run_dir: Path
    seconds: float

    @property
    def predictions(self) -> Predictions:
        return self.report.predictions


def run(
    experiment: Experiment,
    run_dir: Path | None = None,
    command: str = "",
    quiet: bool = False,
    member: record.Membership | None = None,
) -> Result:
    """Train, score and track one experiment, alone or as a member of a sweep.

    Raises ResourceError or DataError before anything is tracked, BusyError if another run holds the folder; what
    goes wrong later ends the tracked run FAILED, with the traceback as an artifact.
    """
    started = time.perf_counter()
    run_dir = run_dir or new_folder(experiment.name)
    with claimed(run_dir):
        return _run(experiment, record.Occasion(run_dir, command, member), quiet, started)


def _run(experiment: Experiment, occasion: record.Occasion, quiet: bool, started: float) -> Result:
    member = occasion.member
    device = configured(experiment, member.threads if member else None)
    tracking.warm_up(experiment.tracking)  # after Keras, whose import it would only hinder
    plan = planned(experiment, occasion.run_dir)
    dataset = loaded(experiment)
    model = built(experiment, dataset, device)
    subject = Subject(experiment, dataset, model, plan(dataset.spec), device)
    from rnnexp.training.fit import finish

    return finish(story(subject, occasion, quiet=quiet, started=started))


@dataclass(frozen=True)
class Subject:
    """Everything that a run is made of, ready for its first step.

    training: None, or one that has been made ready beside others, with which it shares the model
    """

    experiment: Experiment
    dataset: Dataset
    model: Any
    plan: Plan
    device: runtime.Runtime
    training: CompiledTraining | None = None

    @property
    def engine(self) -> str:
        """What trains it, as its tag says."""
        from rnnexp.training.engine.choice import choose

        trainer, callbacks = self.experiment.trainer, self.experiment.callbacks
        return "vectorized" if self.training else choose(trainer, callbacks, self.device.backend)[0]


def story(subject: Subject, occasion: record.Occasion, *, quiet: bool, started: float) -> Generator[Step, None, Result]:
    """Tell a run from the first word in MLflow to the last, asking for each step of its training."""
    from rnnexp.training.fit import training
    from rnnexp.training.progress import Progress

    experiment, dataset, model, plan = subject.experiment, subject.dataset, subject.model, subject.plan
    code = tasks.of(dataset.spec.task)
    told = subject.training or training(model, dataset, plan)  # is compiled while the run is made known
    info = record.run_info(experiment, dataset, subject.device, occasion, subject.engine)
    with tracking.start(experiment.tracking, info, at_once=subject.training is None) as tracked:
        record.log_start(tracked, dataset, model)
        samples = Samples(tracked, code.sampler(dataset), model, occasion.run_dir)
        with Progress(plan.trainer.epochs, monitor=plan.trainer.monitor, quiet=quiet) as progress:
            history = yield from told.steps(record.hearing(tracked, occasion.member, progress, samples))
        _refuse_untrained(history)
        report = evaluated(model, dataset, experiment)
        forecast = code.forecast(model, dataset)
        draw = subject.training is None or subject.training.seat.leads(DRAWN)
        ending = record.Ending(history, report, draw)
        metrics = record.log_end(tracked, experiment, dataset, model, ending)
        if draw and experiment.tracking.figures:
            samples.end()
    scored, unit, seconds = dataset.scored, dataset.summary.unit, time.perf_counter() - started
    found = (experiment, metrics, history, report, forecast, scored, unit)
    return Result(*found, tracked.run_id, occasion.run_dir, seconds)


def _refuse_untrained(history: History) -> None:
    """Raise DivergedError where not even the first epoch left weights: those that are there were never trained."""
    if history.best_epoch == 0:
        raise DivergedError(
            f"not one epoch had a finite {history.monitor}, so there are no trained weights to score, whatever "
            "trainer.on_divergence says; lower optimizer.learning_rate or clip the gradient (optimizer.clipnorm=1)"
        )


@dataclass(frozen=True)
class Rehearsal:
    """What is known of an experiment before it is run.

    parameters: of the network;  validated: whether there is a validation part
    primary: metric that a reader looks at first, and whether more of it is better
    first_epoch_s, epoch_s: wall time with and without compilation; None if no epoch was tried
    """

    parameters: int
    validated: bool
    primary: tuple[str, bool]
    first_epoch_s: float | None = None
    epoch_s: float | None = None


def rehearse(experiment: Experiment, threads: int | None = None, epochs: int = 0) -> Rehearsal:
    """Read the data and build the network; nothing is written. At most `epochs` epochs are tried for their time.

    Raises what `run` would raise before its first epoch; what goes wrong in an epoch is left to the run.
    """
    device = configured(experiment, threads)
    plan = planned(experiment, Path())
    dataset = loaded(experiment)
    model = built(experiment, dataset, device)
    times = _tried(model, dataset, plan(dataset.spec), epochs) if epochs else []
    validated = bool(dataset.parts.get("val"))
    first, last = (times[0], times[-1]) if times else (None, None)
    return Rehearsal(int(model.count_params()), validated, record.primary_metric(dataset), first, last)


def _tried(model: Any, dataset: Dataset, plan: Plan, epochs: int) -> list[float]:
    """Return the seconds of the first epochs, trained without callbacks."""
    from rnnexp.training.fit import fit

    times: list[float] = []

    def heard(epoch: int, metrics: Mapping[str, float]) -> str | None:
        times.append(metrics["time/epoch_s"])
        return "tried" if epoch >= epochs else None

    try:
        fit(model, dataset, replace(plan, callbacks={}, run_dir=None), heard)
    except Exception as error:  # the run will say it, where it belongs
        log.debug("the trial epochs failed", exc_info=error)
    return times


def new_folder(name: str) -> Path:
    """Make a run folder that no other run has, whatever starts in the same second."""
    if problem := name_problem(name):
        raise ConfigError(f"name: {problem}")
    folder = Path.cwd() / "runs" / short_name(name) / f"{datetime.now():%Y-%m-%dT%H-%M-%S}-{uuid.uuid4().hex[:6]}"
    folder.mkdir(parents=True)
    return folder


def configured(experiment: Experiment, share: int | None) -> runtime.Runtime:
    """Settle backend, device and threads; `share` are the threads to take if the settings name none."""
    found = runtime.configure(
        experiment.backend,
        device=experiment.device,
        threads=experiment.threads or share,
        deterministic=experiment.deterministic,
        seed=experiment.seed,
    )
    log.info("backend %s (%s), %s, %s", found.backend, found.reason, found.device, count(found.threads, "thread"))
    return found


def planned(experiment: Experiment, run_dir: Path) -> Callable[[TaskSpec], Plan]:
    """Build what can be built before the data are known, so that its mistakes come first."""
    from rnnexp.models.logits import convention
    from rnnexp.training.monitor import is_scaled
    from rnnexp.training.plan import Plan

    optimizer = experiment.optimizer.build()
    own = registry.names("metric")  # computed once, at the end

    def complete(spec: TaskSpec) -> Plan:
        settings = experiment.loss or registry.lookup("loss", spec.loss)()
        loss = settings.build()
        convention(spec).check(loss, settings.name)
        return Plan(
            loss=loss,
            optimizer=optimizer,
            trainer=experiment.trainer,
            metrics=list(dict.fromkeys(name for name in (*spec.metrics, *experiment.metrics) if name not in own)),
            schedule=experiment.schedule,
            callbacks=experiment.callbacks,
            seed=experiment.seed,
            run_dir=run_dir,
            grad_norm=experiment.trainer.grad_norm,
            scaled=is_scaled(vars(experiment.data)),
        )

    return complete


def loaded(experiment: Experiment) -> Dataset:
    """Read the data; a leak is a DataError."""
    dataset = tasks.load(experiment.data)
    leaks = tasks.check_leakage(dataset)
    if leaks:
        raise DataError("information leaks into the training:\n  " + "\n  ".join(leaks))
    sizes = ", ".join(f"{part} {size}" for part, size in dataset.summary.sizes.items())
    log.info("data %s: %s", dataset.summary.source, sizes)
    return dataset


def built(experiment: Experiment, dataset: Dataset, device: runtime.Runtime) -> Any:
    """Build the network and say which of its layers can use the fast kernel."""
    from rnnexp.models.build import build
    from rnnexp.models.kernel import kernel_report
    from rnnexp.training.class_weights import check_weights
    from rnnexp.training.prepare import precision

    check_weights(experiment.trainer.class_weights, dataset.spec)
    with precision(experiment.trainer.precision):
        model = build(experiment.model, dataset.spec, experiment.seed, dataset.vectors)
    for line in kernel_report(model, device.backend, device.device):
        log.info("%s", line)
    return model


def evaluated(model: Any, dataset: Dataset, experiment: Experiment, intervals: Intervals | None = None) -> Report:
    """Score a trained network beside its baselines; `intervals` are those that it has already."""
    from rnnexp.evaluation.scoring import Scoring

    size = experiment.trainer.batch_size
    size = size if size == "full" else max(size, 256)
    return tasks.evaluate(model, dataset, Scoring(size, experiment.metrics, intervals))
