"""The tables of MLflow's SQLite database, read directly and never written.

Only columns are named that MLflow's tables have had since 1.0; should they change, `sqlite3.Error` is raised
and the caller asks MLflow's client instead.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from rnnexp.tracking.moved import find_move

_RUNS = """
SELECT run_uuid, name, start_time, status, end_time, CAST(experiment_id AS TEXT), artifact_uri, lifecycle_stage
FROM runs WHERE experiment_id IN (SELECT experiment_id FROM experiments WHERE lifecycle_stage = 'active')
AND EXISTS (SELECT 1 FROM tags WHERE tags.run_uuid = runs.run_uuid AND key = 'rnnexp.version')"""
_TAGGED = " AND EXISTS (SELECT 1 FROM tags WHERE tags.run_uuid = runs.run_uuid AND key = ? AND value IN ({}))"
_UNTAGGED = " AND NOT EXISTS (SELECT 1 FROM tags WHERE tags.run_uuid = runs.run_uuid AND key = ?)"
_MODEL = """
SELECT artifact_location FROM logged_models WHERE source_run_id = ? AND lifecycle_stage = 'active'
ORDER BY creation_timestamp_ms DESC LIMIT 1"""
_EXPERIMENT = "SELECT CAST(experiment_id AS TEXT), artifact_location, lifecycle_stage FROM experiments WHERE name = ?"
_EXPERIMENT_TAGS = "SELECT key, value FROM experiment_tags WHERE experiment_id = ?"
_ACTIVE_RUN = "SELECT run_uuid FROM runs WHERE run_uuid = ? AND lifecycle_stage = 'active'"
_BY_TAG = """
SELECT run_uuid FROM runs JOIN tags USING (run_uuid) WHERE key = ? AND value = ? AND lifecycle_stage = 'active'
AND experiment_id IN (SELECT experiment_id FROM experiments WHERE lifecycle_stage = 'active')
ORDER BY start_time DESC LIMIT 1"""
PARENT = "mlflow.parentRunId"
_INSIDE = 500  # ids in one statement; SQLite takes 32,766, older ones 999


@dataclass(frozen=True)
class Wanted:
    """Which runs of rnnexp to read, the latest first.

    tags: values they must have;  absent: tags they must not have;  run: the start of their id, or their name
    ids: their ids;  parents: ids of the sweeps that they belong to
    filter: an expression in MLflow's own language
    brief: without parameters and metrics, which are nine tenths of the work
    deleted: those in MLflow's trash instead of the others; None: both
    """

    tags: Mapping[str, str] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    status: str | None = None
    run: str | None = None
    ids: tuple[str, ...] | None = None
    parents: tuple[str, ...] | None = None
    filter: str | None = None
    limit: int | None = None
    brief: bool = False
    deleted: bool | None = False


def runs(file: Path, wanted: Wanted) -> Iterator[dict[str, Any]]:
    """Yield the fields of each run that is wanted, the latest first."""
    query, values = _query(wanted)
    with closing(_opened(file)) as connection:
        rows = connection.execute(query, values).fetchall()
        ids = [row[0] for row in rows]
        tags = _pairs(connection, "SELECT run_uuid, key, value FROM tags", ids)
        wide = [] if wanted.brief else ids
        params = _pairs(connection, "SELECT run_uuid, key, value FROM params", wide)
        number = "CASE WHEN is_nan THEN NULL ELSE value END"
        metrics = _pairs(connection, f"SELECT run_uuid, key, {number} FROM latest_metrics", wide)
        move = find_move(connection, file)
    for run_id, name, started, status, ended, experiment, artifacts, stage in rows:
        yield {
            "run_id": run_id,
            "name": name,
            "started": started,
            "tags": {key: move.text(value) for key, value in tags[run_id].items()} if move else tags[run_id],
            "params": params.get(run_id, {}),
            "metrics": {key: math.nan if value is None else value for key, value in metrics.get(run_id, {}).items()},
            "status": status,
            "ended": ended,
            "experiment_id": experiment,
            "artifacts": move.place(artifacts) if move else artifacts,
            "deleted": stage == "deleted",
        }


def histories(file: Path, run_ids: Sequence[str], metric: str) -> dict[str, list[tuple[int, float]]]:
    """Return (step, value) pairs of one metric for each run that has it."""
    found: dict[str, list[tuple[int, float]]] = {}
    query = "SELECT run_uuid, step, value FROM metrics WHERE NOT is_nan AND key = ?"
    with closing(_opened(file)) as connection:
        for some in _chunks(run_ids):
            rows = connection.execute(f"{query} AND {_among(some)} ORDER BY step, timestamp", [metric, *some])
            for run_id, step, value in rows:
                found.setdefault(run_id, []).append((step, value))
    return found


class StoredExperiment(NamedTuple):
    """An experiment that is not in the trash: its id, where its files go, and its tags."""

    number: str
    location: str
    tags: Mapping[str, str]


def find_experiment(file: Path, name: str) -> StoredExperiment | None:
    """Return an experiment; None if there is none, it is in the trash, or several (of workspaces) have the name."""
    with closing(_opened(file)) as connection:
        found = connection.execute(_EXPERIMENT, [name]).fetchall()
        if [stage for *_, stage in found] != ["active"]:
            return None
        ((number, location, _),) = found
        return StoredExperiment(number, location, dict(connection.execute(_EXPERIMENT_TAGS, [number]).fetchall()))


def find_run(file: Path, run_id: str, key: str) -> str | None:
    """Return the id of the run that has it, or else as the value of the tag `key`; of what is in the trash none."""
    with closing(_opened(file)) as connection:
        row = connection.execute(_ACTIVE_RUN, [run_id]).fetchone()
        row = row or connection.execute(_BY_TAG, [key, run_id]).fetchone()
    return str(row[0]) if row else None


def model_place(file: Path, run_id: str) -> str | None:
    """Return where the latest model of a run lies; None if it has logged none."""
    with closing(_opened(file)) as connection:
        row = connection.execute(_MODEL, [run_id]).fetchone()
        move = find_move(connection, file)
    return (move.place(row[0]) if move else str(row[0])) if row else None


def _opened(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True, timeout=20)


def _query(wanted: Wanted) -> tuple[str, list[Any]]:
    query: str = _RUNS
    values: list[Any] = []
    if wanted.deleted is not None:
        query += " AND lifecycle_stage = ?"
        values.append("deleted" if wanted.deleted else "active")
    tags: dict[str, Sequence[str]] = {key: [value] for key, value in wanted.tags.items()}
    tags |= {PARENT: wanted.parents} if wanted.parents is not None else {}
    for key, some in tags.items():
        query += _TAGGED.format(_places(some))
        values += [key, *some]
    for key in wanted.absent:
        query += _UNTAGGED
        values.append(key)
    if wanted.status is not None:
        query += " AND status = ?"
        values.append(wanted.status)
    if wanted.run is not None:
        query += " AND (name = ? OR substr(run_uuid, 1, ?) = ?)"
        values += [wanted.run, len(wanted.run), wanted.run]
    if wanted.ids is not None:
        query += f" AND {_among(wanted.ids)}"
        values += wanted.ids
    limit = -1 if wanted.limit is None or wanted.filter is not None else wanted.limit
    query += " ORDER BY start_time DESC, run_uuid LIMIT ?"
    return query, [*values, limit]


def _pairs(connection: sqlite3.Connection, query: str, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {run_id: {} for run_id in ids}
    for some in _chunks(ids):
        for run_id, key, value in connection.execute(f"{query} WHERE {_among(some)}", some):
            found[run_id][key] = value
    return found


def _chunks(ids: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), _INSIDE):
        yield list(ids[start : start + _INSIDE])


def _among(ids: Sequence[str]) -> str:
    return f"run_uuid IN ({_places(ids)})"


def _places(values: Sequence[str]) -> str:
    return ",".join("?" * len(values))
