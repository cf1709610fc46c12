"""One run on its way from its journal into a store, entry by entry; doing an entry twice changes nothing."""

from __future__ import annotations

import json
import logging
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rnnexp.disk import is_inside
from rnnexp.errors import TrackingError, first_line
from rnnexp.redact import redact, redact_file
from rnnexp.tracking import inputs, store, tables, uploads
from rnnexp.tracking.batch import Batch, Point, ask, remove_tag, write
from rnnexp.tracking.journal import MODEL, Record, RunJournal
from rnnexp.tracking.local_files import LocalFiles
from rnnexp.tracking.mlflow_import import import_mlflow
from rnnexp.tracking.moved import name_place
from rnnexp.tracking.target import KEY, REPLACES, Target

if TYPE_CHECKING:
    from mlflow.store.artifact.artifact_repo import ArtifactRepository

INCOMPLETE = "rnnexp.incomplete"  # the tag of a run that has ended and of which the store has refused something
# MLflow's words for what it will not take however often it is asked.
_REFUSING = ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS", "INVALID_STATE")
OUTDATED = "This was of an earlier attempt, with which the run has gone on.\n"

log = logging.getLogger("rnnexp")


class Operation(NamedTuple):
    """One thing to be stored.

    ask:   does it by MLflow's client, or by copying files
    write: does the same as rows of a local database; None if only `ask` will do
    entries, rows: how far the journal is stored afterwards;  size: rows, about
    """

    what: str
    ask: Callable[[], Any]
    write: Callable[[sqlite3.Connection], Any] | None
    entries: int
    rows: int
    size: int = 1


class TargetRun:
    """One run on its way into a store."""

    def __init__(self, target: Target, journal: RunJournal) -> None:
        self.target, self.journal = target, journal
        self.stored = journal.stored

    def push_by_client(self) -> None:
        for operation in self.operations():
            self.ask(operation)
            self.advance(operation)

    def ask(self, operation: Operation) -> None:
        """Do it by MLflow's client; what the store will never take is told, noted, and passed over."""
        try:
            operation.ask()
        except Exception as error:
            # When Python ends, folders for what is on its way are gone before this thread is.
            ending = not threading.main_thread().is_alive()
            if ending or not _is_final(error, self.target) or operation.what == "begin":
                raise
            self._refuse(operation, error)

    def _refuse(self, operation: Operation, error: Exception) -> None:
        log.debug("tracking: %s", operation.what, exc_info=error)
        if not self.stored.refused:
            reason = redact(first_line(error))
            log.warning(
                "tracking: %s could not be stored (%s); all of it is in the run's folder", operation.what, reason
            )
        self.stored.refused.append(self.stored.entries)

    def advance(self, operation: Operation) -> None:
        self.stored.entries, self.stored.rows = operation.entries, operation.rows
        if operation.what == "begin":
            self._keep_id()
        self.journal.save(at_once=operation.what in ("begin", "end") or self.target.file is None)

    def operations(self) -> Iterator[Operation]:
        """Yield what is to be done; rows come before what was logged after them, such as the end."""
        entries, _ = self.journal.entries.read(self.stored.entries)
        here, at = self.stored.entries, self.stored.rows
        if entries and entries[0][0]["event"] == "begin":
            entry, here = entries.pop(0)
            yield from self._begin(entry, here, at)
        while (rows := self.journal.rows.read(at))[1] > at:
            read, at = rows
            points = [Point(k, v, row["time"], row["step"]) for row, _ in read for k, v in row["metrics"].items()]
            yield self._batch("metrics", Batch(points=points), here, at)
        for entry, here in entries:
            yield from self._operations[entry["event"]](self, entry, here, at)

    def _begin(self, entry: Record, here: int, at: int) -> Iterator[Operation]:
        """Make the run known, or set one that is known running again, with its parameters and tags."""
        stored, target = self.stored, self.target
        home = target.home(entry["experiment"], entry["experiment_tags"])
        tags = {**name_place(entry["tags"], self.journal.folder), **self._parent_tag(entry["parent"])}
        if stored.replaces:
            tags |= {REPLACES: stored.replaces, KEY: entry["key"]}
        batch = Batch(params=entry["params"], tags=tags)
        known = stored.run_id if entry["again"] else None
        stored.repeated |= stored.creating  # a server may yet do what it has been asked for, and so do it twice
        if known is None and (entry["again"] or stored.creating):
            known = target.find_run(entry["key"])
        stored.uri, stored.experiment_id = target.shown, home.experiment_id
        asked = partial(self._begin_by_client, entry, known, batch)
        if target.file and known and known == stored.run_id and stored.place:
            # As rows like its first beginning, which may wait for the same transaction: a client would not find it.
            written_again = partial(tables.write_run_again, run_id=known, values=batch)
            yield Operation("begin", asked, written_again, here, at, 100)
            return
        if known or target.file is None or "?" in home.location:
            yield Operation("begin", asked, None, here, at)
            return
        key = stored.key or entry["key"]
        stored.run_id, stored.place = key, f"{home.location}/{key}/artifacts"
        run = tables.NewRun(key, entry["name"], entry["time"], home.experiment_id, stored.place)

        def written(connection: sqlite3.Connection) -> None:
            tables.write_run(connection, run, tags)
            write(connection, key, batch)

        yield Operation("begin", partial(self._begin_by_client, entry, None, batch), written, here, at, 100)

    def _parent_tag(self, parent: str | None) -> dict[str, str]:
        if parent is None:
            return {}
        found = self.target.find_run(parent)
        if found is None and self.target.file is None:
            raise TrackingError(f"{self.target.shown}: the run of the sweep is not there yet")
        return {"mlflow.parentRunId": found or parent}

    def _begin_by_client(self, entry: Record, known: str | None, batch: Batch) -> None:
        client, stored, run = self.target.client, self.stored, None
        from mlflow.exceptions import MlflowException

        if known:
            try:
                client.update_run(known, status="RUNNING")
                run = client.get_run(known)
            except MlflowException as error:
                if not _is_final(error, self.target):
                    raise
        if run is None:  # the store gives it an id of its own; a tag finds it should the answer get lost
            stored.run_id, stored.creating = None, True
            self.journal.save()
            tags = {**batch.tags, KEY: entry["key"]}
            run = client.create_run(stored.experiment_id, entry["time"], tags, entry["name"])
        stored.run_id, stored.place = run.info.run_id, str(run.info.artifact_uri)
        ask(client, run.info.run_id, batch)
        stored.creating = False

    def _keep_id(self) -> None:
        """Leave word in the run's folder: whoever finds it finds the run in MLflow."""
        known = {"run_id": self.stored.run_id, "experiment_id": self.stored.experiment_id, "uri": self.target.shown}
        with suppress(OSError):
            (self.journal.folder / "run.json").write_text(json.dumps(known) + "\n", encoding="utf-8")

    def _batch(self, what: str, batch: Batch, here: int, at: int) -> Operation:
        run_id = str(self.stored.run_id)
        written = partial(write, run_id=run_id, batch=batch)
        return Operation(what, lambda: ask(self.target.client, run_id, batch), written, here, at, 1 + len(batch.points))

    def _tags(self, entry: Record, here: int, at: int) -> Iterator[Operation]:
        yield self._batch("tags", Batch(tags=entry["tags"]), here, at)

    def _experiment(self, entry: Record, here: int, at: int) -> Iterator[Operation]:
        def asked() -> None:
            for tag in entry["tags"].items():
                self.target.client.set_experiment_tag(self.stored.experiment_id, *tag)

        yield Operation("tags", asked, None, here, at)

    def _data(self, entry: Record, here: int, at: int) -> Iterator[Operation]:
        parts = [inputs.DataPart(**part) for part in entry["parts"]]
        run_id = str(self.stored.run_id)

        def asked() -> None:
            self.target.client.log_inputs(run_id, [inputs.make_dataset_input(part) for part in parts])

        yield Operation("the data", asked, partial(tables.write_inputs, run_id=run_id, parts=parts), here, at)

    def _file(self, entry: Record, here: int, at: int) -> Iterator[Operation]:
        yield Operation(entry["path"], partial(self._upload, entry["path"], entry["redacted"]), None, here, at)

    def _upload(self, name: str, redacted: bool) -> None:
        """Copy a file to its place among the run's; `redacted`: others wrote it, and the folder keeps it as it is."""
        path = self.journal.folder / name
        if not path.exists() and self.journal.has_removed(name):
            return
        if not is_inside(path, self.journal.folder):
            raise PermissionError(f"{path}: is a link that leads out of the run's folder")
        artifacts = self._artifacts()
        with tempfile.TemporaryDirectory() as folder:
            if redacted:
                path = redact_file(path, Path(folder) / path.name)
            size = path.stat().st_size
            uploads.send(artifacts, path, name)
        if uploads.is_listed(artifacts, name):
            self.stored.sent[name] = (size, redacted)

    def _removed(self, entry: Record, here: int, at: int) -> Iterator[Operation]:
        yield Operation(f"the end of {entry['path']}", partial(self._remove, entry["path"]), None, here, at)

    def _remove(self, name: str) -> None:
        """Delete a file from among the run's, unless it has come anew; where a store cannot, words replace it."""
        self.stored.sent.pop(name, None)
        if not (self.journal.folder / name).exists():
            uploads.remove(self._artifacts(), name, OUTDATED)

    def _show_files(self) -> None:
        """Have the store show the files that it was sent; what it does not have is sent again, once."""
        artifacts, sent = self._artifacts(), self.stored.sent
        if missing := uploads.find_missing(artifacts, {name: size for name, (size, _) in sent.items()}):
            for name in missing:
                self._upload(name, sent[name][1])
            uploads.require(artifacts, {name: sent[name][0] for name in missing})
        sent.clear()

    def _artifacts(self) -> ArtifactRepository | LocalFiles:
        return store.artifacts(self.stored.place, self.target.uri)

    def _model(self, entry: Record, here: int, at: int) -> Iterator[Operation]:
        from rnnexp.tracking import model

        points = [Point(*point) for point in entry["points"]]
        folder = self.journal.folder
        saved = model.SavedModel(folder / entry["bundle"], folder / MODEL, entry["params"], points)
        target, run_id = self.target, str(self.stored.run_id)
        logged = tables.new_model(entry["number"], run_id, self.stored.place) if target.file else None

        def asked() -> None:
            saved.log_by_client(model.ModelPlace(target.client, target.uri, self.stored.experiment_id, run_id))

        if logged is None:
            yield Operation("the model", asked, None, here, at)
            return

        def asked_instead() -> None:  # the tables are of another version: MLflow knows them, and names a model itself
            store.artifacts(logged.artifact_location, target.uri).delete_artifacts()
            asked()

        written = partial(tables.write_model, model=logged, params=entry["params"], points=points)
        yield Operation("the model", partial(saved.upload, target.uri, logged), None, self.stored.entries, at)
        yield Operation("the model", asked_instead, written, here, at, len(points))

    def _end(self, entry: Record, here: int, at: int) -> Iterator[Operation]:
        """End the run; one that the store has refused a part of says so in a tag."""
        if self.stored.sent:
            yield Operation("files", self._show_files, None, self.stored.entries, at)
        if self.stored.repeated:
            doubles = partial(self.target.remove_doubles, str(self.stored.run_id))
            yield Operation("the run", doubles, None, self.stored.entries, at)
        tags = {INCOMPLETE: f"{len(self.stored.refused)} refused"} if self.stored.refused else {}
        if not tags and (self.stored.marked or self.journal.is_taken_up):
            unmark = partial(remove_tag, run_id=str(self.stored.run_id), key=INCOMPLETE)
            yield Operation("tags", self._unmark, unmark, self.stored.entries, at)
        self.stored.marked = bool(tags)
        yield self._batch("end", Batch(tags=tags, status=entry["status"], ended=entry["time"]), here, at)

    def _unmark(self) -> None:
        run_id = str(self.stored.run_id)
        if INCOMPLETE in self.target.client.get_run(run_id).data.tags:
            self.target.client.delete_tag(run_id, INCOMPLETE)

    _operations: Mapping[str, Callable[[TargetRun, Record, int, int], Iterator[Operation]]] = {
        "begin": _begin,
        "tags": _tags,
        "experiment": _experiment,
        "data": _data,
        "file": _file,
        "removed": _removed,
        "model": _model,
        "end": _end,
    }


def _is_final(error: Exception, target: Target) -> bool:
    """Say whether a store will never take something; a proxy's page or a server in trouble says nothing of that."""
    if isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError):
        return True
    import_mlflow()
    from mlflow.exceptions import MlflowException, RestException

    known = isinstance(error, MlflowException if target.file else RestException)
    return known and str(getattr(error, "error_code", "")) in _REFUSING
