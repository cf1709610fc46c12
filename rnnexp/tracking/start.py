"""Starting and ending a run, so that its status in MLflow is the truth."""

from __future__ import annotations

import getpass
import json
import logging
import os
import sqlite3
import threading
import time
import traceback
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnexp.errors import DivergedError, TrackingError
from rnnexp.redact import redact
from rnnexp.tracking import names, store, tables
from rnnexp.tracking.batch import Batch, transaction
from rnnexp.tracking.git import GitState, git_state
from rnnexp.tracking.remote import Remote
from rnnexp.tracking.run import Run, RunInfo
from rnnexp.tracking.write_queue import get_write_queue

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from rnnexp.config.settings import Tracking

log = logging.getLogger("rnnexp")

CODE_IS_KNOWN_FOR_S = 10.0

_warming: dict[str, threading.Thread] = {}
# Where runs have been created: by store, name and tags of the experiment, the client and the experiment's id.
_known: dict[tuple[str, str, str], tuple[MlflowClient, str]] = {}


def warm_up(settings: Tracking) -> None:
    """Import MLflow and open the store in a thread, while data are read and the model is built."""
    if settings.name == "off":
        return
    uri = store.tracking_uri(settings.uri)
    if uri not in _warming:
        _warming[uri] = threading.Thread(target=_open_silently, args=(uri,), name="rnnexp-warm-up", daemon=True)
        _warming[uri].start()


def import_early(settings: Tracking) -> None:
    """Import MLflow in a thread and touch nothing, while it is not yet sure whether anything will be tracked."""
    if settings.name != "off":
        threading.Thread(target=_import_silently, name="rnnexp-import", daemon=True).start()


def _import_silently() -> None:
    with suppress(TrackingError):  # `start` meets it again
        store.import_mlflow()


def _open_silently(uri: str) -> None:
    """Leave a failure to `start`, which meets it again and can raise it where it is heard."""
    try:
        store.open_store(uri)
    except TrackingError as error:
        log.debug("%s", error)


@contextmanager
def start(settings: Tracking, info: RunInfo, *, at_once: bool = True) -> Iterator[Run]:
    """Track one run: it ends FINISHED, or FAILED or KILLED when an exception passes through.

    Without `at_once` the end does not wait until all is
    written to a local database: `flush` does. Raises TrackingError if the store cannot be used;
    once the run has begun, trouble with the store no longer stops it.
    """
    info.run_dir.mkdir(parents=True, exist_ok=True)
    code = _code(Path.cwd(), int(time.monotonic() / CODE_IS_KNOWN_FOR_S))
    remote = None if settings.name == "off" else _begin(store.tracking_uri(settings.uri), info, code)
    if remote:
        remote.at_once = at_once
    run = Run(info.run_dir, remote)
    status = "FAILED"
    try:
        _log_origin(run, info, code)
        yield run
        if run.result is None:
            run.outcome("ok")
        status = "FINISHED"
    except BaseException as error:
        status, outcome = _verdict(error)
        run.outcome(outcome)
        run.log_text("error.txt", "".join(traceback.format_exception(error)))
        raise
    finally:
        run.close(status)


def _verdict(error: BaseException) -> tuple[str, str]:
    """Return MLflow's status and our outcome; `sys.exit(0)` in the middle of a run is a failure too."""
    if isinstance(error, KeyboardInterrupt):
        return "KILLED", "killed"
    return "FAILED", "diverged" if isinstance(error, DivergedError) else "failed"


def _begin(uri: str, info: RunInfo, code: GitState | None) -> Remote:
    """Create the run with its parameters and tags.

    Nothing of MLflow's global state is used: an active run of a notebook stays what it is, and MLFLOW_RUN_ID
    and MLFLOW_EXPERIMENT_NAME, which would pull the run elsewhere, have no effect.
    """
    thread = _warming.pop(uri, None)
    if thread is not None:
        thread.join()
    remote = _begun_as_before(uri, info) or _begun(uri, info)
    _say_what_is_ignored(uri)
    try:
        _keep_id(remote, info.run_dir)
        remote.log("parameters", Batch(params=remote.params, tags=names.tags(code.tags() if code else {})))
    except BaseException as error:
        remote.close(_verdict(error)[0])
        raise
    return remote


def _begun_as_before(uri: str, info: RunInfo) -> Remote | None:
    """Create a run where this process has created one, without looking at the store and the experiment again."""
    known = _known.get(_place(uri, info))
    if known is None or info.run_id is not None:
        return None
    try:
        return _created_as_rows(*known, uri, info) or _created(*known, uri, info)
    except Exception as error:  # the store is gone, the experiment was deleted: `_begun` says it clearly
        log.debug("%s has changed: %s", redact(uri), error)
        del _known[_place(uri, info)]
        return None


def _begun(uri: str, info: RunInfo) -> Remote:
    client = store.open_store(uri)
    number = store.experiment_id(client, uri, info.experiment, _experiment_tags(info))
    try:
        remote = _created(client, number, uri, info)
    except Exception as error:  # a disk that is full, a server that went away
        raise TrackingError(f"{redact(uri)}: the run cannot be created: {redact(str(error))}") from None
    _known[_place(uri, info)] = client, number
    return remote


def _place(uri: str, info: RunInfo) -> tuple[str, str, str]:
    return uri, info.experiment, json.dumps(_experiment_tags(info))


def _created(client: MlflowClient, number: str, uri: str, info: RunInfo) -> Remote:
    run = _reopened(client, info) or client.create_run(number, tags=_run_tags(info), run_name=info.run_name)
    return Remote(client, uri, number, run.info.run_id, str(run.info.artifact_uri), names.params(info.params))


def _created_as_rows(client: MlflowClient, number: str, uri: str, info: RunInfo) -> Remote | None:
    """Do the same in one short transaction of a local database; None where that is not possible."""
    file, run_id = store.database(uri), uuid.uuid4().hex
    if file is None:
        return None
    try:
        with transaction(file) as connection:
            place = tables.write_run(connection, run_id, number, info.run_name, _run_tags(info))
    except sqlite3.Error as error:
        log.debug("%s: %s", redact(uri), error)
        return None
    return Remote(client, uri, number, run_id, place, names.params(info.params))


def flush(settings: Tracking) -> None:
    """Wait until all that runs have logged is written, if their store is a local database."""
    file = store.database(store.tracking_uri(settings.uri)) if settings.name != "off" else None
    if file:
        get_write_queue(file).flush()


def _reopened(client: MlflowClient, info: RunInfo) -> Any:
    """Set a run of an earlier start running again; None if there is none, or it has been deleted."""
    if info.run_id is None:
        return None
    from mlflow.exceptions import MlflowException

    try:
        client.update_run(info.run_id, status="RUNNING")
        return client.get_run(info.run_id)
    except MlflowException:
        return None


def _keep_id(remote: Remote, run_dir: Path) -> None:
    """Leave word in the run's folder: whoever finds it after a `kill -9` can end the run in MLflow."""
    known = {"run_id": remote.run_id, "experiment_id": remote.experiment_id, "uri": redact(remote.uri)}
    (run_dir / "run.json").write_text(json.dumps(known) + "\n", encoding="utf-8")


def _experiment_tags(info: RunInfo) -> dict[str, str]:
    return {
        "mlflow.experimentKind": "custom_model_development",  # else the page opens in its GenAI view
        "mlflow.note.content": f"`rnnexp` on **{info.experiment}**; compare runs by `{info.primary_metric}`.",
        **names.primary(info.primary_metric, info.greater_is_better),
    }


def _run_tags(info: RunInfo) -> dict[str, str]:
    tags = {
        "mlflow.note.content": info.description,
        "mlflow.source.name": "rnnexp",
        "mlflow.source.type": "LOCAL",
        "mlflow.user": _user(),
        **info.tags,
    }
    if info.parent:
        tags["mlflow.parentRunId"] = info.parent
    return names.tags(tags)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without an entry in passwd
        return "unknown"


def _log_origin(run: Run, info: RunInfo, code: GitState | None) -> None:
    """Keep the configuration and the code's state: what is needed to repeat the run."""
    run.log_text("config/config.yaml", info.config)
    if code is not None and code.diff:
        run.log_text("git.diff", code.diff)


@lru_cache(maxsize=1)
def _code(folder: Path, now: int) -> GitState | None:
    """Ask git once for all runs that start together: it takes 30 ms."""
    return git_state(folder)


def _say_what_is_ignored(uri: str) -> None:
    for name in ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID"):
        if os.environ.get(name):
            log.info("%s is ignored: every run is its own, and tracking.experiment chooses where it goes", name)
    if uri.startswith(store.SQLITE) and Path("mlruns").exists():
        log.info("./mlruns hides the runs from a plain `mlflow ui`; see them with: %s", store.ui_command(uri))
