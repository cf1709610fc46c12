"""What of a run is remembered: its parameters, tags and words at the start, its numbers and files at the end."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import yaml

from rnnexp import tasks
from rnnexp.config.flat import flat_params, list_changed, run_name
from rnnexp.config.identity import config_hash
from rnnexp.config.parse import plain_values
from rnnexp.config.settings import Experiment
from rnnexp.data.dataset import Dataset
from rnnexp.data.fingerprint import join_digests
from rnnexp.disk import DISK_FULL
from rnnexp.evaluation.figures import draw_losses
from rnnexp.evaluation.tables import lay_baselines
from rnnexp.redact import redact, redact_tree
from rnnexp.runner.context import Membership, RunContext
from rnnexp.runner.description import describe_end, describe_run
from rnnexp.runner.pretraining import TABLE as PRETRAINING
from rnnexp.runner.warm_start import TABLE, TAG, hash_files
from rnnexp.runtime.digests import hash_code
from rnnexp.runtime.machine import find_version
from rnnexp.task import LOSS, UNPENALIZED, primary, rises, split_details
from rnnexp.tracking import Data
from rnnexp.tracking.moved import NOTE
from rnnexp.tracking.names import PARAMS, write_baselines
from rnnexp.tracking.pyfunc import Served
from rnnexp.tracking.run import RunInfo

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnexp.evaluation.report import Report
    from rnnexp.models.transfer import Transfer
    from rnnexp.runner.samples import Samples
    from rnnexp.runtime import Runtime
    from rnnexp.tracking.run import Run
    from rnnexp.training.plan import History, Listener, Rows, Span
    from rnnexp.training.progress import Progress

log = logging.getLogger("rnnexp")

CODE, FILES, DATA = "rnnexp.code_digest", "rnnexp.files_digest", "rnnexp.data_digest"
BEST_BASELINE = "rnnexp.best_baseline"
TOGETHER = "vectorized"  # the engine of runs that are trained as one program

_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # the first is ten times as fast
_outlines: WeakKeyDictionary[Any, str] = WeakKeyDictionary()


def make_run_info(
    experiment: Experiment, dataset: Dataset, device: Runtime, context: RunContext, engine: str
) -> RunInfo:
    """Gather what identifies a run before it starts; `engine` is what trains it."""
    command, member, gone_on = context.command, context.member, context.unfinished
    values = plain_values(experiment)
    digest = config_hash(experiment)
    chosen = _choose_shown(command, member)
    params, changed = flat_params(experiment, chosen), list_changed(experiment, chosen)
    tags = {
        PARAMS: str(len(params)),
        "rnnexp.version": find_version("rnnexp") or "unknown",
        "rnnexp.config_hash": digest,
        DATA: dataset.summary.digest,
        **hash_origin(experiment, device.backend),
        "rnnexp.group": experiment.name,
        "rnnexp.backend": device.backend,
        "rnnexp.device": device.device,
        "rnnexp.engine": engine,
        LOSS: UNPENALIZED,
        "rnnexp.command": command,
        "rnnexp.folder": str(context.run_dir),
        **(member.tags() if member else {}),
        **(context.unfinished.tags(params) if context.unfinished else {}),
    }
    metric, greater = choose_primary_metric(dataset)
    return RunInfo(
        experiment=name_experiment(experiment),
        run_name=run_name(experiment, digest),
        params=dict(gone_on.params) or params if gone_on else params,
        tags=tags,
        config=yaml.dump(redact_tree(values), Dumper=_DUMPER, sort_keys=False, allow_unicode=True),
        description=describe_run(experiment, dataset, command, changed, context.run_dir),
        primary_metric=metric,
        greater_is_better=greater,
        run_dir=context.run_dir,
        parent=member.parent if member else None,
        key=gone_on.key if gone_on else None,
    )


def hash_origin(experiment: Experiment, backend: str) -> dict[str, str]:
    """Return the tags that tell of which code and of which files a run is the result; generated data have no files."""
    files = join_digests(hash_files(experiment))
    return {CODE: hash_code(tuple(experiment.plugins), backend), **({FILES: files} if files else {})}


def _choose_shown(command: str, member: Membership | None) -> set[str]:
    """Return the keys that a sweep varies or the command line names: they are what a reader looks for."""
    words = (word.strip("'\"").lstrip("+").partition("=") for word in command.split())
    return {key for key, equals, _ in words if equals} | set(member.varied if member else ())


def choose_primary_metric(dataset: Dataset) -> tuple[str, bool]:
    """Return the metric that a reader looks at first, and whether more of it is better."""
    name = tasks.of(dataset.spec.task).primary_metric(dataset)
    return f"{dataset.scored}/{name}", rises(name)


def name_experiment(experiment: Experiment) -> str:
    """Name the MLflow experiment after the data: the source, or the file of a CSV."""
    if experiment.tracking.experiment:
        return experiment.tracking.experiment
    path = getattr(experiment.data, "path", None)
    first = path[0] if isinstance(path, list) and path else path
    return (isinstance(first, str) and Path(redact(first)).name.partition(".")[0]) or str(experiment.data.name)


def log_start(tracked: Run, dataset: Dataset, model: Any, start: Transfer | None = None) -> None:
    """Log the data's identity, the network's shape, and what it has taken from a trained one."""
    summary = dataset.summary
    tracked.log_data(*(Data(part, summary.digest, summary.source, size) for part, size in summary.sizes.items()))
    tracked.log_text("model_summary.txt", _summarize(model))
    if start:
        tracked.log_text(TABLE, start.table())
        tracked.set_tags({TAG: start.lines()[0].removeprefix("start: ")})
    for note in summary.notes:
        log.info("data: %s", note)


def _summarize(model: Any) -> str:
    """Return Keras's table of layers, drawn once for all that are trained with one network."""
    from rnnexp.models.layer_table import summarize

    if model not in _outlines:
        _outlines[model] = summarize(model)
    return _outlines[model]


def make_epoch_listener(tracked: Run, context: RunContext, progress: Progress, samples: Samples) -> Listener:
    """Return what is called with the metrics of the epochs that have been trained since the last call."""
    member, unfinished = context.member, context.unfinished
    watch = member.watch if member else None

    def heard(first: int, rows: Rows, span: Span) -> str | None:
        timed = _time_last_only(rows)
        tracked.log_epochs(*(unfinished.drop_written(first, timed) if unfinished else (first, timed)), *span)
        for epoch, metrics in enumerate(rows, start=first):
            progress.update(epoch, metrics)
        samples.log_checkpoints()
        return watch(first + len(rows) - 1, rows[-1]) if watch else None

    return heard


def _time_last_only(rows: Rows) -> Rows:
    """Leave out times but for the last of epochs that were trained at once: they are the same for all."""
    untimed = [{key: value for key, value in row.items() if not key.startswith("time/")} for row in rows[:-1]]
    return [*untimed, rows[-1]]


def collect_best_metrics(history: History) -> dict[str, float]:
    """Return the metrics of the epoch whose weights were kept, as `best/*`."""
    quality = {key: value for key, value in history.best.items() if key.startswith(("train/", "val/"))}
    return {
        "best/epoch": float(history.best_epoch),
        **{f"best/{key}": value for key, value in quality.items()},
    }


def explain_defeat(report: Report, dataset: Dataset, history: History, experiment: Experiment) -> Report:
    """Add to the report of a network that lost why it did, where that is sure."""
    from rnnexp.evaluation import diagnosis

    size, samples = experiment.trainer.batch_size, dataset.parts["train"].samples
    steps = 1 if size == "full" else -(-samples // size)
    causes = tasks.of(dataset.spec.task).find_causes(dataset, report), experiment.model
    return diagnosis.explain_defeat(report, dataset.scored, history, steps, causes)


def collect_final_metrics(dataset: Dataset, model: Any, history: History, report: Report) -> dict[str, float]:
    """Return everything that is logged once, at the end."""
    sizes = {f"data/n_{part}": float(size) for part, size in dataset.summary.sizes.items()}
    return {
        **report.metrics,
        **collect_best_metrics(history),
        **sizes,
        "model/parameters": float(model.count_params()),
        "time/training_s": history.seconds,
    }


@dataclass(frozen=True)
class KeptModel:
    """The model that a run keeps, with the data that it was trained on, and the report on these."""

    model: Any
    dataset: Dataset
    report: Report


@dataclass(frozen=True)
class TrainedResult:
    """What a run has come to, the model that it keeps, and whether it gets pictures."""

    history: History
    report: Report
    kept: KeptModel
    draw: bool = True


def log_end(
    tracked: Run, experiment: Experiment, dataset: Dataset, model: Any, ending: TrainedResult
) -> dict[str, float]:
    """Log scores, tables, pictures and the model, and return the final metrics."""
    history, report = ending.history, ending.report
    metrics = collect_final_metrics(dataset, model, history, report)
    tracked.log_summary(*split_details(metrics, report.best_baseline))
    name = primary(metrics, dataset.scored)
    # OWA, for one, turns out not to be defined beside a Naive2 without an error.
    if name and f"{dataset.scored}/{name}" != choose_primary_metric(dataset)[0]:
        tracked.judge_by(f"{dataset.scored}/{name}", rises(name))
    note = {NOTE: describe_end(report, history, dataset.scored, tracked.description)}
    tracked.set_tags(make_outcome_tags(history, report) | write_baselines(report.metrics) | note)
    kept = history.stopped != "pruned"  # nobody looks at what was given up
    if kept and experiment.tracking.log_model:  # before all that can be made again from it
        log_model(tracked, experiment, ending.kept)
    beside = {"baselines": lay_baselines(report.metrics, dataset.scored, experiment.model.name)}
    for name, table in {**beside, **report.tables}.items():
        tracked.log_table(name, table)
    if ending.draw:
        for name, figure in draw_figures(experiment, dataset, history, report):
            tracked.log_figure(name, figure)
    return metrics


def draw_figures(
    experiment: Experiment, dataset: Dataset, history: History, report: Report
) -> Iterator[tuple[str, Figure]]:
    """Yield every picture that a run of the experiment gets, with its name."""
    loss = experiment.loss.name if experiment.loss else dataset.spec.loss
    yield from tasks.figures(dataset, history, report, loss)
    if PRETRAINING in report.tables:
        yield PRETRAINING, draw_losses(report.tables[PRETRAINING]["loss"].tolist(), "Learned without labels")


def log_model(tracked: Run, experiment: Experiment, kept: KeptModel) -> None:
    """Save the model with its preprocessing, intervals and baselines in the run folder and log it, raw rows as its
    example.
    """
    from rnnexp.models.bundle import Bundle
    from rnnexp.models.exporter import save

    model, dataset, report = kept.model, kept.dataset, kept.report
    trained = Bundle(model, dataset.spec, dataset.scaling, experiment.model, experiment.plugins)
    beside = [report.intervals, tasks.of(dataset.spec.task).keep_baselines(dataset, report)]

    def write(folder: Path) -> None:
        save(folder, trained)
        for one in filter(None, beside):
            one.write(folder)

    folder = tracked.files.write("model", write)
    example = dataset.example()
    if tracked.is_tracked:
        served = Served(replace(trained, folder=folder))  # as loaded, without building it again
        tracked.log_model(folder, example, served.predict(example))


def make_outcome_tags(history: History, report: Report) -> dict[str, str]:
    """Return the tags that say how the run ended and whether it was worth it."""
    tags = {"rnnexp.outcome": history.stopped if history.stopped in ("diverged", "pruned", DISK_FULL) else "ok"}
    if report.beats_baseline is not None:
        tags["rnnexp.beats_baseline"] = str(report.beats_baseline).lower()
    if report.best_baseline:
        tags[BEST_BASELINE] = report.best_baseline
    return tags | dict(report.tags)
