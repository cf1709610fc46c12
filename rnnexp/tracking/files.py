"""The files of a run that has ended: its model is fetched, pictures are added."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlparse

from rnnexp.errors import TrackingError, first_line
from rnnexp.redact import redact
from rnnexp.tracking import database, store, uploads
from rnnexp.tracking.mlflow_import import import_mlflow
from rnnexp.tracking.query import TrackedRun

MODEL = "model"
ABOUT = "model.json"  # that a folder holds a model is seen by this file
BUNDLE = "data/model"  # within a logged model, beside what MLflow adds to it


def find_bundle(folder: Path) -> Path | None:
    """Return the model in a run's folder, in a model's own, or in one that MLflow has written."""
    candidates = (folder, folder / MODEL, folder / BUNDLE)
    return next((place for place in candidates if os.path.lexists(place / ABOUT)), None)


def fetch_model(uri: str | None, run: TrackedRun, folder: Path) -> Path | None:
    """Return the bundle of a run's model, copied into `folder` unless it lies here; None if the run has logged none."""
    where = store.tracking_uri(uri)
    if here := _local_model(where, run):
        return here
    client = store.open_store(where)
    try:
        outputs = client.get_run(run.run_id).outputs
        models = outputs.model_outputs if outputs else []
        if not models:
            return None
        place = client.get_logged_model(models[-1].model_id).artifact_location
        return Path(store.artifacts(place, where).download_artifacts(BUNDLE, str(folder)))
    except Exception as error:  # a model that was deleted, a server that went away: MLflow has many words for it
        raise TrackingError(f"run {run.run_id}: its model cannot be read: {redact(first_line(error))}") from None


def _local_model(uri: str, run: TrackedRun) -> Path | None:
    """Find the model of a run on this machine from the tables of its database, which need not be writable."""
    file = store.database(uri)
    try:
        place = database.model_place(file, run.run_id) if file and file.exists() else None
    except sqlite3.Error:  # tables of another version: MLflow's client knows them
        return None
    url = urlparse(place or "")
    folder = Path(unquote(url.path), BUNDLE)
    return folder if url.scheme == "file" and folder.is_dir() else None


def add_files(uri: str | None, run: TrackedRun, paths: Sequence[Path], folder: str) -> str:
    """Copy files into `folder` of a run's artifacts, over those of the same name, and return where it is."""
    where = store.tracking_uri(uri)
    import_mlflow()
    try:
        artifacts = store.artifacts(run.artifacts, where)
        for path in paths:
            uploads.send(artifacts, path, f"{folder}/{path.name}")
        uploads.require(artifacts, {f"{folder}/{path.name}": path.stat().st_size for path in paths})
    except Exception as error:
        raise TrackingError(f"run {run.run_id}: {folder} cannot be stored: {redact(first_line(error))}") from None
    return f"{run.artifacts}/{folder}"
