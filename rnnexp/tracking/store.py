"""Opening the tracking store: where it is, its schema, the experiment."""

from __future__ import annotations

import logging
import os
import re
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from rnnexp.errors import TrackingError, did_you_mean, first_line
from rnnexp.paths import short_name
from rnnexp.redact import redact
from rnnexp.runtime.machine import find_version
from rnnexp.tracking import moved, template
from rnnexp.tracking.local_files import SCHEME, LocalFiles
from rnnexp.tracking.mlflow_import import import_mlflow
from rnnexp.tracking.moved import ARTIFACTS, SQLITE
from rnnexp.tracking.refusal import explain_refusal

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.store.artifact.artifact_repo import ArtifactRepository

_REMOTE = ("http://", "https://", "databricks", "uc:")
_SCHEMES = ("http", "https", "sqlite", "postgresql", "mysql", "mssql", "file", "databricks", "databricks-uc", "uc")
_FILE_STORE = "MLFLOW_ALLOW_FILE_STORE"
_ELSEWHERE = "or keep the runs elsewhere with tracking.uri=sqlite:////other/folder/mlflow.db"

log = logging.getLogger("rnnexp")

# Alembic keeps what it works on in module globals: two threads that open two databases would mix them up.
_SCHEMA = threading.Lock()


def tracking_uri(configured: str | None) -> str:
    """Choose the store: `tracking.uri`, else MLFLOW_TRACKING_URI, else `mlflow.db` of the working directory.

    Local paths come back absolute, so that a change of directory moves nothing. MLflow's own default is not
    asked: a folder `./mlruns` would turn it into the file store, which MLflow then refuses.
    """
    uri = configured or os.environ.get("MLFLOW_TRACKING_URI") or f"{SQLITE}mlflow.db"
    if uri.startswith(SQLITE):
        return SQLITE + os.path.abspath(uri.removeprefix(SQLITE))
    scheme, mark, _ = uri.partition("://")
    hint = did_you_mean(scheme, _SCHEMES) if mark and scheme.partition("+")[0] not in _SCHEMES else ""
    if hint or re.fullmatch(r"[\w.-]+:\d+/?", uri):
        hint = hint or f"; did you mean `http://{redact(uri)}`?"
        raise TrackingError(f"tracking.uri: `{redact(uri)}` is no address of a store{hint}")
    if _is_file_store(uri) and os.environ.get(_FILE_STORE, "").lower() != "true":
        raise TrackingError(
            f"tracking.uri: `{redact(uri)}` is a folder of MLflow's old file store, which MLflow refuses; "
            f"use sqlite:///mlflow.db or a server's http:// address, or set {_FILE_STORE}=true"
        )
    return uri


def _is_file_store(uri: str) -> bool:
    return uri.startswith("file:") or ("://" not in uri and not uri.startswith(_REMOTE))


def open_store(uri: str) -> MlflowClient:
    """Return a client for a store that answers; a TrackingError says what is wrong and how to mend it."""
    mlflow = import_mlflow()
    with _SCHEMA:
        return _opened(mlflow, uri)


def prepare_database(file: Path, experiment: str | None = None) -> None:
    """Check the file of a local database, or make one, if need be with an experiment of this name to be.

    MLflow is imported only for what the cache does not tell. Raises TrackingError as `open_store` does.
    """
    with _SCHEMA:
        _prepare(file, experiment)


def _opened(mlflow: Any, uri: str) -> MlflowClient:
    if uri.startswith(SQLITE):
        _prepare(Path(uri.removeprefix(SQLITE)))
    try:
        client = mlflow.MlflowClient(tracking_uri=uri)
        client.search_experiments(max_results=1)
    except Exception as error:  # MLflow, SQLAlchemy and requests raise whatever they like here
        raise TrackingError(_explained(uri, error)) from None
    return client


def experiment_id(client: MlflowClient, uri: str, name: str, tags: Mapping[str, str]) -> str:
    """Return the id of the experiment `name`, created if need be, with its tags up to date."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name, artifact_root(uri, name), dict(tags)))
        except MlflowException:  # another process was faster
            found = client.get_experiment_by_name(name)
    if found is None or found.lifecycle_stage == "deleted":
        number = found.experiment_id if found else "?"
        raise TrackingError(
            f"experiment `{name}` lies in MLflow's trash; restore it with\n"
            f"  MLFLOW_TRACKING_URI='{redact(uri)}' mlflow experiments restore --experiment-id {number}\n"
            f"or log to another one with tracking.experiment=NAME"
        )
    for key, value in tags.items():
        if found.tags.get(key) != value:
            client.set_experiment_tag(found.experiment_id, key, value)
    return str(found.experiment_id)


def artifact_root(uri: str, experiment: str) -> str | None:
    """Return where an experiment's files go: beside a database, but a server decides for itself."""
    if uri.startswith(_REMOTE):
        return None
    folder = Path(uri.removeprefix(SQLITE)).parent if uri.startswith(SQLITE) else Path.cwd()
    return (folder / ARTIFACTS / _as_folder(experiment)).absolute().as_uri()


def locate_artifacts(database: Path) -> str:
    """Return the folder of all files of a local database, as an address."""
    return (database.parent / ARTIFACTS).as_uri()


def _as_folder(experiment: str) -> str:
    """Return a name that is no path: neither `..` nor `/` nor a name that is too long leads elsewhere."""
    plain = quote(experiment, safe=" ", errors="replace")
    return short_name(plain if plain.strip(". ") else plain.replace(".", "%2E").replace(" ", "%20"))


def database(uri: str) -> Path | None:
    """Return the file of a local database, None for any other store."""
    return Path(uri.removeprefix(SQLITE)) if uri.startswith(SQLITE) else None


def artifacts(place: str, uri: str) -> ArtifactRepository | LocalFiles:
    """Return what reads and writes files in `place`; MLflow's client would ask the store anew where that is.

    A local database may be a stranger's: an address that stands in it is not sent the tokens of the environment.
    """
    if uri.startswith(SQLITE) and place.startswith(("http:", "https:", "mlflow-artifacts:")):
        known = f"{redact(uri)}: names {redact(place)} for its files"
        raise TrackingError(f"{known}, which is not asked; if you trust that server, set MLFLOW_TRACKING_URI to it")
    if uri.startswith(SQLITE) and place.startswith(SCHEME):
        return LocalFiles(place)
    import_mlflow()
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
    from mlflow.utils.uri import add_databricks_profile_info_to_artifact_uri

    return get_artifact_repository(add_databricks_profile_info_to_artifact_uri(place, uri), tracking_uri=uri)


def ui_command(uri: str) -> str:
    """Return the command that shows the runs of a store; the plain one where it suffices."""
    if uri.startswith(("http://", "https://")):
        return f"open {redact(uri)}"
    if uri == f"{SQLITE}{Path.cwd() / 'mlflow.db'}" and not Path("mlruns").exists():
        return "mlflow ui"
    return f"mlflow ui --backend-store-uri '{redact(uri)}'"


def _prepare(database: Path, experiment: str | None = None) -> None:
    """Check an existing database file, or make a new one whole, before MLflow touches it."""
    if set("%?") & set(str(database)):
        raise TrackingError(f"{database}: SQLAlchemy misreads `%` and `?` in a path; rename the folder {_ELSEWHERE}")
    if not database.parent.is_dir():
        raise TrackingError(f"{database}: the folder {database.parent} does not exist; create it {_ELSEWHERE}")
    with _locked(database.parent):
        if not database.exists():
            _create(database, experiment)
    _check(database)
    moved.repair(database)


def _create(database: Path, experiment: str | None) -> None:
    """Make the schema in a file of another name and rename it: who sees the database sees all its tables.

    MLflow's client creates the tables without a lock; processes that start together break each other's
    schema, and one that is killed leaves half of it.
    """
    new, root = database.with_name(f".{database.name}.new-{os.getpid()}"), locate_artifacts(database)
    try:
        new.touch()  # fails at once where MLflow would try for minutes
        if not template.copy_template(new, root, experiment):
            _make_tables(new, root)
            template.save_template(new, root)
        new.replace(database)
    except Exception as error:  # a read-only folder, a full disk: SQLAlchemy wraps them in its own ways
        raise TrackingError(
            f"{database}: cannot be created: {first_line(error)}; free space or allow writing, {_ELSEWHERE}"
        ) from None
    finally:
        for left in database.parent.glob(f"{new.name}*"):
            left.unlink()


def _make_tables(database: Path, root: str) -> None:
    import_mlflow()
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    SqlAlchemyStore(f"{SQLITE}{database}", root).engine.dispose()


def _check(database: Path) -> None:
    """Refuse what MLflow would spoil, migrate without asking, or fail over with a traceback."""
    if not database.is_file():
        raise TrackingError(f"{database}: is not a file; remove it {_ELSEWHERE}")
    if database.stat().st_size == 0:
        raise TrackingError(f"{database}: is empty (0 bytes), no runs are in it; delete it {_ELSEWHERE}")
    try:
        version = _schema_version(database)
    except sqlite3.Error as error:
        raise TrackingError(
            f"{database}: {error}; check that it is MLflow's and may be written, {_ELSEWHERE}"
        ) from None
    if version is None:
        raise TrackingError(f"{database}: is the database of another program; move it away {_ELSEWHERE}")
    if version != _installed_version():
        raise TrackingError(_another_version(f"{SQLITE}{database}"))


def _schema_version(database: Path) -> str | None:
    """Return the version of MLflow's tables, None if there are none; make sure that writing is possible."""
    connection = sqlite3.connect(f"file:{quote(str(database))}?mode=rw", uri=True, timeout=20)
    try:
        connection.execute("BEGIN IMMEDIATE")
        rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        if not {("experiments",), ("runs",), ("alembic_version",)} <= set(rows):
            return None
        connection.execute("UPDATE alembic_version SET version_num = version_num")  # rolled back on closing
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return str(row[0]) if row else ""
    finally:
        connection.close()


@cache
def _installed_version() -> str:
    """Return the version of the tables that the installed MLflow works with, which none of its public functions tells.

    To ask it takes half a second of imports, so the answer is kept.
    """
    if known := template.find_schema_version():
        return known
    import_mlflow()
    from mlflow.store.db.utils import _get_latest_schema_revision

    version = str(_get_latest_schema_revision())
    template.save_schema_version(version)
    return version


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, which needs no file; where there are none (NFS), go on without."""
    try:
        import fcntl

        descriptor = os.open(folder, os.O_RDONLY)
    except (ImportError, OSError):
        yield
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError:
            log.debug("%s cannot be locked", folder)
        yield
    finally:
        os.close(descriptor)


def _another_version(uri: str) -> str:
    shown, version = redact(uri), find_version("mlflow")
    database = shown.removeprefix(SQLITE)
    backup = f"  cp '{database}' '{database}.bak'\n" if uri.startswith(SQLITE) else ""
    return (
        f"{shown}: was made by another version of MLflow than the installed {version}; "
        f"back it up and migrate it:\n{backup}  mlflow db upgrade '{shown}'\n"
        f"(a newer one needs: pip install -U mlflow), {_ELSEWHERE}"
    )


def _explained(uri: str, error: Exception) -> str:
    if "database schema" in str(error) or "Can't locate revision" in str(error):
        return _another_version(uri)
    if refusal := explain_refusal(error):
        return f"{redact(uri)}: {refusal}"
    return (
        f"{redact(uri)}: the tracking store does not answer: {redact(first_line(error))}; start it, "
        f"check tracking.uri and MLFLOW_TRACKING_URI, or set tracking=off"
    )
