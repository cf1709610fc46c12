"""One run in MLflow, seen from training: nothing here raises, waits long, or is lost without a word."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from rnnexp.redact import redact

if TYPE_CHECKING:
    from mlflow import MlflowClient

INTERVAL_S = 2.0
PATIENCE_S = 15.0
CHUNK = 1000  # MLflow's limit of metrics per request

log = logging.getLogger("rnnexp")


class Point(NamedTuple):
    """One value of a metric; `time` (ms since 1970) is the original one, so sending twice changes nothing."""

    key: str
    value: float
    time: int
    step: int


@dataclass
class Remote:
    """The client for one run, with a thread that sends its metrics every few seconds."""

    client: MlflowClient
    uri: str
    experiment_id: str
    run_id: str

    def __post_init__(self) -> None:
        self._points: list[Point] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._warned = False
        self._thread = threading.Thread(target=self._work, name="rnnexp-metrics", daemon=True)
        self._thread.start()

    def metrics(self, points: list[Point]) -> None:
        """Take points to be sent soon."""
        with self._lock:
            self._points += points

    def call(self, what: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call the store; a failure is told once, and training goes on (None comes back)."""
        try:
            return function(*arguments)
        except Exception as error:  # MLflow, SQLAlchemy, requests and the disk raise whatever they like
            self._warn(what, error)
            return None

    def flush(self) -> None:
        """Send what has gathered, and wait for it."""
        self._send_all()

    def close(self, status: str) -> None:
        """Send the rest, waiting at most `PATIENCE_S`, and end the run with its true status."""
        self._closing.set()
        self._thread.join(PATIENCE_S)
        if self._points:
            self._warn("metrics", TimeoutError(f"{len(self._points)} points could not be sent"))
        self.call(f"the status {status}", self.client.set_terminated, self.run_id, status)

    def _work(self) -> None:
        while not self._closing.wait(INTERVAL_S):
            self._send_all()
        self._send_all()

    def _send_all(self) -> None:
        """Send in chunks; what fails stays in line for the next attempt."""
        with self._lock:
            waiting, self._points = self._points, []
        while waiting and self._send(waiting[:CHUNK]):
            waiting = waiting[CHUNK:]
        with self._lock:
            self._points = waiting + self._points

    def _send(self, points: list[Point]) -> bool:
        from mlflow.entities import Metric

        sent = self.call("metrics", self._log_batch, [Metric(*point) for point in points])
        return sent is not None

    def _log_batch(self, metrics: list[Any]) -> bool:
        self.client.log_batch(self.run_id, metrics=metrics)
        return True

    def _warn(self, what: str, error: Exception) -> None:
        log.debug("tracking: %s", what, exc_info=error)
        if not self._warned:
            self._warned = True
            reason = redact(str(error)).strip().partition("\n")[0]
            log.warning("tracking: %s could not be stored (%s); all of it is in the run's folder", what, reason)
