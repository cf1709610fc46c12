"""A run, its data and its model as rows of a local database, where MLflow's client takes a transaction for each.

Raises sqlite3.Error where the tables are not as expected.
"""

from __future__ import annotations

import sqlite3
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rnnexp.tracking import batch
from rnnexp.tracking.batch import Point
from rnnexp.tracking.inputs import CONTEXT, DataPart

READY = 2  # LoggedModelStatus.READY
MODEL = "model"  # `runs:/<run id>/model` finds it
_KNOWN = "SELECT dataset_uuid FROM datasets WHERE experiment_id = ? AND name = ? AND digest = ?"
_DATASET = """
INSERT INTO datasets (dataset_uuid, experiment_id, name, digest,
dataset_source_type, dataset_source, dataset_schema, dataset_profile) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""
_INPUT = """
INSERT OR IGNORE INTO inputs (input_uuid, source_type, source_id, destination_type, destination_id, step)
VALUES (?, ?, ?, ?, ?, 0)"""
_INPUT_TAG = "INSERT INTO input_tags (input_uuid, name, value) VALUES (?, ?, ?)"
_MODEL = """
INSERT INTO logged_models (model_id, experiment_id, name, artifact_location, creation_timestamp_ms,
last_updated_timestamp_ms, status, lifecycle_stage, source_run_id) VALUES (?, ?, ?, ?, ?, ?, ?, 'active', ?)
ON CONFLICT (model_id) DO NOTHING"""
_RUN = """
INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time,
source_version, lifecycle_stage, artifact_uri, experiment_id)
VALUES (?, ?, 'UNKNOWN', '', '', ?, 'RUNNING', ?, '', 'active', ?, ?)
ON CONFLICT (run_uuid) DO NOTHING"""
_MODEL_PARAM = (
    "INSERT OR IGNORE INTO logged_model_params (model_id, experiment_id, param_key, param_value) VALUES (?, ?, ?, ?)"
)


@dataclass(frozen=True)
class LoggedModel:
    """A model whose files lie in `artifact_location` already; the names are those of MLflow's LoggedModel."""

    model_id: str
    name: str
    artifact_location: str
    source_run_id: str


@dataclass(frozen=True)
class NewRun:
    """A run that starts (ms since 1970), and where its files go."""

    run_id: str
    name: str
    started: int
    experiment_id: str
    place: str


def new_model(number: str, run_id: str, place: str) -> LoggedModel | None:
    """Place a model as MLflow would: its files go beside those of the run in `place`; None if these lie elsewhere."""
    root = place.removesuffix(f"/{run_id}/artifacts")
    if root == place or "?" in place:
        return None
    return LoggedModel(number, MODEL, f"{root}/models/{number}/artifacts", run_id)


def write_model(
    connection: sqlite3.Connection, model: LoggedModel, params: Mapping[str, str], points: Sequence[Point]
) -> None:
    """Make a model known, ready for use, as the output of its run; `points` are its scores."""
    number, run_id, now = model.model_id, model.source_run_id, time.time_ns() // 1_000_000
    output = [uuid.uuid4().hex, "RUN_OUTPUT", run_id, "MODEL_OUTPUT", number]
    experiment = batch.experiment(connection, run_id)
    place = model.artifact_location
    connection.execute(_MODEL, [number, experiment, model.name, place, now, now, READY, run_id])
    connection.executemany(_MODEL_PARAM, [(number, experiment, *pair) for pair in params.items()])
    connection.execute(_INPUT, output)
    batch.write_points(connection, run_id, points, number)


def write_run(connection: sqlite3.Connection, run: NewRun, tags: Mapping[str, str]) -> None:
    """Make a running run known, unless it is."""
    query = "SELECT 1 FROM experiments WHERE experiment_id = ? AND lifecycle_stage = 'active'"
    if connection.execute(query, [run.experiment_id]).fetchone() is None:
        raise sqlite3.IntegrityError(f"there is no active experiment {run.experiment_id}")
    user = tags.get("mlflow.user", "unknown")
    connection.execute(_RUN, [run.run_id, run.name, user, run.started, run.place, run.experiment_id])
    batch.write_tags(connection, run.run_id, {**tags, "mlflow.runName": run.name})


def write_run_again(connection: sqlite3.Connection, run_id: str, values: batch.Batch) -> None:
    """Set a run that is known running again, with its parameters and tags."""
    connection.execute("UPDATE runs SET status = 'RUNNING', end_time = NULL WHERE run_uuid = ?", [run_id])
    batch.write(connection, run_id, values)


def write_inputs(connection: sqlite3.Connection, run_id: str, parts: Sequence[DataPart]) -> None:
    """Link data sets to a run."""
    experiment = batch.experiment(connection, run_id)
    for one in parts:
        key = [experiment, one.part, one.digest]
        known = connection.execute(_KNOWN, key).fetchone()
        dataset = known[0] if known else uuid.uuid4().hex
        if known is None:
            connection.execute(_DATASET, [dataset, *key, *one[2:]])
        link = uuid.uuid4().hex
        if connection.execute(_INPUT, [link, "DATASET", dataset, "RUN", run_id]).rowcount:
            connection.execute(_INPUT_TAG, [link, CONTEXT, one.context])
