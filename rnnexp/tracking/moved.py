"""A local database beside its files that was moved or copied: MLflow stores where files lie as absolute addresses.

What lay beside the database at its former place is looked for beside it now; places elsewhere stay as they are.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlparse

log = logging.getLogger("rnnexp")

ARTIFACTS = "mlartifacts"  # the folder beside a database
FOLDER, NOTE = "rnnexp.folder", "mlflow.note.content"  # the tags that tell where the folder of a run is
BUSY_S = 20.0
SQLITE = "sqlite:///"

# Where new files go must be here; those of the past may have been left behind, see `Move.place`.
_ROOTS = ("experiments", "artifact_location")
_PLACES = (("runs", "artifact_uri"), ("logged_models", "artifact_location"), ("model_versions", "storage_location"))
_TEXTS = (NOTE, FOLDER)
_HOMES = f"""
SELECT artifact_location FROM experiments
WHERE (experiment_id = 0 AND artifact_location LIKE 'file:%/{ARTIFACTS}/0')
OR (artifact_location LIKE 'file:%/{ARTIFACTS}/%' AND experiment_id IN (SELECT experiment_id FROM experiment_tags
WHERE key = '{NOTE}' AND value LIKE '`rnnexp` on %'))
ORDER BY experiment_id LIMIT 1"""


@dataclass(frozen=True)
class Move:
    """From one folder to another, both as paths without a slash at their end."""

    old: str
    new: str

    def place(self, address: str, *, always: bool = False) -> str:
        """Return where files are now; unless `always`, those that stayed behind are where they were."""
        before = f"{_address(self.old)}/{ARTIFACTS}/"
        if not address.startswith(before):
            return address
        here = f"{_address(self.new)}/{ARTIFACTS}/{address.removeprefix(before)}"
        return address if not always and _exists(address) and not _exists(here) else here

    def text(self, text: str) -> str:
        """Return a description, or a folder, that tells where a run's folder is."""
        if text.startswith(f"{self.old}/"):
            return self.new + text.removeprefix(self.old)
        return text.replace(f"Folder: `{self.old}/", f"Folder: `{self.new}/")


def find_move(connection: sqlite3.Connection, database: Path) -> Move | None:
    """Tell whether a database lies elsewhere than the places in it say.

    A link to its folder is the same place, and a folder with files but without a database is one that somebody chose.
    """
    row = connection.execute(_HOMES).fetchone()
    if row is None:
        return None
    old = _path(row[0]).rpartition(f"/{ARTIFACTS}/")[0]
    homes = (os.path.realpath(database.parent), os.path.dirname(os.path.realpath(database)))
    if os.path.realpath(old) in homes:
        return None
    chosen = os.path.isdir(f"{old}/{ARTIFACTS}") and not os.path.exists(f"{old}/{database.name}")
    return None if chosen else Move(old, os.path.abspath(database.parent))


def repair(database: Path) -> None:
    """Bring the places in a database up to date, so that plain MLflow finds the files too."""
    try:
        with closing(sqlite3.connect(database, timeout=BUSY_S, isolation_level=None)) as connection:
            if find_move(connection, database) is None:
                return
            connection.execute("BEGIN IMMEDIATE")
            move = find_move(connection, database)  # another process may have been faster
            if move:
                _repair(connection, move)
            connection.execute("COMMIT")
    except sqlite3.Error as error:  # may only be read, or its tables are of another version
        log.debug("%s: the places of its files cannot be brought up to date: %s", database, error)
        return
    if move:
        log.info("the project has moved here from %s: its runs' files are looked for here", move.old)


def _repair(connection: sqlite3.Connection, move: Move) -> None:
    for table, column in (_ROOTS, *_PLACES):
        rows = connection.execute(f"SELECT rowid, {column} FROM {table} WHERE {column} LIKE 'file:%'").fetchall()
        always = table == _ROOTS[0]
        changed = [(here, row) for row, there in rows if (here := move.place(there, always=always)) != there]
        connection.executemany(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", changed)
    texts = connection.execute("SELECT rowid, value FROM tags WHERE key IN (?, ?)", _TEXTS).fetchall()
    changed = [(here, row) for row, there in texts if (here := move.text(there)) != there]
    connection.executemany("UPDATE tags SET value = ? WHERE rowid = ?", changed)


def name_place(tags: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return the tags of a run as they are where its folder, which may have been moved, is now."""
    was, here = tags.get(FOLDER), str(folder.absolute())
    if not was or os.path.realpath(was) == os.path.realpath(here):
        return dict(tags)
    return {**tags, FOLDER: here, NOTE: tags.get(NOTE, "").replace(f"Folder: `{was}`", f"Folder: `{here}`")}


def follow(address: str, was: str | None, now: Path) -> str:
    """Return where a local database is if it has moved together with the folder of a run that was at `was`."""
    if not was or not address.startswith(SQLITE):
        return address
    old, new = Path(was), now.absolute()
    while old.name == new.name and old.name:
        old, new = old.parent, new.parent
    file = Path(address.removeprefix(SQLITE))
    return f"{SQLITE}{new / file.relative_to(old)}" if old != new and file.is_relative_to(old) else address


def _address(folder: str) -> str:
    return f"file://{quote(folder)}"


def _path(address: str) -> str:
    return unquote(urlparse(address).path)


def _exists(address: str) -> bool:
    return os.path.exists(_path(address))
