"""Runs whose process is no more: nobody is left to say how they ended."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from rnnexp.tracking import store
from rnnexp.tracking.run import OUTCOME

log = logging.getLogger("rnnexp")


def end_abandoned(run_dir: Path, uri: str | None) -> None:
    """Mark the run that `run_dir` belongs to as KILLED if MLflow still takes it for running.

    `uri` is `tracking.uri` of its configuration. Trouble with the store is told, never raised.
    """
    try:
        known = json.loads((run_dir / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return  # it had not begun, or was not tracked
    try:
        client = store.open_store(store.tracking_uri(uri))
        if client.get_run(known["run_id"]).info.status == "RUNNING":
            client.set_tag(known["run_id"], OUTCOME, "killed")
            client.set_terminated(known["run_id"], "KILLED")
    except Exception as error:  # MLflow and the disk raise whatever they like
        log.warning("the run %s could not be marked as killed: %s", known.get("run_id"), error)
