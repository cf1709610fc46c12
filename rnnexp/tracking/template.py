"""What MLflow takes seconds to make, kept in the user's cache: an empty database, and what version its tables have.

A database is kept as MLflow has left it, once without and once with each of the experiments that were made in a new
one: a copy takes a hundredth of a second, and no import of MLflow.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path

from rnnexp.disk import put_whole
from rnnexp.runtime.machine import find_version, make_cache_folder

MAX_KEPT = 16  # databases of a megabyte

_RUNS = "SELECT EXISTS (SELECT 1 FROM runs)"
_AT = "UPDATE experiments SET artifact_location = substr(artifact_location, ?)"
_HERE = "UPDATE experiments SET artifact_location = ? || artifact_location, creation_time = ?, last_update_time = ?"

log = logging.getLogger("rnnexp")


def copy_template(database: Path, root: str, experiment: str | None = None) -> bool:
    """Make an empty database, with the experiment if that is known, whose files go to `root`; False if none is kept."""
    return any(_copy(name, database, root) for name in dict.fromkeys((experiment, None)))


def has_kept(experiment: str) -> bool:
    """Whether there is an empty database with this experiment."""
    path = _find_path(_name_database(experiment))
    return path is not None and path.is_file()


def _copy(experiment: str | None, database: Path, root: str) -> bool:
    template = _find_path(_name_database(experiment))
    try:
        if template is None or not template.is_file():
            return False
        shutil.copyfile(template, database)
        now = int(time.time() * 1000)
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute(_HERE, [root, now, now])
        return True
    except (OSError, sqlite3.Error) as error:  # damaged, or from a full disk: MLflow makes the tables
        log.debug("%s: %s", template, error)
        database.write_bytes(b"")
        return False


def save_template(database: Path, root: str, experiment: str | None = None) -> None:
    """Keep a database that MLflow has just made, or in which it has just made the first experiment of our own.

    One that has more in it is left alone.
    """
    template, names = _find_path(_name_database(experiment)), ["Default", *([experiment] if experiment else [])]

    def write(new: Path) -> None:
        with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(new)) as copy:
            _require_empty(source, root, names)
            source.backup(copy)
            _require_empty(copy, root, names)  # another process may have been faster
            copy.execute(_AT, [len(root) + 1])
            copy.commit()

    if template:
        with suppress(ValueError):
            _put(template, write)


def _require_empty(connection: sqlite3.Connection, root: str, names: Sequence[str]) -> None:
    found = connection.execute("SELECT name, artifact_location FROM experiments ORDER BY experiment_id").fetchall()
    inside = all(str(place).startswith(f"{root}/") for _, place in found)
    if connection.execute(_RUNS).fetchone()[0] or [name for name, _ in found] != names or not inside:
        raise ValueError("is no template")


def find_schema_version() -> str | None:
    """Return the version of the tables that the installed MLflow works with; None if it was not asked yet."""
    path = _find_path("schema.txt")
    with suppress(OSError, UnicodeDecodeError):
        return (path.read_text(encoding="ascii").strip() or None) if path else None
    return None


def save_schema_version(version: str) -> None:
    if path := _find_path("schema.txt"):
        _put(path, lambda new: new.write_text(f"{version}\n", encoding="ascii"))


def _put(path: Path, write: Callable[[Path], object]) -> None:
    """Put a file into the cache, and remove the oldest of its kind."""
    try:
        put_whole(path, write)
        kept = sorted(path.parent.glob(f"mlflow-*{path.suffix}"), key=os.path.getmtime)
        for old in kept[:-MAX_KEPT]:
            old.unlink()
    except (OSError, sqlite3.Error) as error:
        log.debug("%s: %s", path, error)


def _name_database(experiment: str | None) -> str:
    return f"{hashlib.sha256(experiment.encode()).hexdigest()[:16] if experiment else 'empty'}.db"


def _find_path(name: str) -> Path | None:
    folder, version = make_cache_folder(), find_version("mlflow")
    return folder / f"mlflow-{version}-{name}" if folder and version else None
