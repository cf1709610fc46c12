"""Reading runs back: through MLflow's client, or, of a local database, straight from its tables.

MLflow's client needs 4 s for a sweep of 1,000 runs and 2 s to be imported; the tables give the same in 0.3 s.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from rnnexp import strict
from rnnexp.config.renamed import current_keys, new_key
from rnnexp.disk import is_inside
from rnnexp.errors import ConfigError
from rnnexp.task import is_logged
from rnnexp.tracking import client, database, moved, names, store
from rnnexp.tracking.database import PARENT as PARENT
from rnnexp.tracking.database import Wanted as Wanted
from rnnexp.tracking.journal import DETAILS, ROWS

VARIED = "rnnexp.varied"
MIXED = "rnnexp.mixed_data"  # of a sweep whose jobs have seen several versions of their data or plugins

_ASKED_BY = re.compile(r"""\b(tags|params)\.([`"]?)([\w.]+)""")  # in a filter

log = logging.getLogger("rnnexp")


@dataclass(frozen=True)
class TrackedRun:
    """One run as MLflow remembers it; `started` and `ended` in milliseconds since 1970."""

    run_id: str
    name: str
    started: int
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    status: str = "FINISHED"
    ended: int | None = None
    experiment_id: str = ""
    artifacts: str = ""
    deleted: bool = False

    @property
    def is_sweep(self) -> bool:
        """Whether it is the parent of a sweep's runs."""
        return self.tags.get("rnnexp.kind") == "sweep"

    @property
    def job(self) -> int:
        """The number within its sweep; -1 for a run outside."""
        number = self.tags.get("rnnexp.job", "")
        return int(number) if number.isdigit() else -1

    @property
    def finished(self) -> bool:
        return self.status == "FINISHED" and not self.deleted

    @property
    def outcome(self) -> str:
        """How it ended; of a run that has not said so, what MLflow knows; "deleted" if it lies in MLflow's trash."""
        if self.deleted:
            return "deleted"
        return self.tags.get("rnnexp.outcome") or {"FINISHED": "ok"}.get(self.status, self.status.lower())


def select(uri: str | None, wanted: Wanted) -> list[TrackedRun]:
    """Return the runs that are wanted, the latest first.

    A filter may call tags and settings as they are called now or as they were; a server knows what it has stored.
    """
    expression = _rename(wanted.filter or "")
    where = store.tracking_uri(uri)
    if file := store.database(where):
        if not file.exists():
            return []
        moved.repair(file)
        try:
            found = [_of_today(TrackedRun(**row)) for row in database.runs(file, wanted)]
            fitting = client.find_fitting(found, expression) if expression else found
            if fitting is not None:
                return fitting[: wanted.limit]
        except sqlite3.Error as error:  # locked for long, or tables of another version: MLflow may know better
            log.debug("%s: %s", file, error)
    return _asked(where, wanted)


def histories(uri: str | None, run_ids: Sequence[str], metric: str) -> dict[str, list[tuple[int, float]]]:
    """Return (step, value) pairs of one metric for each run that has it, in the order of their steps."""
    where = store.tracking_uri(uri)
    if file := store.database(where):
        try:
            return database.histories(file, run_ids, metric)
        except sqlite3.Error as error:
            log.debug("%s: %s", file, error)
    return client.read_histories(where, run_ids, metric)


def artifact(uri: str | None, run: TrackedRun, path: str) -> str | None:
    """Return an artifact's text, from the folder of the run if it is not in the store; None if there is none."""
    where = store.tracking_uri(uri)
    place = urlparse(run.artifacts)
    if place.scheme != "file" and (text := _downloaded(where, run, path)) is not None:
        return text
    files = [Path(unquote(place.path)) / path] if place.scheme == "file" else []
    if folder := run_folder(run):
        files += [folder / path] if is_inside(folder / path, folder) else []
    found = next((file for file in files if file.is_file()), None)
    return found.read_text(encoding="utf-8", errors="replace") if found else None


def with_details(uri: str | None, run: TrackedRun) -> TrackedRun:
    """Return a run with all that it has logged at its end, also what it keeps beside the metrics of the store."""
    lines = (artifact(uri, run, ROWS) or "").splitlines()
    rows = [json.loads(line) for line in lines if DETAILS in line]
    found = {name: value for row in rows for name, value in row.get(DETAILS, {}).items()}
    return replace(run, metrics={**found, **run.metrics})


def with_metric(uri: str | None, runs: Sequence[TrackedRun], metric: str | None) -> list[TrackedRun]:
    """Return runs with what they keep beside the metrics of the store, if a metric is asked for that is among it.

    One of them is asked first: a server does not hear of each run because of a name that was mistyped.
    """
    known = {name for run in runs for name in run.metrics}
    latest = next((run for run in runs if run.finished), None)
    if metric is None or latest is None or is_logged(metric, known):
        return list(runs)
    return [with_details(uri, run) for run in runs] if metric in with_details(uri, latest).metrics else list(runs)


def run_folder(run: TrackedRun) -> Path | None:
    """Return the folder of a run, if it still holds this run."""
    folder = run.tags.get(moved.FOLDER)
    if folder is None:  # of an earlier version, which has it in its description alone
        found = re.search(r"^Folder: `(.+)`$", run.tags.get(moved.NOTE, ""), re.MULTILINE)
        folder = found[1] if found else ""
    return Path(folder) if folder and read_about(Path(folder)).get("run_id") == run.run_id else None


def read_about(folder: Path) -> dict[str, Any]:
    """Return what the folder of a run says of where it is stored; nothing if it does not, or cannot be read."""
    try:
        return strict.read_json(folder, "run.json")
    except ConfigError as error:
        if os.path.lexists(folder / "run.json"):
            log.warning("%s; the folder is read without its run", error)
        return {}


def _downloaded(uri: str, run: TrackedRun, path: str) -> str | None:
    from tempfile import TemporaryDirectory

    client.open_client(uri)
    artifacts = store.artifacts(run.artifacts, uri)
    with TemporaryDirectory() as folder:
        try:
            return Path(artifacts.download_artifacts(path, folder)).read_text(encoding="utf-8", errors="replace")
        except Exception as error:  # MLflow's stores raise whatever they like for what is not there
            log.debug("%s of run %s: %s", path, run.run_id, error)
            return None


def _asked(uri: str, wanted: Wanted) -> list[TrackedRun]:
    return [_of_today(TrackedRun(**fields)) for fields in client.search_runs(uri, wanted)]


def _rename(expression: str) -> str:
    """Return a filter with the names of today, and say which they are."""

    def rename(found: re.Match[str]) -> str:
        kind, quote, name = found.groups()
        new = names.FORMER_TAGS.get(name, name) if kind == "tags" else new_key(name)
        if new != name:
            log.warning("filter: %s.%s is called %s.%s now", kind, name, kind, new)
        return f"{kind}.{quote}{new}"

    return _ASKED_BY.sub(rename, expression)


def _of_today(run: TrackedRun) -> TrackedRun:
    """Return a run with the keys of its settings as they are called now, and the scores of its baselines as metrics."""
    varied = [new_key(key) for key in run.tags.get(VARIED, "").split(",")]
    tags = {**names.rename_tags(run.tags), **({VARIED: ",".join(varied)} if VARIED in run.tags else {})}
    metrics = {**names.read_baselines(run.tags), **run.metrics} if names.BASELINES in run.tags else run.metrics
    return replace(run, params=current_keys(run.params), tags=tags, metrics=metrics)
