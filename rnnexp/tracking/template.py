"""An empty database of MLflow's, kept in the user's cache: making its tables takes MLflow seconds, a copy none."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

from rnnexp.runtime.machine import make_cache_folder

log = logging.getLogger("rnnexp")


def copy_template(database: Path, root: str) -> bool:
    """Make an empty database whose default experiment has its files in `root`; False if there is no template."""
    template = _template_path()
    try:
        if template is None or not template.is_file():
            return False
        shutil.copyfile(template, database)
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("UPDATE experiments SET artifact_location = ? || '/' || experiment_id", [root])
        return True
    except (OSError, sqlite3.Error) as error:  # damaged, or from a full disk: MLflow makes the tables
        log.debug("%s: %s", template, error)
        database.write_bytes(b"")
        return False


def save_template(database: Path) -> None:
    """Keep a database that MLflow has just made, whole or not at all."""
    template = _template_path()
    if template is None:
        return
    beside = template.with_name(f".{template.name}.{os.getpid()}")
    try:
        shutil.copyfile(database, beside)
        beside.replace(template)
    except OSError as error:
        log.debug("%s: %s", template, error)


def _template_path() -> Path | None:
    folder = make_cache_folder()
    return folder / f"mlflow-{version('mlflow')}.db" if folder else None
