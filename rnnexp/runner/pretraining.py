"""The first phase of a run that learns without labels, and what it is held against: a run without it, and probes.

What it has come to is kept in the run folder, in our own format, so that a run that goes on need not repeat it.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from rnnexp import strict, tasks
from rnnexp.config.settings import Experiment
from rnnexp.errors import count
from rnnexp.runner.assembly import build_model, evaluate_finished, make_plan
from rnnexp.stopping import Ending

if TYPE_CHECKING:
    from rnnexp.data.dataset import Dataset
    from rnnexp.evaluation.report import Report
    from rnnexp.models.transfer import Transfer
    from rnnexp.runtime import Runtime
    from rnnexp.training.fit import TrainingStep

FOLDER, LOSSES = "pretrained", "losses.json"
TABLE, METRIC = "pretraining", "pretrain/loss"

log = logging.getLogger("rnnexp")


@dataclass(frozen=True)
class Pretrained:
    """What the network of a run starts from, and the loss of each epoch that led there."""

    transfer: Transfer
    losses: list[float]


def pretrain(
    experiment: Experiment, dataset: Dataset, model: Any, place: tuple[Path, bool], ending: Ending
) -> Pretrained | None:
    """Train the recurrent layers without labels and put them into the network; None if nobody asks for it.

    place: the run folder, and whether its run goes on: then what it has kept is taken
    """
    from rnnexp.models.transfer import TrainedWeights, match_weights
    from rnnexp.models.weights import FILE, read_weights

    if experiment.pretrain is None:
        return None
    folder, kept = place[0] / FOLDER, place[1]
    if not (kept and (folder / FILE).is_file()):
        _train(experiment, dataset, folder, ending)
    losses = strict.checked(list[float], strict.read_json(folder, LOSSES).get("losses"), folder / LOSSES)
    spec = _make_examples(experiment, dataset).spec
    source = TrainedWeights("pretraining", "", read_weights(folder), spec, dataset.scaling)
    taken = match_weights(source, model, dataset.spec, dataset.scaling)
    taken.fill(model)
    for line in taken.lines():
        log.info("%s", line)
    return Pretrained(taken, losses)


def _make_examples(experiment: Experiment, dataset: Dataset) -> Any:
    settings: Any = experiment.pretrain
    code = tasks.of(dataset.spec.task)
    return code.make_pretraining(dataset, settings.task, settings.epochs, experiment.seed)


def _train(experiment: Experiment, dataset: Dataset, folder: Path, ending: Ending) -> None:
    """Train a network of the same recurrent layers, and keep its weights whole or not at all."""
    from rnnexp.models.build import build, find_given_weights
    from rnnexp.models.features import make_plain_encoder
    from rnnexp.models.weights import save_weights
    from rnnexp.training.fit import make_training, run_all
    from rnnexp.training.prepare import use_precision

    settings: Any = experiment.pretrain
    examples = _make_examples(experiment, dataset)
    log.info(
        "pretrain: %s, %s of %s",
        settings.task,
        count(settings.epochs, "epoch"),
        count(len(examples.parts["train"]), "example"),
    )
    trainer = replace(experiment.trainer, epochs=settings.epochs, **_ALONE)
    alone = replace(experiment, loss=None, callbacks={}, metrics=[], trainer=trainer)
    plan = replace(make_plan(alone, None)(examples.spec), stop=ending)
    with use_precision(trainer.precision):
        encoder = make_plain_encoder(experiment.model)
        network = build(encoder, examples.spec, experiment.seed, find_given_weights(encoder, dataset))
    with ending.asked():
        history = run_all(make_training(network, examples, plan).steps(lambda *_: None))
    losses = [row["train/loss"] for row in history.epochs]
    log.info("pretrain: loss %.4g in the first epoch, %.4g in the last", losses[0], losses[-1])
    with TemporaryDirectory(dir=folder.parent, prefix=f"{FOLDER}-") as scratch:
        made = Path(scratch, FOLDER)
        made.mkdir()
        save_weights(made, network)
        (made / LOSSES).write_text(json.dumps({"losses": losses}) + "\n", encoding="utf-8")
        os.replace(made, folder)


_ALONE: dict[str, Any] = {
    "monitor": None,
    "class_weights": None,
    "log_grad_norm": False,
    "on_divergence": "fail",
    "checkpoint_every_s": None,
    "refit_every": None,
}


def compare_pretrained(
    report: Report, made: Pretrained, experiment: Experiment, dataset: Dataset, device: Runtime, ending: Ending
) -> Generator[TrainingStep, None, Report]:
    """Add the losses and, where that is asked for, the same network without them, and linear models on encoders."""
    import pandas

    epochs = range(1, len(made.losses) + 1)
    table = pandas.DataFrame({"epoch": epochs, "loss": made.losses})
    report = replace(
        report,
        tables={**report.tables, TABLE: table},
        metrics={**report.metrics, METRIC: made.losses[-1]},
    )
    settings: Any = experiment.pretrain
    if not settings.compare:
        return report
    rivals = yield from _make_rivals(made, experiment, dataset, device, ending)
    return tasks.of(dataset.spec.task).compare_encoders(report, dataset, rivals)


def _make_rivals(
    made: Pretrained, experiment: Experiment, dataset: Dataset, device: Runtime, ending: Ending
) -> Generator[TrainingStep, None, dict[str, Any]]:
    from rnnexp.models.build import draw_weights, find_given_weights
    from rnnexp.models.features import compute_features
    from rnnexp.training.best_weights import refuse_untrained
    from rnnexp.training.fit import make_training

    network = build_model(experiment, dataset, device)

    def look() -> Any:
        return {part: compute_features(network, dataset, part) for part in ("train", dataset.scored)}.__getitem__

    probes = {"random_probe": look()}
    made.transfer.fill(network)
    probes["pretrained_probe"] = look()
    draw_weights(experiment.model, network, experiment.seed, find_given_weights(experiment.model, dataset))
    plan = replace(make_plan(experiment, None)(dataset.spec), stop=ending, callbacks=_select_ours(experiment))
    with ending.asked():
        history = yield from make_training(network, dataset, plan).steps(lambda *_: None)
    refuse_untrained(history)
    return {**probes, "scratch": evaluate_finished(network, dataset, experiment).predictions.predicted}


def _select_ours(experiment: Experiment) -> dict[str, Any]:
    """Return the callbacks that decide about a training, and write nothing."""
    return {key: one for key, one in experiment.callbacks.items() if not vars(type(one)).get("writes", False)}
