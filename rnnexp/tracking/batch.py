"""Many values of one run in one go: a local database gets them in one transaction, anything else from MLflow's client.

`MlflowClient.log_batch` needs 0.2 s for 1,000 points, nearly all of it in SQLAlchemy, and opens up to four
transactions; the same rows written here need 5 ms and one. What ends up in the tables is the same, a test compares.
"""

from __future__ import annotations

import math
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from rnnexp.output import masked_output

if TYPE_CHECKING:
    from mlflow import MlflowClient

CHUNK = 1000  # MLflow's limit of metrics per request
PARAMS = 100  # and of parameters
BUSY_S = 20.0  # how long MLflow itself waits for another writer
_LARGEST = 1.7976931348623157e308  # what MLflow stores for infinity

Row = tuple[str, float, int, int, int, str]  # key, value, is_nan, time, step, run

_METRIC = "INSERT OR IGNORE INTO metrics (key, value, is_nan, timestamp, step, run_uuid) VALUES (?, ?, ?, ?, ?, ?)"
_LATEST = """
INSERT INTO latest_metrics (key, value, is_nan, timestamp, step, run_uuid) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (key, run_uuid) DO UPDATE
SET value = excluded.value, timestamp = excluded.timestamp, step = excluded.step, is_nan = excluded.is_nan
WHERE (excluded.step, excluded.timestamp, excluded.value) > (step, timestamp, value)"""
_OF_MODEL = """
INSERT OR IGNORE INTO logged_model_metrics
(metric_name, metric_value, metric_timestamp_ms, metric_step, model_id, experiment_id, run_id)
SELECT ?, ?, ?, ?, ?, experiment_id, run_uuid FROM runs WHERE run_uuid = ?"""
_END = "UPDATE runs SET status = ?, end_time = ? WHERE run_uuid = ?"
_TAG = """
INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)
ON CONFLICT (key, run_uuid) DO UPDATE SET value = excluded.value"""

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
    status: that of a run that ends, at `ended` (ms since 1970), which is now if None
    """

    points: Sequence[Point] = ()
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    status: str | None = None
    ended: int | None = None


def ask(client: MlflowClient, run_id: str, batch: Batch) -> None:
    """Log a batch by MLflow's client. Raises what MLflow raises."""
    from mlflow.entities import Metric, Param, RunTag

    metrics = [Metric(*point) for point in batch.points]
    params = [Param(*pair) for pair in batch.params.items()]
    tags = [RunTag(*pair) for pair in batch.tags.items()]
    if params or tags:
        client.log_batch(run_id, (), params[:PARAMS], tags)
    for start in range(PARAMS, len(params), PARAMS):
        client.log_batch(run_id, (), params[start : start + PARAMS])
    for start in range(0, len(metrics), CHUNK):
        client.log_batch(run_id, metrics[start : start + CHUNK])
    if batch.status:
        with masked_output():  # MLflow prints the address of its page, with the user and password in it
            client.set_terminated(run_id, batch.status, batch.ended)


def write(connection: sqlite3.Connection, run_id: str, batch: Batch) -> None:
    """Log a batch as rows. Raises sqlite3.Error where MLflow would refuse, or the tables are of another version."""
    experiment(connection, run_id)
    _write_params(connection, run_id, batch.params)
    write_points(connection, run_id, batch.points)
    write_tags(connection, run_id, batch.tags)
    if batch.status:
        ended = batch.ended or time.time_ns() // 1_000_000
        connection.execute(_END, [batch.status, ended, run_id])


def write_tags(connection: sqlite3.Connection, run_id: str, tags: Mapping[str, str]) -> None:
    connection.executemany(_TAG, [(key, value, run_id) for key, value in tags.items()])


def remove_tag(connection: sqlite3.Connection, run_id: str, key: str) -> None:
    connection.execute("DELETE FROM tags WHERE run_uuid = ? AND key = ?", [run_id, key])


@contextmanager
def transaction(file: Path) -> Iterator[sqlite3.Connection]:
    """Write to a database, all or nothing; threads of this process take turns."""
    address = f"file:{quote(str(file))}?mode=rw"
    with _TURN, closing(sqlite3.connect(address, uri=True, timeout=BUSY_S, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("BEGIN IMMEDIATE")
        yield connection
        connection.execute("COMMIT")


def experiment(connection: sqlite3.Connection, run_id: str) -> int:
    """Return the experiment of a run, which must not be in the trash."""
    query = "SELECT experiment_id FROM runs WHERE run_uuid = ? AND lifecycle_stage = 'active'"
    row = connection.execute(query, [run_id]).fetchone()
    if row is None:
        raise sqlite3.IntegrityError(f"there is no active run {run_id}")
    return int(row[0])


def write_points(
    connection: sqlite3.Connection, run_id: str, points: Sequence[Point], model: str | None = None
) -> None:
    """Write metrics of a run, which are the scores of a logged model if one is named; known points change nothing."""
    rows = [(key, *_stored(value), time, step, run_id) for key, value, time, step in points]
    connection.executemany(_METRIC, rows)
    connection.executemany(_LATEST, _latest(rows))
    if model:
        scores = [(key, value, time, step, model, run_id) for key, value, _, time, step, _ in rows]
        connection.executemany(_OF_MODEL, scores)


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


def _latest(rows: Iterable[Row]) -> list[Row]:
    """Keep one row per key: of the highest step, then time, then value, as MLflow compares them."""
    found: dict[str, Row] = {}
    for row in rows:
        key, value, _, time, step, _ = row
        known = found.get(key)
        if known is None or (step, time, value) > (known[4], known[3], known[1]):
            found[key] = row
    return list(found.values())
