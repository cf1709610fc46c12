"""Runs whose process is no more: nobody is left to say how they ended."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from rnnexp.redact import redact
from rnnexp.tracking import store
from rnnexp.tracking.run import OUTCOME

if TYPE_CHECKING:
    from mlflow import MlflowClient

log = logging.getLogger("rnnexp")


def end_dead_run(run_dir: Path, uri: str | None, parent: str | None, number: int) -> None:
    """Mark the run of a dead job as KILLED if MLflow still takes it for running.

    `uri` is `tracking.uri` of its configuration; `parent` and `number` find a run whose process died before it could
    leave its id in `run_dir`. Trouble with the store is told, never raised.
    """
    known = _read_run_id(run_dir)
    if known is None and parent is None:
        return  # it had not begun, or was not tracked
    try:
        client = store.open_store(store.tracking_uri(uri))
        found = [known] if known else _find_running(client, str(parent), number)
        for run_id in found:
            if client.get_run(run_id).info.status == "RUNNING":
                client.set_tag(run_id, OUTCOME, "killed")
                client.set_terminated(run_id, "KILLED")
    except Exception as error:  # MLflow and the disk raise whatever they like
        log.warning("the run of job %d could not be marked as killed: %s", number, redact(str(error)))


def _read_run_id(run_dir: Path) -> str | None:
    try:
        return str(json.loads((run_dir / "run.json").read_text(encoding="utf-8"))["run_id"])
    except (OSError, ValueError, KeyError):
        return None


def _find_running(client: MlflowClient, parent: str, number: int) -> list[str]:
    """Find runs by their parent and number."""
    experiments = [client.get_run(parent).info.experiment_id]
    wanted = (
        f"attributes.status = 'RUNNING' and tags.`mlflow.parentRunId` = '{parent}' and tags.`rnnexp.job` = '{number}'"
    )
    return [run.info.run_id for run in client.search_runs(experiments, wanted)]
