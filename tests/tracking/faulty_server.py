"""A real tracking server on loopback, in this process, that fails as it is told to."""

from __future__ import annotations

import io
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

from rnnexp.tracking import pusher
from rnnexp.tracking.store import open_store

PAGE = b"<html><body>Sign in to go on</body></html>"
ANSWERS = {
    "500": ("500 Internal Server Error", "application/json", b'{"error_code": "INTERNAL_ERROR", "message": "boom"}'),
    "503": ("503 Service Unavailable", "text/html", PAGE),
    "429": ("429 Too Many Requests", "application/json", b'{"error_code": "RESOURCE_EXHAUSTED", "message": "slower"}'),
    "401": ("401 Unauthorized", "text/plain", b"You are not authenticated."),
    "403": (
        "403 Forbidden",
        "application/json",
        b'{"error_code": "PERMISSION_DENIED", "message": "Permission denied"}',
    ),
    "404": ("404 Not Found", "text/html", PAGE),
    "html": ("200 OK", "text/html", PAGE),
    "empty": ("200 OK", "text/plain", b""),
    "json": ("200 OK", "application/json", b"{}"),
}
HEADERS = [("Retry-After", "30")]  # of every refusal: who obeys it waits
HANGS_S = 30.0


class Quiet(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        pass


class FaultyServer:
    """MLflow's own application over a SQLite database; `fault` is what every request meets, None for none.

    "dead" does not listen any more, "hang" and "reset" answer nothing, "slow" waits `delay` seconds, "lost" does what
    is asked and loses the answer; others are the keys of `ANSWERS`. `after` requests that change something are let
    through before the fault sets in; `met` counts those that met it. With `only`, the beginning of a method and a path,
    no others meet it or are counted, and `times` says how many do: "cut" is then a file of which half gets lost.
    """

    def __init__(self, app: Any, files: Path) -> None:
        self.files = files  # where it keeps them
        self.app, self.fault, self.after, self.delay, self.met = app, None, 0, 1.0, 0
        self.only, self.times = "", 0
        self.fault: str | None
        self.requests: list[str] = []
        self.users: set[str | None] = set()  # who has asked, as HTTP writes it
        self._released = threading.Event()
        self._port = 0
        self._listen()
        self.uri = f"http://127.0.0.1:{self._port}"

    def _listen(self) -> None:
        self.server = make_server("127.0.0.1", self._port, self, threaded=True, request_handler=Quiet)
        self._port, self._listens = self.server.port, True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        if self._listens:
            self._listens = False
            self.server.shutdown()
            self.server.server_close()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        self.requests.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
        self.users.add(environ.get("HTTP_AUTHORIZATION"))
        fault = self.fault if self.requests[-1].startswith(self.only) else None
        if fault and self.after > 0:
            self.after -= bool(self.only) or environ["REQUEST_METHOD"] != "GET"
            fault = None
        if fault and self.times and self.met >= self.times:
            fault = None
        self.met += fault is not None
        if fault == "cut":
            size = int(environ["CONTENT_LENGTH"]) // 2
            environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(environ["wsgi.input"].read(size)), str(size)
        if fault == "dead":
            threading.Thread(target=self.close, daemon=True).start()
        if fault == "hang":
            self._released.wait(HANGS_S)
        if fault == "lost":
            b"".join(self.app(environ, lambda *_: lambda _: None))
        if fault in ("dead", "hang", "reset", "lost"):
            environ["werkzeug.socket"].close()
            raise ConnectionResetError
        if fault in ANSWERS:
            status, kind, body = ANSWERS[fault]
            start_response(status, [*HEADERS, ("Content-Type", kind), ("Content-Length", str(len(body)))])
            return [body]
        if fault == "slow":
            time.sleep(self.delay)
        return self.app(environ, start_response)

    def fail(self, fault: str, after: int = 0, only: str = "", times: int = 0) -> None:
        self.after, self.fault, self.met, self.only, self.times = after, fault, 0, only, times
        self._released.clear()
        if fault == "dead" and not after and not only:
            self.met = 1
            self.close()
        if not times:
            os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = (
                "1"  # the client's patience; a busy machine that is well gets more
            )

    def heal(self) -> None:
        os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = "60"
        self.fault = None
        self._released.set()
        if not self._listens:
            self._listen()


@contextmanager
def running(folder: Path, monkeypatch: Any) -> Iterator[FaultyServer]:
    """Serve a new database in `folder`."""
    import mlflow
    from mlflow import server as mlflow_server

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a library of MLflow's warns of itself, in the midst of a request
        import mlflow.server.fastapi_app
    from mlflow.server import handlers

    uri = f"sqlite:///{folder / 'server.db'}"
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv(mlflow_server.BACKEND_STORE_URI_ENV_VAR, uri)
    monkeypatch.setenv(mlflow_server.ARTIFACT_ROOT_ENV_VAR, "mlflow-artifacts:/")
    monkeypatch.setenv(mlflow_server.ARTIFACTS_DESTINATION_ENV_VAR, str(folder / "served"))
    monkeypatch.setenv(mlflow_server.SERVE_ARTIFACTS_ENV_VAR, "true")
    for cached in ("_tracking_store", "_artifact_repo", "_model_registry_store"):
        monkeypatch.setattr(handlers, cached, None)
    open_store(uri)  # makes the tables, which takes longer than any request
    faulty = FaultyServer(mlflow_server.app, folder / "served")
    faulty.heal()
    try:
        yield faulty
    finally:
        faulty.heal()
        faulty.close()
        mlflow.set_tracking_uri(None)  # type: ignore[arg-type]  # the application sets it for the whole process


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyServer]:
    """Serve a new database, for which the end of a run waits a second."""
    monkeypatch.setattr(pusher, "PATIENCE_S", 1.0)
    with running(tmp_path, monkeypatch) as found:
        yield found
        found.heal()
        pusher.get_pusher(found.uri)._journals.clear()  # its thread would go on
