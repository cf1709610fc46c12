"""One run in MLflow, seen from training: nothing here raises, waits long, or is lost without a word."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnexp.errors import first_line
from rnnexp.redact import redact
from rnnexp.tracking import store
from rnnexp.tracking.batch import Batch, Point, ask, write
from rnnexp.tracking.write_queue import PendingWrite, get_write_queue

if TYPE_CHECKING:
    from sqlite3 import Connection

    from mlflow import MlflowClient
    from mlflow.store.artifact.artifact_repo import ArtifactRepository

INTERVAL_S = 2.0
PATIENCE_S = 15.0

log = logging.getLogger("rnnexp")


@dataclass
class Remote:
    """The client for one run. A local database is written by the process's write queue; to anything else a thread sends
    the metrics every few seconds.

    place:   where the run's artifacts go;  params: those of the run, as MLflow has them
    at_once: whether the end of the run waits until all is written; else `flush` of the write queue has to be called
    """

    client: MlflowClient
    uri: str
    experiment_id: str
    run_id: str
    place: str
    params: Mapping[str, str] = field(default_factory=dict)
    at_once: bool = True

    def __post_init__(self) -> None:
        file = store.database(self.uri)
        self.write_queue = get_write_queue(file) if file else None
        self._points: list[Point] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._warned = False
        self._thread: threading.Thread | None = None
        if self.write_queue is None:
            self._thread = threading.Thread(target=self._work, name="rnnexp-metrics", daemon=True)
            self._thread.start()

    def metrics(self, points: list[Point]) -> None:
        """Take points to be sent soon."""
        if self.write_queue:
            self.log("metrics", Batch(points=points))
            return
        with self._lock:
            self._points += points

    def call(self, what: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call the store; a failure is told once, and training goes on (None comes back)."""
        try:
            return function(*arguments)
        except Exception as error:  # MLflow, SQLAlchemy, requests and the disk raise whatever they like
            self._warn(what, error)
            return None

    def log(self, what: str, batch: Batch) -> bool:
        """Log a batch; False if that failed already, which is told once."""
        if self.write_queue is None:
            return self.call(what, self._log, batch) is not None
        rows = partial(write, run_id=self.run_id, batch=batch)
        self.put(what, rows, partial(self._log, batch), len(batch.points))
        return True

    def put(self, what: str, rows: Callable[[Connection], None], ask: Callable[[], Any], size: int = 1) -> None:
        """Have something written to the local database soon; `ask` does the same by MLflow's client."""
        if self.write_queue:
            self.write_queue.put(PendingWrite(what, rows, ask, self.call, size))

    def upload(self, path: Path, folder: str | None = None) -> None:
        """Copy a file into `folder` of the run's artifacts."""
        self.call(path.name, self._upload, path, folder)

    def close(self, status: str) -> None:
        """Send the rest, waiting at most `PATIENCE_S` for a server, and end the run with its true status."""
        if self.write_queue:
            self.log(f"the status {status}", Batch(status=status))
            if self.at_once:
                self.write_queue.flush()
            return
        self._closing.set()
        if self._thread:
            self._thread.join(PATIENCE_S)
        if self._points:
            self._warn("metrics", TimeoutError(f"{len(self._points)} points could not be sent"))
        self.log(f"the status {status}", Batch(status=status))

    @cached_property
    def _artifacts(self) -> ArtifactRepository:
        return store.artifacts(self.place, self.uri)

    def _upload(self, path: Path, folder: str | None) -> None:
        self._artifacts.log_artifact(str(path), folder)

    def _work(self) -> None:
        while not self._closing.wait(INTERVAL_S):
            self._send_all()
        self._send_all()

    def _send_all(self) -> None:
        """Send what has gathered; if that fails, it stays in line for the next attempt."""
        with self._lock:
            waiting, self._points = self._points, []
        if waiting and not self.log("metrics", Batch(points=waiting)):
            with self._lock:
                self._points = waiting + self._points

    def _log(self, batch: Batch) -> bool:
        ask(self.client, self.run_id, batch)
        return True

    def _warn(self, what: str, error: Exception) -> None:
        log.debug("tracking: %s", what, exc_info=error)
        if not self._warned:
            self._warned = True
            reason = redact(first_line(error))
            log.warning("tracking: %s could not be stored (%s); all of it is in the run's folder", what, reason)
