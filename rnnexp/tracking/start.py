"""Starting and ending a run, so that its status in MLflow is the truth."""

from __future__ import annotations

import getpass
import json
import logging
import os
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from rnnexp.errors import DivergedError, TrackingError
from rnnexp.redact import redact
from rnnexp.tracking import names, store
from rnnexp.tracking.git import git_state
from rnnexp.tracking.remote import Remote
from rnnexp.tracking.run import Run, RunInfo

log = logging.getLogger("rnnexp")

_warming: dict[str, threading.Thread] = {}


class Settings(Protocol):
    """What is read of the settings `tracking`."""

    @property
    def name(self) -> Any: ...
    @property
    def uri(self) -> str | None: ...


def warm_up(settings: Settings) -> None:
    """Import MLflow and open the store in a thread, while data are read and the model is built."""
    if settings.name == "off":
        return
    uri = store.tracking_uri(settings.uri)
    if uri not in _warming:
        _warming[uri] = threading.Thread(target=_open_silently, args=(uri,), name="rnnexp-warm-up", daemon=True)
        _warming[uri].start()


def _open_silently(uri: str) -> None:
    """Leave a failure to `start`, which meets it again and can raise it where it is heard."""
    try:
        store.open_store(uri)
    except TrackingError as error:
        log.debug("%s", error)


@contextmanager
def start(settings: Settings, info: RunInfo) -> Iterator[Run]:
    """Track one run: it ends FINISHED, or FAILED or KILLED when an exception passes through.

    `settings` has `name` ("mlflow" or "off") and `uri`. Raises TrackingError if the store cannot be used;
    once the run has begun, trouble with the store no longer stops it.
    """
    info.run_dir.mkdir(parents=True, exist_ok=True)
    remote = None if settings.name == "off" else _begin(store.tracking_uri(settings.uri), info)
    run = Run(info.run_dir, remote)
    status = "FAILED"
    try:
        _log_origin(run, info)
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


def _begin(uri: str, info: RunInfo) -> Remote:
    """Create the run with its parameters and tags.

    Nothing of MLflow's global state is used: an active run of a notebook stays what it is, and MLFLOW_RUN_ID
    and MLFLOW_EXPERIMENT_NAME, which would pull the run elsewhere, have no effect.
    """
    thread = _warming.pop(uri, None)
    if thread is not None:
        thread.join()
    client = store.open_store(uri)
    number = store.experiment_id(client, uri, info.experiment, _experiment_tags(info))
    _say_what_is_ignored(uri)
    try:
        run_id = (
            _reopened(client, info)
            or client.create_run(number, tags=_run_tags(info), run_name=info.run_name).info.run_id
        )
    except Exception as error:  # a disk that is full, a server that went away
        raise TrackingError(f"{redact(uri)}: the run cannot be created: {redact(str(error))}") from None
    remote = Remote(client, uri, number, run_id)
    try:
        _keep_id(remote, info.run_dir)
        remote.call("parameters", _log_params, remote, info)
    except BaseException as error:
        remote.close(_verdict(error)[0])
        raise
    return remote


def _reopened(client: Any, info: RunInfo) -> str | None:
    """Set a run of an earlier start running again; None if there is none, or it has been deleted."""
    if info.run_id is None:
        return None
    from mlflow.exceptions import MlflowException

    try:
        client.update_run(info.run_id, status="RUNNING")
    except MlflowException:
        return None
    return info.run_id


def _keep_id(remote: Remote, run_dir: Path) -> None:
    """Leave word in the run's folder: whoever finds it after a `kill -9` can end the run in MLflow."""
    known = {"run_id": remote.run_id, "experiment_id": remote.experiment_id, "uri": redact(remote.uri)}
    (run_dir / "run.json").write_text(json.dumps(known) + "\n", encoding="utf-8")


def _log_params(remote: Remote, info: RunInfo) -> None:
    from mlflow.entities import Param

    params = [Param(key, value) for key, value in names.params(info.params).items()]
    remote.client.log_batch(remote.run_id, params=params)


def _experiment_tags(info: RunInfo) -> dict[str, str]:
    return {
        "mlflow.experimentKind": "custom_model_development",  # else the page opens in its GenAI view
        "mlflow.note.content": f"`rnnexp` on **{info.experiment}**; compare runs by `{info.primary_metric}`.",
        "mlflow.experiment.primaryMetric.name": info.primary_metric,
        "mlflow.experiment.primaryMetric.greaterIsBetter": str(info.greater_is_better),
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


def _log_origin(run: Run, info: RunInfo) -> None:
    """Keep the configuration and the code's state: what is needed to repeat the run."""
    run.log_text("config/config.yaml", info.config)
    state = git_state(Path.cwd())
    if state is None:
        return
    run.set_tags(state.tags())
    if state.diff:
        run.log_text("git.diff", state.diff)


def _say_what_is_ignored(uri: str) -> None:
    for name in ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID"):
        if os.environ.get(name):
            log.info("%s is ignored: every run is its own, and tracking.experiment chooses where it goes", name)
    if uri.startswith(store.SQLITE) and Path("mlruns").exists():
        log.info("./mlruns hides the runs from a plain `mlflow ui`; see them with: %s", store.ui_command(uri))
