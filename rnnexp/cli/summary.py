"""The last words of a run: the score beside its baselines, where things are, and what to do next."""

from __future__ import annotations

import logging
import os
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rnnexp import registry, tasks
from rnnexp.evaluation.memory import describe_memory
from rnnexp.evaluation.report import Scores
from rnnexp.redact import redact, redact_words
from rnnexp.task import Metric, metric_of, reported, rises
from rnnexp.tracking.journal import RunJournal

if TYPE_CHECKING:
    from rnnexp.runner import Result

log = logging.getLogger("rnnexp")


def print_summary(result: Result, words: Sequence[str]) -> None:
    """Print the summary of a run that was asked for by `words` after `rnnexp train`."""
    compared = "   then   rnnexp compare" if _is_stored(result) else ""  # which reads what is tracked
    for line in [*summary(result), f"  next     {_again(words)}{compared}"]:
        log.info("%s", line)


def summary(result: Result) -> Iterator[str]:
    """Yield the lines of the summary."""
    model, data = result.experiment.model, result.experiment.data
    found = (result.metrics, result.report, result.scored, result.unit)
    scores = Scores(model.name, data.task, *found, source=data)
    scored = {"test": "the test set", "train": "the training set (split: none, so the score is optimistic)"}
    yield ""
    yield f"{result.experiment.name}: {headline(scores, scored[result.scored])}"
    yield from verdict(scores)
    yield from _forecast(result)
    yield from _whereabouts(result)


def headline(scores: Scores, of: str) -> str:
    """Say what was measured, on what, and on how many examples."""
    metric = metric_of(scores.metric) or Metric(scores.metric, scores.metric)
    code = tasks.of(scores.task)
    pooled = code.find_unit(scores) if metric.in_units else None
    unit = f" in {pooled}" if pooled else ""
    counted = code.find_counted(scores) or metric.counted
    what = scores.unit or counted if metric.counted == "tokens" else counted
    return f"{metric.label}{unit} on {of}, {len(scores.report.predictions.actual)} {what}{code.explain_score(scores)}"


def verdict(scores: Scores) -> Iterator[str]:
    """Yield the model among its baselines, what that is worth, and what is not defined."""
    yield from _table(scores)
    yield _skill(scores)
    if further := _list_further(scores):
        yield f"  also {', '.join(further)}"
    if scores.report.why:
        yield f"  {scores.report.why}"
    yield from tasks.of(scores.task).summary(scores)
    yield from (f"  {line}" for line in describe_memory(scores.report.tables))
    for name, reason in scores.report.skipped.items():
        yield f"  left out: {name} ({reason})"
    for note in scores.report.notes:
        yield f"  note: {note}"


def _table(scores: Scores) -> Iterator[str]:
    """Yield the model and its baselines, best first."""
    prefix, metric = "baseline/", scores.metric
    rows = {
        key.split("/")[1]: value
        for key, value in scores.metrics.items()
        if key.startswith(prefix) and key.endswith(f"/{metric}") and key.count("/") == 2
    }
    rows[scores.name] = scores.metrics[f"{scores.part}/{metric}"]
    for name, value in sorted(rows.items(), key=lambda row: row[1], reverse=rises(metric)):
        mark = "  <- this run" if name == scores.name else ""
        yield f"  {name:<18} {value:>12.5g}{mark}"


def _list_further(scores: Scores) -> list[str]:
    """Return the other metrics that each report of a task has, MSE, MAE and R2 beside an RMSE, and the user's own."""
    names = dict.fromkeys([*reported(scores.task), *registry.names("metric")])
    found = {name: scores.metrics.get(f"{scores.part}/{name}") for name in names}
    labels = {name: metric.label if (metric := metric_of(name)) else name for name in found}
    others = ((labels[name], value) for name, value in found.items() if name != scores.metric)
    return [f"{label} {value:.5g}" for label, value in others if value is not None]


def _skill(scores: Scores) -> str:
    best = scores.report.best_baseline
    if best is None:
        some = any(key.startswith("baseline/") for key in scores.metrics)
        return "  none of them can be called better" if some else "  no baseline is defined for these data"
    skill = scores.metrics.get(f"skill/{scores.metric}")
    amount = f"skill {skill:+.3f}" if skill is not None else f"no skill can be stated, {best} is exact"
    tie = scores.metrics[f"{scores.part}/{scores.metric}"] == scores.metrics[f"baseline/{best}/{scores.metric}"]
    verdict = "beats" if scores.report.beats_baseline else "is as good as" if tie else "LOSES to"
    return f"  {amount}: {scores.name} {verdict} its best baseline, {best}"


def _forecast(result: Result) -> Iterator[str]:
    if result.forecast is None or len(result.forecast) > 1:
        return
    rows = [", ".join(f"{value:.5g}" for value in row) for row in result.forecast[0][:12]]
    more = " ..." if len(result.forecast[0]) > 12 else ""
    given = result.experiment.data.forecast_from
    follows = f"what follows {', '.join(f'{v:g}' for v in given)}" if given else "what follows the data"
    yield f"  forecast of {follows}: {' | '.join(rows)}{more}"


def _whereabouts(result: Result) -> Iterator[str]:
    history = result.history
    stopped = f" ({history.stopped})" if history.stopped else ""
    epochs = f"{history.describe_kept()}{stopped}"
    yield f"  {epochs}; {history.seconds:.1f} s of training, {result.seconds:.1f} s in all"
    yield f"  folder   {_short(result.run_dir)}"
    if _is_stored(result):
        from rnnexp.tracking.store import tracking_uri, ui_command

        command = ui_command(tracking_uri(result.experiment.tracking.uri))
        yield f"  run      {result.run_id}; all runs: {command}"
    if result.experiment.tracking.log_model:
        yield f"  use      {_use(result)}"


def _is_stored(result: Result) -> bool:
    """Say whether what reads the tracking store finds the run there."""
    return result.run_id is not None and not RunJournal(result.run_dir).pending


def _use(result: Result) -> str:
    run = str(result.run_id)[:8] if _is_stored(result) else _short(result.run_dir)
    words = tasks.of(result.experiment.data.task).usage(result.experiment.data)
    return f"rnnexp {words.format(run=run) if result.forecast is None else f'predict {run}'}"


def _again(words: Sequence[str]) -> str:
    """Ask for the same run with several seeds; values are without the `++` that the border gives them."""
    plain = [word.removeprefix("++") for word in words]
    kept = [word for word in plain if word.partition("=")[0] != "seed"]
    return redact(shlex.join(["rnnexp", "train", "-m", *redact_words(kept), "seed=0,1,2"]))


def _short(path: Path) -> str:
    relative = os.path.relpath(path)
    return relative if not relative.startswith("..") else str(path)
