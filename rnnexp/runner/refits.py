"""A run that walks forward through its test part: it is trained again on the way, to forecast as far as the next time.

The first training is that of any run, with its curves and checkpoints. Killed later, a run goes on from its end and
walks again. The last model is the one that is kept.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rnnexp import tasks
from rnnexp.config.settings import Experiment
from rnnexp.data.dataset import Dataset
from rnnexp.errors import DataError, count
from rnnexp.runner.assembly import build_model, evaluate, make_plan, make_scoring
from rnnexp.runner.record import KeptModel
from rnnexp.runner.warm_start import hold_taken, take_start
from rnnexp.stopping import Ending
from rnnexp.task import primary

if TYPE_CHECKING:
    from rnnexp.evaluation.report import Report
    from rnnexp.models.transfer import Transfer
    from rnnexp.runtime import Runtime
    from rnnexp.training.fit import TrainingStep
    from rnnexp.training.plan import History

log = logging.getLogger("rnnexp")

REFITS = "refits"  # the name of the table


@dataclass(frozen=True)
class WalkForward:
    """What the trainings after the first one are made of.

    refits: makes the data of each, those of the first among them;  ending: asked on the way whether to end
    start:  what each network takes from a trained one
    """

    experiment: Experiment
    dataset: Dataset
    device: Runtime
    refits: Sequence[Callable[[], Dataset]]
    ending: Ending
    start: Transfer | None = None

    def steps(self, model: Any, history: History) -> Generator[TrainingStep, None, tuple[Report, KeptModel]]:
        """Forecast the test part by a model for each refit, of which the first is trained; return the report on all of
        it, and the last model.
        """
        rows: list[dict[str, Any]] = []
        reports: list[Report] = []
        code, last = tasks.of(self.dataset.spec.task), len(self.refits) - 1
        for number, refit in enumerate(self.refits):
            dataset = refit()
            if number:
                model, history = yield from self._train(dataset)
            report = evaluate(model, dataset, self.experiment, validates=number in (0, last))
            rows.append({**code.describe_refit(dataset), **_describe(dataset, history, report)})
            log.info("refit %d of %d: %s", number, last, _say(rows[-1]))
            reports.append(report)
        joined = tasks.join_refits(self.dataset, reports, make_scoring(self.experiment))
        chosen = {name: value for name, value in reports[0].metrics.items() if name.startswith("best/")}
        joined = replace(joined, metrics={**joined.metrics, **chosen})  # of the training whose history is the run's
        return _finish(joined, rows), KeptModel(model, dataset, reports[-1])

    def _train(self, dataset: Dataset) -> Generator[TrainingStep, None, tuple[Any, History]]:
        """Train a network anew, from the same first weights; nothing of it is written."""
        from rnnexp.training.best_weights import refuse_untrained
        from rnnexp.training.fit import make_training

        if leaks := tasks.check_leakage(dataset):
            raise DataError("information leaks into a refit:\n  " + "\n  ".join(leaks))
        model = build_model(self.experiment, dataset, self.device)
        taken = take_start(self.start.source if self.start else None, model, dataset)
        plan = replace(make_plan(self.experiment, None)(dataset.spec), stop=self.ending)
        plan = hold_taken(plan, taken, self.experiment)
        with self.ending.asked():
            history = yield from make_training(model, dataset, plan).steps(lambda *_: None)
        refuse_untrained(history)
        return model, history


def plan_refits(experiment: Experiment, dataset: Dataset) -> Sequence[Callable[[], Dataset]]:
    """Return what makes the data of each training, none if one is all; say how many there will be."""
    every = experiment.trainer.refit_every
    if every is None:
        return []
    refits = tasks.of(dataset.spec.task).list_refits(dataset, every)
    trainings, rows = count(len(refits), "training"), count(every, "row")
    log.info("walk-forward: %s, one for %s of the test set, each of at least the first one's time", trainings, rows)
    return refits


def load_kept(experiment: Experiment, dataset: Dataset) -> Dataset:
    """Return the data that the model which a run keeps was trained on: of a walk those of the last refit."""
    refits = plan_refits(experiment, dataset)
    return refits[-1]() if refits else dataset


def _describe(dataset: Dataset, history: History, report: Report) -> dict[str, Any]:
    metric = primary(report.metrics, dataset.scored)
    return {
        "epochs": len(history.epochs),
        "best_epoch": history.best_epoch,
        "seconds": round(history.seconds, 3),
        "forecasts": len(report.predictions.actual),
        "metric": metric,
        "score": report.metrics[f"{dataset.scored}/{metric}"],
        "best_baseline": report.best_baseline,
        "baseline_score": report.metrics.get(f"baseline/{report.best_baseline}/{metric}"),
    }


def _say(row: dict[str, Any]) -> str:
    said = f"{row['metric']} {row['score']:.5g} of {count(row['forecasts'], 'forecast')}"
    base = row["baseline_score"]
    return said + ("" if base is None else f", {row['best_baseline']} {base:.5g}")


def _finish(joined: Report, rows: list[dict[str, Any]]) -> Report:
    """Add the table of refits, and say which model is kept."""
    import pandas

    table = pandas.DataFrame(rows)
    table.insert(0, "refit", range(len(rows)))
    note = (
        f"walk-forward: {count(len(rows), 'training')}, with scaler and baselines, on the rows before what each "
        f"forecasts; the model that is kept is the last one, which was trained on the data up to {rows[-1]['known_to']}"
    )
    return replace(
        joined,
        tables={**joined.tables, REFITS: table},
        metrics={**joined.metrics, "time/refits_s": float(table["seconds"][1:].sum())},
        notes=[*joined.notes, note],
    )
