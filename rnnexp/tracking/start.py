"""Starting and ending a run, so that its status in MLflow is the truth."""

from __future__ import annotations

import getpass
import logging
import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from rnnexp.errors import DivergedError, ResourceError, count
from rnnexp.redact import redact
from rnnexp.run_folder import ERROR
from rnnexp.runtime.interrupts import run_last
from rnnexp.tracking import database, names, run_files, store, template
from rnnexp.tracking.git import GitState, git_state
from rnnexp.tracking.journal import ENTRIES, FOLDER, RunJournal
from rnnexp.tracking.mlflow_import import import_mlflow, require_mlflow
from rnnexp.tracking.pusher import get_pusher
from rnnexp.tracking.run import OUTCOME, Run, RunInfo
from rnnexp.tracking.unstored import tell_unstored, write_sync

if TYPE_CHECKING:
    from rnnexp.config.settings import Tracking

log = logging.getLogger("rnnexp")

PACKAGES = ("mlflow.pyfunc", "mlflow.store.tracking.sqlalchemy_store", "sqlalchemy.dialects.sqlite")
IGNORED = ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID")
CODE_IS_KNOWN_FOR_S = 10.0
LAST_ROWS = 1 << 16  # bytes of them, in which the last one is


def find_database(settings: Tracking) -> Path | None:
    """Return the file of the local database that runs go to, None for any other store."""
    return store.database(store.tracking_uri(settings.uri)) if settings.is_pushed else None


def warm_up(settings: Tracking, experiment: str | None = None) -> None:
    """Open the store in a thread, with MLflow if need be, while data are read and the model is built.

    `experiment` names the one of the runs to come, with which a new database is made.
    """
    if settings.is_pushed:
        get_pusher(store.tracking_uri(settings.uri)).open(experiment)


def import_early(settings: Tracking, experiment: str) -> None:
    """Import MLflow in a thread and touch nothing, while it is not yet sure whether anything will be tracked."""
    if list_packages(settings, experiment):
        threading.Thread(target=_import_silently, name="rnnexp-import", daemon=True).start()


def list_packages(settings: Tracking, experiment: str) -> tuple[str, ...]:
    """Return what runs import of MLflow: nothing where a local database has their experiment, or is copied with it."""
    file = find_database(settings)
    is_known = file is not None and bool(template.find_schema_version()) and _has_experiment(file, experiment)
    return PACKAGES if settings.is_pushed and not is_known else ()


def _has_experiment(file: Path, experiment: str) -> bool:
    try:
        return (
            database.find_experiment(file, experiment) is not None if file.exists() else template.has_kept(experiment)
        )
    except sqlite3.Error:  # whoever opens the store tells it
        return False


def _import_silently() -> None:
    with suppress(ResourceError):  # the pusher meets it again
        import_mlflow()


@contextmanager
def start(settings: Tracking, info: RunInfo, *, at_once: bool = True) -> Iterator[Run]:
    """Track one run: it ends FINISHED, or FAILED or KILLED when an exception passes through.

    All is written down in the run's folder, and stored from there. Without `at_once` the end does not wait until it
    is: `flush` does. Trouble with the store stops nothing and is told once; with `tracking.mode=strict` it raises
    TrackingError, before the run begins or after it has ended.
    """
    info.run_dir.mkdir(parents=True, exist_ok=True)
    code = _code(Path.cwd(), int(time.monotonic() / CODE_IS_KNOWN_FOR_S))
    run = _begin(settings, info, code)
    status = "FAILED"
    try:
        run.drop_error()
        _log_origin(run, info, code if settings.patch else None)
        with run_last(run.leave):
            yield run
        if run.result is None:
            run.outcome("ok")
        status = "FINISHED"
    except BaseException as error:
        status, outcome = _verdict(error)
        run.outcome(outcome)
        run.log_error(error)
        raise
    finally:
        run.close(status, run_files.PATIENCE_S if at_once and status != "KILLED" else 0.0)
        if run.problem and status != "FINISHED":
            log.warning("%s", run.problem)
        if at_once:
            _settle(run, status)
    if settings.mode == "strict":
        run.require()


def _settle(run: Run, status: str) -> None:
    try:
        run.settle(interrupted=status == "KILLED")
    except KeyboardInterrupt as stop:
        if status == "FINISHED":
            stop.add_note("the run had ended, and only waited for its logged values to be stored")
        raise


def _verdict(error: BaseException) -> tuple[str, str]:
    """Return MLflow's status and our outcome; `sys.exit(0)` in the middle of a run is a failure too."""
    if isinstance(error, KeyboardInterrupt):
        return "KILLED", "killed"
    return "FAILED", "diverged" if isinstance(error, DivergedError) else "failed"


def _begin(settings: Tracking, info: RunInfo, code: GitState | None) -> Run:
    """Write down that a run begins, with its parameters and tags."""
    if not settings.is_kept:
        return Run(info.run_dir, None)
    require_mlflow()
    uri = store.tracking_uri(settings.uri)
    _say_what_is_ignored(uri)
    (info.run_dir / FOLDER).mkdir(exist_ok=True)
    run = Run(info.run_dir, RunJournal(info.run_dir), get_pusher(uri) if settings.is_pushed else None)
    run.begin(
        experiment=info.experiment,
        experiment_tags=_experiment_tags(info),
        name=info.run_name,
        params=names.params(info.params),
        tags=_run_tags(info, code),
        parent=info.parent,
        key=info.key or uuid.uuid4().hex,
        again=info.key is not None,
        uri=redact(uri),
        time=int(time.time() * 1000),
    )
    if settings.mode == "strict":
        run.require()
    return run


def end_dead_run(run_dir: Path, settings: Tracking, *, interrupted: bool = False) -> None:
    """Write down that the run in a folder was killed, unless it has ended or was never begun, and have it stored."""
    if not (run_dir / ENTRIES).exists():
        return
    journal = RunJournal(run_dir)
    end_journal(journal)
    journal.closed = True
    if settings.is_pushed:
        pusher = get_pusher(store.tracking_uri(settings.uri))
        pusher.add(journal)
        pusher.flush([journal], pusher.patience(interrupted=interrupted))


def end_journal(journal: RunJournal) -> None:
    """Write down that a run was killed, at its last sign of life, unless it has ended or was never begun."""
    begun = journal.begun
    if begun is None or journal.ended is not None:
        return
    last, _ = journal.rows.read(max(0, journal.rows.file.size() - LAST_ROWS))
    ended = max([begun["time"], *(row["time"] for row, _ in last)])
    journal.append("tags", tags={OUTCOME: "killed"})
    if (journal.folder / ERROR).exists():
        journal.append("file", path=ERROR, redacted=False)
    journal.append("end", status="KILLED", time=ended)


def flush(settings: Tracking, *, interrupted: bool = False) -> None:
    """Wait, not for long, until all that ended runs of this process have logged is stored."""
    if settings.is_pushed:
        pusher = get_pusher(store.tracking_uri(settings.uri))
        ended = pusher.closed()
        pusher.flush(ended, pusher.patience(interrupted=interrupted))
        tell_unstored(ended)


def flush_jobs(settings: Tracking, folder: Path, *, is_over: bool = False) -> bool:
    """Store what the processes of a sweep's jobs, which have ended, have left; False if the store does not take it.

    What the sweep itself has left, too, if `is_over`.
    """
    if not settings.is_kept:
        return True
    paths = [*([folder / ENTRIES] if is_over else []), *sorted(folder.glob(f"jobs/*/{ENTRIES}"))]
    left = [one for path in paths if (one := RunJournal(path.parents[1])).pending]
    if left and settings.is_pushed:
        pusher = get_pusher(store.tracking_uri(settings.uri))
        for journal in left:
            journal.closed = True
            pusher.add(journal)
        pusher.flush(left)
        left = [journal for journal in left if journal.pending]
    if left:
        what = f"{count(len(left), 'run')} of the sweep"
        command = write_sync(folder, redact(store.tracking_uri(settings.uri)))
        log.warning("tracking: %s not in the store yet; store them with: %s", what, command)
    return not left


def _experiment_tags(info: RunInfo) -> dict[str, str]:
    kind = {"mlflow.experimentKind": "custom_model_development"}  # else the page opens in its GenAI view
    if info.primary_metric.startswith("train/"):  # a last run on all data does not say by what others are compared
        return kind
    return {
        **kind,
        "mlflow.note.content": f"`rnnexp` on **{info.experiment}**; compare runs by `{info.primary_metric}`.",
        **names.primary(info.primary_metric, info.greater_is_better),
    }


def _run_tags(info: RunInfo, code: GitState | None) -> dict[str, str]:
    tags = {
        "mlflow.note.content": info.description,
        "mlflow.source.name": "rnnexp",
        "mlflow.source.type": "LOCAL",
        "mlflow.user": _user(),
        **info.tags,
        **(code.tags() if code else {}),
    }
    return names.tags(tags)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without an entry in passwd
        return "unknown"


def _log_origin(run: Run, info: RunInfo, changed: GitState | None) -> None:
    """Keep the configuration and, unless that is not wanted, the code's changes: what is needed to repeat the run."""
    run.log_text("config/config.yaml", info.config)
    if changed is not None and changed.diff:
        run.log_text("git.diff", changed.diff)


@lru_cache(maxsize=1)
def _code(folder: Path, now: int) -> GitState | None:
    """Ask git once for all runs that start together: it takes 30 ms."""
    return git_state(folder)


def _say_what_is_ignored(uri: str) -> None:
    for name in IGNORED:
        if os.environ.get(name):
            log.info("%s is ignored: every run is its own, and tracking.experiment chooses where it goes", name)
    if uri.startswith(store.SQLITE) and Path("mlruns").exists():
        log.info("./mlruns hides the runs from a plain `mlflow ui`; see them with: %s", store.ui_command(uri))
