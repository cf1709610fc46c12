"""One run from settings to result: the lines of `run` tell the whole story."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Generator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnexp import runtime, tasks, tracking
from rnnexp.config.loss_names import find_quantiles
from rnnexp.config.settings import Experiment
from rnnexp.errors import ConfigError, DataError, count
from rnnexp.paths import name_problem, short_name
from rnnexp.run_folder import claim
from rnnexp.runner import record
from rnnexp.runner.assembly import add_memory as add_memory
from rnnexp.runner.assembly import build_model as build_model
from rnnexp.runner.assembly import evaluate as evaluate
from rnnexp.runner.assembly import evaluate_finished
from rnnexp.runner.assembly import make_plan as make_plan
from rnnexp.runner.context import Membership, RunContext
from rnnexp.runner.members import add_members
from rnnexp.runner.pretraining import Pretrained, compare_pretrained, pretrain
from rnnexp.runner.room import explain_stop, refuse_full_disk
from rnnexp.runner.samples import Samples
from rnnexp.runner.unfinished import Unfinished, add_note, end_origin, make_origin, restore, take_up, write_origin
from rnnexp.runner.warm_start import hold_taken, read_start, take_start
from rnnexp.runtime import interrupts, process_group
from rnnexp.stopping import Ending, heed_stop

if TYPE_CHECKING:
    from rnnexp.data.dataset import Dataset, Predictions
    from rnnexp.evaluation.report import Report
    from rnnexp.models.transfer import Transfer
    from rnnexp.training.compiled.kept_program import KeptProgram
    from rnnexp.training.compiled.training import CompiledTraining
    from rnnexp.training.fit import TrainingStep
    from rnnexp.training.plan import History, TrainingPlan

log = logging.getLogger("rnnexp")


@dataclass(frozen=True)
class Result:
    """What a run leaves behind.

    experiment: the settings it was trained with
    metrics:  everything that was logged at the end, by its MLflow name
    history:  one mapping of metrics per epoch, and which epoch was kept
    report:   scores beside baselines, tables, and predictions in original units
    dataset:  what it was trained and scored on
    forecast: what follows the data or `data.forecast_from`, (series, horizon, targets); None if undefined
    scored:   the part that the scores are of, "test" or "train"
    unit:     of the scored values, empty if nobody has said it
    problem:  what its disk has not taken, though the run came to its end; None if all is well
    run_id:   id of the MLflow run; None with `tracking=off`, or as long as the store does not hold the run
    run_dir:  the folder of the run
    seconds:  from the first line to the last
    """

    experiment: Experiment
    metrics: Mapping[str, float]
    history: History
    report: Report
    dataset: Dataset
    forecast: Any
    scored: str
    unit: str
    run_id: str | None
    run_dir: Path
    seconds: float
    problem: str | None = None

    @property
    def predictions(self) -> Predictions:
        """What was predicted beside the truth; `predictions.to_frame()` is a table of pandas."""
        return self.report.predictions


def run(
    experiment: Experiment,
    run_dir: Path | None = None,
    command: str = "",
    quiet: bool = False,
    member: Membership | None = None,
    unfinished: Unfinished | None = None,
) -> Result:
    """Train, score and track one experiment, alone or as a member of a sweep.

    It goes on with an `unfinished` run whose folder the caller holds, else with what `experiment.resume` finds.

    Raises ResourceError or DataError before anything is tracked, BusyError if another run holds the folder; what
    goes wrong later ends the tracked run FAILED, with the traceback as an artifact.
    """
    started = time.perf_counter()
    ending = Ending(interrupts.ending, *([member.look] if member else []))
    with ExitStack() as stack:
        if unfinished is None and member is None:
            place = run_dir or locate_runs(experiment.name)
            unfinished = stack.enter_context(take_up(experiment, place, log.info, is_run=run_dir is not None))
        run_dir = unfinished.folder if unfinished else run_dir or make_run_folder(experiment.name)
        if unfinished:
            log.info("%s", unfinished.describe())
        elif member is None:  # who runs members holds their folders, and is told when they are to end
            stack.enter_context(claim(run_dir))
        if member is None:
            stack.enter_context(heed_stop(run_dir, ending))
        write_origin(run_dir, make_origin(experiment))
        return _run(experiment, RunContext(run_dir, command, member, ending, unfinished), quiet, started)


def _run(experiment: Experiment, context: RunContext, quiet: bool, started: float) -> Result:
    member = context.member
    device = configure_runtime(experiment, member.threads if member else None)
    tracking.warm_up(
        experiment.tracking, record.name_experiment(experiment)
    )  # after Keras, whose import it would only hinder
    plan = make_plan(experiment, context.run_dir)
    dataset = load_data(experiment)
    kept = member.kept if member else None
    model = (kept.build if kept else build_model)(experiment, dataset, device)
    start = read_start(experiment)
    taken = take_start(start, model, dataset, quiet=False)
    place = context.run_dir, context.unfinished is not None
    pretrained = pretrain(experiment, dataset, model, place, context.ending)
    taken = pretrained.transfer if pretrained else taken
    plan_of_run = hold_taken(replace(add_note(plan(dataset.spec), dataset), stop=context.ending), taken, experiment)
    compiled = kept.program if kept else None
    prepared = PreparedRun(experiment, dataset, model, plan_of_run, device, None, compiled, taken, pretrained)
    from rnnexp.training.fit import run_all

    return run_all(run_steps(prepared, context, quiet=quiet, started=started))


@dataclass(frozen=True)
class PreparedRun:
    """Everything that a run is made of, ready for its first step.

    training: None, or one that has been made ready beside others, with which it shares the model
    compiled: what was compiled for the same network before, by a training that has ended
    start:    what the network has taken from a trained one; None if all its weights were drawn
    pretrained: what it has learned without labels, if that was asked for
    """

    experiment: Experiment
    dataset: Dataset
    model: Any
    plan: TrainingPlan
    device: runtime.Runtime
    training: CompiledTraining | None = None
    compiled: KeptProgram | None = None
    start: Transfer | None = None
    pretrained: Pretrained | None = None

    @property
    def engine(self) -> str:
        """What trains it, as its tag says."""
        from rnnexp.training.fit import choose_engine

        trainer, callbacks = self.experiment.trainer, self.experiment.callbacks
        return record.TOGETHER if self.training else choose_engine(trainer, callbacks, self.device.backend)[0]


def run_steps(
    prepared: PreparedRun, context: RunContext, *, quiet: bool, started: float
) -> Generator[TrainingStep, None, Result]:
    """Tell a run from the first word in MLflow to the last, asking for each step of its training."""
    from rnnexp.models.fitting_weights import refuse_large_batch
    from rnnexp.runner.refits import WalkForward, plan_refits
    from rnnexp.training.best_weights import refuse_untrained
    from rnnexp.training.compiled.batch_plan import choose_batch_size
    from rnnexp.training.fit import make_training
    from rnnexp.training.keeper import keep_trained, share_start
    from rnnexp.training.progress import Progress

    experiment, dataset, model, plan = prepared.experiment, prepared.dataset, prepared.model, prepared.plan
    code, trainer = tasks.of(dataset.spec.task), plan.trainer
    refuse_full_disk(experiment, model, context.run_dir)
    size = choose_batch_size(dataset.parts["train"], trainer.batch_size)
    refuse_large_batch(model, size, prepared.device.free_memory)
    # is compiled while the run is made known
    training = prepared.training or make_training(model, dataset, plan, prepared.compiled)
    if prepared.training is None:
        share_start(restore(training, context.unfinished, dataset) if context.unfinished else None)
    info = record.make_run_info(experiment, dataset, prepared.device, context, prepared.engine)
    kept, told = keep_trained(training.keeper), context.ending.told()
    with tracking.start(experiment.tracking, info, at_once=prepared.training is None) as tracked, kept, told:
        record.log_start(tracked, dataset, model, prepared.start)
        refits = plan_refits(experiment, dataset)
        samples = Samples(tracked, code.sampler(dataset), model, context.run_dir)
        progress = Progress(trainer.epochs, monitor=trainer.monitor, quiet=quiet, print_every=trainer.print_every)
        with interrupts.ending.asked(), context.ending.asked(), progress:
            listener = record.make_epoch_listener(tracked, context, progress, samples)
            history = yield from training.steps(listener)
        refuse_untrained(history)
        tracked.problem = explain_stop(history, context.run_dir)
        if refits:
            if context.member is None:
                training.keeper.keep_final()
            walk = WalkForward(experiment, dataset, prepared.device, refits, context.ending, prepared.start)
            report, kept_model = yield from walk.steps(model, history)
        else:
            report = yield from _report_trained(prepared, context.ending, history)
            kept_model = record.KeptModel(model, dataset, report)
        report = record.explain_defeat(report, dataset, history, experiment)
        if draw := _is_drawn(prepared, history):
            report = add_memory(report, kept_model.model, kept_model.dataset, experiment, prepared.start)
        forecast = code.forecast(kept_model.model, kept_model.dataset)
        trained = record.TrainedResult(history, report, kept_model, draw)
        metrics = record.log_end(tracked, experiment, dataset, model, trained)
        if draw:
            samples.log_final()
    if context.member is None:  # of the many runs of a sweep only those that took long
        training.keeper.keep_final()
    if not tracked.problem:
        end_origin(context.run_dir, at_once=prepared.training is None)
    scored, unit, seconds = dataset.scored, dataset.summary.unit, time.perf_counter() - started
    fields = (experiment, metrics, history, report, dataset, forecast, scored, unit)
    return Result(*fields, tracked.run_id, context.run_dir, seconds, tracked.problem)


def _report_trained(prepared: PreparedRun, ending: Ending, history: History) -> Generator[TrainingStep, None, Report]:
    """Score a trained network, its members, and what it would have been without what it has learned first."""
    experiment, dataset, model = prepared.experiment, prepared.dataset, prepared.model
    from rnnexp.data.large import release_memory

    release_memory(dataset.summary.rows)  # what compiling and training have left
    report = evaluate_finished(model, dataset, experiment, validates=True)
    report = add_members(report, model, dataset, experiment, history)
    if made := prepared.pretrained:
        report = yield from compare_pretrained(report, made, experiment, dataset, prepared.device, ending)
    return report


def _is_drawn(prepared: PreparedRun, history: History) -> bool:
    """Say whether a run gets its pictures: of many that are trained together the best, and none that was given up."""
    best = prepared.training is None or prepared.training.member.is_best()
    return best and prepared.experiment.tracking.figures and history.stopped != "pruned"


def locate_runs(name: str) -> Path:
    """Return the folder of all runs of an experiment."""
    return Path.cwd() / "runs" / short_name(name)


def make_run_folder(name: str) -> Path:
    """Make a run folder that no other run has, whatever starts in the same second."""
    if problem := name_problem(name):
        raise ConfigError(f"name: {problem}")
    folder = locate_runs(name) / f"{datetime.now():%Y-%m-%dT%H-%M-%S}-{uuid.uuid4().hex[:8]}"
    folder.mkdir(parents=True)
    return folder


def configure_runtime(experiment: Experiment, share: int | None) -> runtime.Runtime:
    """Settle backend, device and threads; `share` are the threads to take if the settings name none."""
    device = runtime.configure(
        experiment.backend,
        device=experiment.device,
        threads=experiment.threads or share,
        deterministic=experiment.deterministic,
        seed=experiment.seed,
    )
    from rnnexp.training.compiled.devices import check_devices
    from rnnexp.training.fit import choose_engine

    engine = choose_engine(experiment.trainer, experiment.callbacks, device.backend)
    devices = check_devices(experiment.trainer.devices, *engine)
    kind = device.device if devices == 1 else f"{devices} {device.device} devices"
    kind = f"{process_group.current}, {kind}" if process_group.current else kind
    log.info("backend %s (%s), %s, %s", device.backend, device.reason, kind, count(device.threads, "thread"))
    return device


def load_data(experiment: Experiment) -> Dataset:
    """Read the data; a leak is a DataError."""
    dataset = tasks.load(experiment.data)
    dataset = replace(dataset, spec=dataset.spec.with_quantiles(find_quantiles(experiment.loss)))
    leaks = tasks.check_leakage(dataset)
    if leaks:
        raise DataError("information leaks into the training:\n  " + "\n  ".join(leaks))
    if problems := tasks.of(dataset.spec.task).find_network_mistakes(dataset, experiment.model):
        raise ConfigError(*problems)
    sizes = ", ".join(f"{part} {size}" for part, size in dataset.summary.sizes.items())
    log.info("data %s: %s", dataset.summary.source, sizes)
    return dataset


def describe_network(experiment: Experiment, width: int) -> str:
    """Read the data and build the network, which is not trained; return its table of layers in lines of this width."""
    from rnnexp.models.layer_table import summarize

    device = configure_runtime(experiment, None)
    return summarize(build_model(experiment, load_data(experiment), device), width)
