"""Many values of one run in one go: a local database gets them in one transaction, anything else from MLflow's client.

`MlflowClient.log_batch` needs 0.2 s for 1,000 points, nearly all of it in SQLAlchemy, and opens up to four
transactions; the same rows written here need 5 ms and one. What ends up in the tables is the same, a test compares.
"""

from __future__ import annotations

import logging
import math
import sqlite3
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

if TYPE_CHECKING:
    from mlflow import MlflowClient

CHUNK = 1000  # MLflow's limit of metrics per request
BUSY_S = 20.0  # how long MLflow itself waits for another writer
_LARGEST = 1.7976931348623157e308  # what MLflow stores for infinity

_METRIC = "INSERT OR IGNORE INTO metrics (key, value, timestamp, step, is_nan, run_uuid) VALUES (?, ?, ?, ?, ?, ?)"
_LATEST = """
INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (key, run_uuid) DO UPDATE
SET value = excluded.value, timestamp = excluded.timestamp, step = excluded.step, is_nan = excluded.is_nan
WHERE (excluded.step, excluded.timestamp, excluded.value) > (step, timestamp, value)"""
_OF_MODEL = """
INSERT OR IGNORE INTO logged_model_metrics
(metric_name, metric_value, metric_timestamp_ms, metric_step, model_id, experiment_id, run_id)
VALUES (?, ?, ?, ?, ?, ?, ?)"""
_TAG = """
INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)
ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value"""

log = logging.getLogger("rnnexp")

# Threads of one process take turns here: SQLite's own waiting is a sleep of up to 0.1 s, again and again.
_TURN = threading.Lock()


class Point(NamedTuple):
    """One value of a metric; `time` (ms since 1970) is the original one, so sending twice changes nothing."""

    key: str
    value: float
    time: int
    step: int


@dataclass(frozen=True)
class Batch:
    """Names and values must be what MLflow accepts, see `names`.

    params: new ones, or those that the run has already with the same value
    tags:   any but `mlflow.runName`, which renames the run
    model:  id of the logged model that the points are scores of as well
    """

    points: Sequence[Point] = ()
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    model: str | None = None


def send(client: MlflowClient, file: Path | None, run_id: str, batch: Batch) -> None:
    """Log a batch; `file` is the store's database, None if it is not a local one. Raises what MLflow raises."""
    if file is not None:
        try:
            return _write(file, run_id, batch)
        except sqlite3.Error as error:  # tables of another version, a run in the trash: MLflow knows what to say
            log.debug("%s: %s", file, error)
    return _ask(client, run_id, batch)


def _ask(client: MlflowClient, run_id: str, batch: Batch) -> None:
    from mlflow.entities import Metric, Param, RunTag

    metrics = [Metric(*point, model_id=batch.model, run_id=run_id) for point in batch.points]
    params = [Param(*pair) for pair in batch.params.items()]
    tags = [RunTag(*pair) for pair in batch.tags.items()]
    client.log_batch(run_id, metrics[:CHUNK], params, tags)
    for start in range(CHUNK, len(metrics), CHUNK):
        client.log_batch(run_id, metrics[start : start + CHUNK])


def _write(file: Path, run_id: str, batch: Batch) -> None:
    rows = [(key, *_stored(value), time, step) for key, value, time, step in batch.points]
    metrics = [(key, value, time, step, nan, run_id) for key, value, nan, time, step in rows]
    with _TURN, closing(_opened(file)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        experiment = _experiment(connection, run_id)
        _write_params(connection, run_id, batch.params)
        connection.executemany(_METRIC, metrics)
        connection.executemany(_LATEST, _latest(metrics))
        if batch.model:
            scores = [(*row[:4], batch.model, experiment, run_id) for row in metrics]
            connection.executemany(_OF_MODEL, scores)
        connection.executemany(_TAG, [(key, value, run_id) for key, value in batch.tags.items()])
        connection.execute("COMMIT")


def _opened(file: Path) -> sqlite3.Connection:
    address = f"file:{quote(str(file))}?mode=rw"
    connection = sqlite3.connect(address, uri=True, timeout=BUSY_S, isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _experiment(connection: sqlite3.Connection, run_id: str) -> int:
    query = "SELECT experiment_id FROM runs WHERE run_uuid = ? AND lifecycle_stage = 'active'"
    row = connection.execute(query, [run_id]).fetchone()
    if row is None:
        raise sqlite3.IntegrityError(f"there is no active run {run_id}")
    return int(row[0])


def _write_params(connection: sqlite3.Connection, run_id: str, params: Mapping[str, str]) -> None:
    """Parameters never change: MLflow refuses another value for one that the run has."""
    found = dict(connection.execute("SELECT key, value FROM params WHERE run_uuid = ?", [run_id])) if params else {}
    changed = [key for key, value in params.items() if found.get(key, value) != value]
    if changed:
        raise sqlite3.IntegrityError(f"run {run_id} has other values of {', '.join(changed)}")
    new = [(key, value, run_id) for key, value in params.items() if key not in found]
    connection.executemany("INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)", new)


def _stored(value: float) -> tuple[float, int]:
    """Return a value as MLflow stores it, and whether it is NaN."""
    if math.isnan(value):
        return 0.0, 1
    return max(-_LARGEST, min(_LARGEST, float(value))), 0


def _latest(metrics: Iterable[tuple[str, float, int, int, int, str]]) -> list[tuple[str, float, int, int, int, str]]:
    """Keep one row per key: of the highest step, then time, then value, as MLflow compares them."""
    found: dict[str, tuple[str, float, int, int, int, str]] = {}
    for row in metrics:
        key, value, time, step = row[:4]
        known = found.get(key)
        if known is None or (step, time, value) > (known[3], known[2], known[1]):
            found[key] = row
    return list(found.values())
