"""The files of a run that has ended: its model is fetched, pictures are added."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from rnnexp.errors import TrackingError
from rnnexp.redact import redact
from rnnexp.tracking import store
from rnnexp.tracking.query import TrackedRun

BUNDLE = "data/model"  # within a logged model, beside what MLflow adds to it


def fetch_model(uri: str | None, run: TrackedRun, folder: Path) -> Path | None:
    """Copy the bundle of a run's model into `folder` and return where it is; None if the run has logged none."""
    where = store.tracking_uri(uri)
    client = store.open_store(where)
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    try:
        outputs = client.get_run(run.run_id).outputs
        models = outputs.model_outputs if outputs else []
        if not models:
            return None
        place = client.get_logged_model(models[-1].model_id).artifact_location
        return Path(store.artifacts(place, where).download_artifacts(BUNDLE, str(folder)))
    except Exception as error:  # a model that was deleted, a server that went away: MLflow has many words for it
        raise TrackingError(f"run {run.run_id}: its model cannot be read: {_reason(error)}") from None


def add_files(uri: str | None, run: TrackedRun, paths: Sequence[Path], folder: str) -> str:
    """Copy files into `folder` of a run's artifacts, over those of the same name, and return where it is."""
    where = store.tracking_uri(uri)
    try:
        artifacts = store.artifacts(run.artifacts, where)
        for path in paths:
            artifacts.log_artifact(str(path), folder)
    except Exception as error:
        raise TrackingError(f"run {run.run_id}: {folder} cannot be stored: {_reason(error)}") from None
    return f"{run.artifacts}/{folder}"


def _reason(error: Exception) -> str:
    return redact(str(error)).strip().partition("\n")[0] or type(error).__name__
