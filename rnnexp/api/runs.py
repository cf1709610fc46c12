"""`rx.runs()`: what is tracked, as a table of pandas."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rnnexp.api.entry_points import explain_errors
from rnnexp.api.swept import choose_scores, read_cell
from rnnexp.compare import find as sweeps
from rnnexp.compare.complete import completed, unseen
from rnnexp.tracking.liveness import count_untold, show_dead, tell_untold
from rnnexp.tracking.query import PARENT, TrackedRun, Wanted, select

if TYPE_CHECKING:
    from pandas import DataFrame

EXPERIMENT = "rnnexp.group"  # the tag
OF_MLFLOW = "mlflow."  # tags with which MLflow describes a run
COLUMNS = ("run_id", "name", "experiment", "sweep", "job", "outcome", "started", "seconds")

log = logging.getLogger("rnnexp")


def runs(
    filter: str | None = None,
    *,
    experiment: str | None = None,
    sweep: str | None = None,
    tags: Mapping[str, str] | None = None,
    limit: int | None = None,
    uri: str | None = None,
) -> DataFrame:
    """Return the tracked runs, the latest first, one row each: also those of sweeps.

    filter:     an expression of MLflow, as `rnnexp runs --filter` takes it: "metrics.test/rmse < 0.2"
    experiment: name of their experiment
    sweep:      name of a sweep, its beginning, or its run's id: its jobs
    tags:       that they have: {"rnnexp.outcome": "ok"}
    limit:      rows at most
    uri:        tracking store; None: MLFLOW_TRACKING_URI, else ./mlflow.db

    Columns beside `COLUMNS`: the score and the skill of those that have one, then `params.*`, `metrics.*` and `tags.*`,
    named as by MLflow and in the filter. Raises ConfigError for a sweep or a filter that is none.
    """
    import pandas

    with explain_errors():
        asked = dict(tags or {}) | ({} if experiment is None else {EXPERIMENT: experiment})
        parents = None if sweep is None else (sweeps.sweep(uri, sweep).parent.run_id,)
        found = show_dead(select(uri, Wanted(filter=filter, parents=parents, tags=asked)))
        shown = completed(uri, [run for run in found if not run.is_sweep][:limit])
        names = _name_sweeps(uri, {run.tags[PARENT] for run in shown.runs if PARENT in run.tags})
    notes = [*shown.notes(), *tell_untold(count_untold(shown.runs)), *(unseen(uri, filter) if filter else ())]
    for note in notes:
        log.warning("%s", note)
    rows = [dict(_row(run, names)) for run in shown.runs]
    more = {key for row in rows for key in row} - set(COLUMNS)
    return pandas.DataFrame(rows, columns=[*COLUMNS, *sorted(more, key=_rank)])


def _name_sweeps(uri: str | None, ids: Collection[str]) -> dict[str, str]:
    """Return what sweeps are called, by the ids of their own runs."""
    return {run.run_id: run.name for run in select(uri, Wanted(ids=tuple(ids), brief=True))} if ids else {}


def _row(run: TrackedRun, names: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    started = datetime.fromtimestamp(run.started / 1000)
    parent = run.tags.get(PARENT)
    seconds = None if run.ended is None else (run.ended - run.started) / 1000
    sweep, job = names.get(parent or "", parent), run.job if run.job >= 0 else None
    group = run.tags.get(EXPERIMENT, "")
    yield from zip(COLUMNS, (run.run_id, run.name, group, sweep, job, run.outcome, started, seconds))
    yield from choose_scores(run.metrics)
    yield from ((f"params.{key}", read_cell(value)) for key, value in run.params.items())
    yield from ((f"metrics.{key}", value) for key, value in run.metrics.items())
    yield from ((f"tags.{key}", value) for key, value in run.tags.items() if not key.startswith(OF_MLFLOW))


def _rank(column: str) -> tuple[int, str]:
    """Order columns: scores, then parameters, metrics and tags, each by name."""
    kinds = ("params.", "metrics.", "tags.")
    return next((place for place, kind in enumerate(kinds, start=1) if column.startswith(kind)), 0), column
