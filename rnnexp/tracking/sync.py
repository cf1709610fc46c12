"""Completing a store from what runs have written down in their folders; doing it twice changes nothing."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from rnnexp.errors import ConfigError, RnnexpError, TrackingError, did_you_mean, first_line
from rnnexp.redact import redact, without_user
from rnnexp.tracking import moved, store
from rnnexp.tracking.journal import ENTRIES, RunJournal, Stored
from rnnexp.tracking.push import push_journals
from rnnexp.tracking.target import Target

RUNS = "runs"  # the folder of all runs, in the working directory
ALL = "all"
TOLD_S = 5.0  # until it is told that one is waited for
LOCKED_S = 600.0  # how long a local database may be locked by others

log = logging.getLogger("rnnexp")


@dataclass(frozen=True)
class SyncedRun:
    """What has become of one run: `complete` if the store has what there is; `added`: whether some was stored now."""

    name: str
    folder: Path
    run_id: str | None
    complete: bool
    added: bool
    note: str = ""


def find_journals(text: str) -> list[RunJournal]:
    """Find the journals of a run or a sweep, by its folder, its name or the beginning of its id, or all; sweeps first.

    Raises ConfigError if there is none.
    """
    inside = Path(RUNS) if text == ALL else Path(text)
    if inside.is_dir() or text == ALL:
        found = list(_search(inside))
    else:
        known = list(_search(Path(RUNS)))
        folders = [one.folder for one in known if _is_called(one, text)]
        found = [one for one in known if any(folder in (one.folder, *one.folder.parents) for folder in folders)]
        if not found:
            names = [str((one.begun or {}).get("name")) for one in known] + [one.folder.name for one in known]
            raise ConfigError(f"there is no run `{text}` below ./{RUNS}{did_you_mean(text, names)}; give its folder")
    if not found and text != ALL:
        raise ConfigError(f"{text}: there are no tracked runs in this folder")
    return found


def _search(folder: Path) -> Iterator[RunJournal]:
    for path in sorted(folder.rglob(ENTRIES), key=lambda path: (len(path.parts), path)):
        yield RunJournal(path.parents[1])


def _is_called(journal: RunJournal, text: str) -> bool:
    begun = journal.begun or {}
    ids = (str(begun.get("key", "")), journal.stored.run_id or "")
    return text in (journal.folder.name, begun.get("name")) or any(one.startswith(text) for one in ids if one)


def fill_store(journals: Sequence[RunJournal], uri: str | None, to: str | None) -> Iterator[SyncedRun]:
    """Store what is missing of each run, at the address in force (`uri`), or at another one that is asked for (`to`).

    Raises TrackingError if the store cannot be used.
    """
    where = store.tracking_uri(to or uri)
    target: Target | None = None
    for journal in journals:
        begun = journal.begun
        if begun is None:
            continue
        named = journal.stored.uri or begun["uri"]
        is_there = _is_same(named, where)
        came_along = _is_same(moved.follow(named, begun["tags"].get(moved.FOLDER), journal.folder), where)
        if came_along and not is_there:  # with its database, or to where another one is
            target = target or _open(where)
            is_there = target.has_run(str(journal.stored.run_id))
        if to is None and not (is_there or came_along):
            told = (
                f"its runs go to {named}, and {redact(where)} is in force; to store it there: --to {_as_typed(where)}"
            )
            yield SyncedRun(begun["name"], journal.folder, None, False, False, told)
            continue
        if not is_there:
            journal.stored = Stored()
        if journal.pending or journal.stored.refused:
            target = target or _open(where)
            yield sync_journal(target, journal, begun["name"])
        else:
            yield _tell(journal, begun["name"], added=False)


def _is_same(named: str, where: str) -> bool:
    """Say whether a store that a journal names is the one at an address, whoever asks."""
    return without_user(named) == without_user(redact(where))


def _as_typed(where: str) -> str:
    """Return an address as it can be typed; one with a password by the variable that holds it."""
    if where != redact(where) and where == os.environ.get("MLFLOW_TRACKING_URI"):
        return '"$MLFLOW_TRACKING_URI"'
    return redact(where)


def _open(uri: str) -> Target:
    """Open a store; a local database that another process holds is waited for, however long a writer may take."""
    file, deadline = store.database(uri), time.monotonic() + LOCKED_S
    while file and _is_locked(file) and time.monotonic() < deadline:
        log.info("%s: another process has locked it; waiting for it", file)
    return Target(uri)


def _is_locked(database: Path) -> bool:
    """Say whether another process keeps a local database from being written, for seconds."""
    address = f"file:{quote(str(database))}?mode=rw"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=TOLD_S, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
    except sqlite3.Error as error:
        return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
    return False


def sync_journal(target: Target, journal: RunJournal, name: str) -> SyncedRun:
    """Store what is missing of one run. Raises TrackingError if the store does not take it."""
    before = None
    try:
        _replace_deleted(target, journal)
        journal.rewind()
        while journal.pending and before != (before := (journal.stored.entries, journal.stored.rows)):
            push_journals(target, [journal])
    except RnnexpError:
        raise
    except Exception as error:  # MLflow, SQLAlchemy, requests and the disk raise whatever they like
        raise TrackingError(f"{target.shown}: run {name} cannot be stored: {redact(first_line(error))}") from None
    finally:
        journal.save()
    return _tell(journal, name, added=True)


def _replace_deleted(target: Target, journal: RunJournal) -> None:
    """Have a run that was deleted from the store before it was complete stored anew, and say so in a tag."""
    begun, known = journal.begun or {}, journal.stored.run_id
    if not known or target.has_run(known):
        return
    target.home(begun["experiment"], begun["experiment_tags"])  # in the trash with all its runs, it can be restored
    log.warning("tracking: run %s was deleted from %s; another one takes its place", known, target.shown)
    journal.stored = Stored(key=uuid.uuid4().hex, replaces=known)


def _tell(journal: RunJournal, name: str, *, added: bool) -> SyncedRun:
    note = ""
    if journal.pending:
        note = "another process is storing it"
    elif journal.stored.refused:
        note = "the store refuses a part of it"
    elif journal.ended is None:
        note = "it has not ended: it is still running, or was killed, which `rnnexp reap` finds out"
    complete = not (journal.pending or journal.stored.refused)
    return SyncedRun(name, journal.folder, journal.stored.run_id, complete, added, note)
