"""The last words of a run: the score beside its baselines, where things are, and what to do next."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rnnexp.config import places
from rnnexp.data.intervals import USUAL

if TYPE_CHECKING:
    from rnnexp.runner import Result

log = logging.getLogger("rnnexp")

HEADLINES = {"accuracy": "accuracy", "owa": "OWA", "rmse": "RMSE"}  # the first that a run has heads its summary


def print_summary(result: Result) -> None:
    for line in summary(result):
        log.info("%s", line)


def summary(result: Result) -> Iterator[str]:
    """Yield the lines of the summary."""
    metric = next(name for name in HEADLINES if f"{result.scored}/{name}" in result.metrics)
    yield ""
    yield _headline(result, metric)
    yield from _table(result, metric)
    yield _verdict(result, metric)
    yield from _scaled(result)
    yield from _intervals(result)
    for name, reason in result.report.skipped.items():
        yield f"  left out: {name} ({reason})"
    for note in result.report.notes:
        yield f"  note: {note}"
    yield from _forecast(result)
    yield from _whereabouts(result)


def _headline(result: Result, metric: str) -> str:
    scored = {"test": "the test part", "train": "the training part (split: none, so not an honest score)"}
    count = int(result.metrics.get(f"data/n_{result.scored}", 0))
    unit = f" in {result.units}" if result.units and metric == "rmse" else ""
    return f"{result.experiment.name}: {HEADLINES[metric]}{unit} on {scored[result.scored]}, {count} examples"


def _table(result: Result, metric: str) -> Iterator[str]:
    """Yield the model and its baselines, best first."""
    prefix = "baseline/"
    rows = {
        key.split("/")[1]: value
        for key, value in result.metrics.items()
        if key.startswith(prefix) and key.endswith(f"/{metric}") and key.count("/") == 2
    }
    rows[result.experiment.model.name] = result.metrics[f"{result.scored}/{metric}"]
    for name, value in sorted(rows.items(), key=lambda row: row[1], reverse=metric == "accuracy"):
        mark = "  <- this run" if name == result.experiment.model.name else ""
        yield f"  {name:<18} {value:>12.5g}{mark}"


def _scaled(result: Result) -> Iterator[str]:
    """Yield the errors in scaled units, in which papers report several columns at once."""
    columns = result.report.predictions.actual.shape[2:]
    if columns in ((), (1,)) and not getattr(result.experiment.data, "columns_as_series", False):
        return
    for name, prefix in ((result.experiment.model.name, result.scored), ("linear", "baseline/linear")):
        if f"{prefix}/mse_scaled" in result.metrics:
            mse, mae = result.metrics[f"{prefix}/mse_scaled"], result.metrics[f"{prefix}/mae_scaled"]
            yield f"  scaled MSE / MAE of {name}: {mse:.4f} / {mae:.4f}"


def _intervals(result: Result) -> Iterator[str]:
    """Yield what the prediction intervals are worth."""
    made, width = result.report.intervals, result.metrics.get(f"{result.scored}/interval_width_{USUAL}")
    held = made.held(USUAL) if made else None
    if made is None or held is None or width is None:
        return
    unit = f" {result.units}" if result.units else ""
    yield (
        f"  {USUAL} % intervals, from {made.examples} validation forecasts: "
        f"hold {held:.1%} of the {result.scored} values, {width:.4g}{unit} wide on average"
    )


def _verdict(result: Result, metric: str) -> str:
    best, model = result.report.best_baseline, result.experiment.model.name
    if best is None:
        return "  no baseline is defined for these data"
    skill = result.metrics.get(f"skill/{metric}")
    amount = f"skill {skill:+.3f}" if skill is not None else f"no skill can be stated, {best} is exact"
    tie = result.metrics[f"{result.scored}/{metric}"] == result.metrics[f"baseline/{best}/{metric}"]
    verdict = "beats" if result.report.beats_baseline else "is as good as" if tie else "LOSES to"
    return f"  {amount}: {model} {verdict} its best baseline, {best}"


def _forecast(result: Result) -> Iterator[str]:
    if result.forecast is None or len(result.forecast) > 1:
        return
    rows = [", ".join(f"{value:.5g}" for value in row) for row in result.forecast[0][:12]]
    more = " ..." if len(result.forecast[0]) > 12 else ""
    given = getattr(result.experiment.data, "forecast_from", None)
    follows = f"what follows {', '.join(f'{v:g}' for v in given)}" if given else "what follows the data"
    yield f"  forecast of {follows}: {' | '.join(rows)}{more}"


def _whereabouts(result: Result) -> Iterator[str]:
    history = result.history
    stopped = f" ({history.stopped})" if history.stopped else ""
    epochs = f"weights of epoch {history.best_epoch} of {len(history.epochs)}{stopped}"
    yield f"  {epochs}; {history.seconds:.1f} s of training, {result.seconds:.1f} s in all"
    yield f"  folder   {_short(result.run_dir)}"
    if result.run_id is not None:
        yield f"  run      {result.run_id}; all runs: mlflow ui"
    yield f"  next     {_again(result)} seed=0,1,2   then   rnnexp compare"


def _again(result: Result) -> str:
    shipped = result.experiment.name in places.listed("experiment")
    chosen = f"experiment={result.experiment.name}" if shipped else f"data={result.experiment.data.name}"
    return f"rnnexp train -m {chosen}"


def _short(path: Path) -> str:
    relative = os.path.relpath(path)
    return relative if not relative.startswith("..") else str(path)
